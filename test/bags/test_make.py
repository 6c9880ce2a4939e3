# Copyright 2026 vpr_ros contributors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""Frames of any source become a bag that can be replayed."""

from dataclasses import replace
import sqlite3

import numpy as np
import pytest
from vpr_ros.bags.make import write_frames
from vpr_ros.bags.reader import BagReader
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.errors import VprError
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.sensors import SatelliteFix
from vpr_ros.types import Frame
from vpr_ros.types import Pose

ANTENNA = Pose([-0.4, 0.2, 1.6], [0.0, 0.0, 0.6, 0.8])


def test_counts_and_progress(tmp_path, frames):
    seen = []
    written = write_frames(tmp_path / 'out.mcap', iter(frames), on_frame=seen.append)
    assert written.path == tmp_path / 'out.mcap'
    assert written.frames == 6 and seen == [1, 2, 3, 4, 5, 6]
    assert dict(written.messages) == {
        '/tf_static': 1, '/camera/camera_info': 6, '/camera/image_raw': 6, '/odom': 6, '/tf': 6,
        '/ground_truth/pose': 6}


def test_bare_images_make_an_image_topic_alone(tmp_path, frames):
    bare = [Frame(frame.stamp_ns, frame.image) for frame in frames]
    written = write_frames(tmp_path / 'out.mcap', bare, encoding='jpeg', image_topic='/eye')
    assert dict(written.messages) == {'/eye/compressed': 6}
    with BagReader(written.path) as bag:
        assert [f.stamp_ns for f in bag.frames('/eye')] == [f.stamp_ns for f in frames]


def test_jpeg_quality_is_used(tmp_path, frames):
    sizes = [write_frames(tmp_path / f'{quality}.mcap', frames, encoding='jpeg',
                          jpeg_quality=quality).path.stat().st_size for quality in (20, 100)]
    assert sizes[0] < sizes[1]


def test_frame_names(tmp_path, frames):
    path = write_frames(tmp_path / 'out.mcap', frames, odometry_topic='/wheel/odom',
                        odom_frame='o', map_frame='m', base_frame='b', pose_topic='/p').path
    with BagReader(path) as bag:
        odometry = next(bag.poses('/wheel/odom'))
        assert (odometry.parent, odometry.child) == ('o', 'b')
        assert next(bag.poses('/p')).parent == 'm'
        static, = bag.transforms('/tf_static')
        assert (static.parent, static.child) == ('b', 'front_optical_frame')
        image = next(bag.messages(['/camera/image_raw']))
        assert image.message.header.frame_id == 'front_optical_frame'
        assert (image.stamp_ns, image.message.header.stamp.nanosec) == (
            frames[0].stamp_ns, frames[0].stamp_ns % 10**9)


def test_several_cameras(tmp_path, frames):
    both = [Frame(f.stamp_ns, f.image + value, camera=camera)
            for f in frames for camera, value in (('left', 0), ('right', 1))]
    with pytest.raises(ValueError, match="'left' and 'right' cannot share"):
        write_frames(tmp_path / 'out.mcap', both)
    assert list(tmp_path.iterdir()) == []
    path = write_frames(tmp_path / 'out.mcap', both, image_topic='/{camera}/image_raw').path
    with BagReader(path) as bag:
        assert [t.name for t in bag.image_topics()] == ['/left/image_raw', '/right/image_raw']
        right = next(bag.frames('/right/image_raw', camera='right'))
    assert right.camera == 'right' and np.array_equal(right.image, frames[0].image + 1)


def test_a_source_that_fails_leaves_nothing(tmp_path, frames):
    def source():
        yield frames[0]
        raise OSError('the disk is gone')

    with pytest.raises(OSError, match='the disk is gone'):
        write_frames(tmp_path / 'out.mcap', source())
    assert list(tmp_path.iterdir()) == []


def test_unknown_encoding(tmp_path, frames):
    with pytest.raises(VprError, match="unknown image encoding of a bag 'jpg'; did you mean"):
        write_frames(tmp_path / 'out.mcap', frames, encoding='jpg')


def test_real_images_survive(tmp_path, shared_data):
    import cv2
    paths = sorted((shared_data / 'benchmark' / 'gardens_point' / 'night_right').iterdir())[:3]
    real = [Frame(1_700_000_000_123_456_789 + i, cv2.imread(str(path))[:, :, ::-1])
            for i, path in enumerate(paths)]
    bag_path = write_frames(tmp_path / 'out.mcap', real).path
    with BagReader(bag_path) as bag:
        for read, written in zip(bag.frames(), real, strict=True):
            assert np.array_equal(read.image, written.image)
            assert read.stamp_ns == written.stamp_ns


@pytest.fixture
def vehicle(make_frames):
    """Return frames at about 10 Hz with odometry at 50 Hz and fixes at 2.5 Hz around them."""
    frames = make_frames(6)
    begin_ns = frames[0].stamp_ns - 70_000_000
    odometry = [StampedPose(begin_ns + i * 20_000_000, 'odom', 'base_link',
                            Pose.from_xy_yaw(0.1 * i, 0.02 * i, 0.01 * i)) for i in range(40)]
    covariance = np.array([[4.0, 0.5, 0.0], [0.5, 5.0, 0.1], [0.0, 0.1, 9.0]])
    fixes = [SatelliteFix(begin_ns - 5 + i * 400_000_000, -27.5 + 1e-6 * i, 153.25, 12.5 + i,
                          valid=i != 1, covariance=covariance if i else None) for i in range(3)]
    return frames, {'odometry': odometry, 'fixes': fixes, 'T_base_gps': ANTENNA}


@pytest.mark.parametrize('name', ['out.mcap', 'out.db3'])
def test_other_sensors_keep_their_own_rates(tmp_path, vehicle, name):
    frames, streams = vehicle
    written = write_frames(tmp_path / name, frames, **streams)
    assert dict(written.messages) == {
        '/tf_static': 1, '/odom': 40, '/tf': 40, '/gps/fix': 3, '/camera/camera_info': 6,
        '/camera/image_raw': 6, '/ground_truth/pose': 6}
    with BagReader(written.path) as bag:
        for topic in ('/odom', '/tf'):
            read = list(bag.poses(topic) if topic == '/odom' else bag.transforms(topic))
            assert [(s.stamp_ns, s.parent, s.child) for s in read] == [
                (s.stamp_ns, s.parent, s.child) for s in streams['odometry']]
            for found, given in zip(read, streams['odometry'], strict=True):
                assert np.allclose(found.pose.matrix(), given.pose.matrix(), atol=1e-12)
        for message in bag.messages(['/odom', '/gps/fix', '/camera/image_raw']):
            stamp = message.message.header.stamp
            assert stamp.sec * 10**9 + stamp.nanosec == message.stamp_ns


def test_messages_lie_in_order_of_time_with_the_static_transforms_first(tmp_path, vehicle):
    frames, streams = vehicle
    path = write_frames(tmp_path / 'out.db3', frames, **streams).path
    with sqlite3.connect(path) as database:  # readers sort; the table tells how it was written
        rows = list(database.execute(
            'SELECT topics.name, messages.timestamp FROM messages JOIN topics '
            'ON topics.id = messages.topic_id ORDER BY messages.id'))
    database.close()
    stamps = [stamp for _, stamp in rows]
    assert stamps == sorted(stamps)
    assert rows[:2] == [('/tf_static', streams['fixes'][0].stamp_ns),
                        ('/gps/fix', streams['fixes'][0].stamp_ns)]
    assert rows[-1] == ('/gps/fix', streams['fixes'][-1].stamp_ns)
    assert stamps[-1] > frames[-1].stamp_ns


def test_transforms_of_a_stamp_precede_its_image(tmp_path, vehicle):
    frames, _ = vehicle
    odometry = [StampedPose(f.stamp_ns, 'odom', 'base_link', f.T_odom_base) for f in frames]
    with BagReader(write_frames(tmp_path / 'out.mcap', frames, odometry=odometry).path) as bag:
        topics = [message.topic for message in bag.messages()]
    assert topics[0] == '/tf_static'
    assert topics[1:] == ['/odom', '/tf', '/camera/camera_info', '/camera/image_raw',
                          '/ground_truth/pose'] * 6


def test_fixes_survive_with_their_covariance(tmp_path, vehicle):
    frames, streams = vehicle
    path = write_frames(tmp_path / 'out.mcap', frames, **streams).path
    with BagReader(path) as bag:
        read = list(bag.fixes('/gps/fix'))
        assert {m.message.header.frame_id for m in bag.messages(['/gps/fix'])} == {'gps_link'}
    for found, given in zip(read, streams['fixes'], strict=True):
        assert (found.stamp_ns, found.latitude_deg, found.longitude_deg, found.altitude_m,
                found.valid) == (given.stamp_ns, given.latitude_deg, given.longitude_deg,
                                 given.altitude_m, given.valid)
    assert read[0].covariance is None
    assert np.array_equal(read[2].covariance, streams['fixes'][2].covariance)


def test_camera_and_antenna_hang_on_the_base_in_one_message(tmp_path, vehicle):
    frames, streams = vehicle
    path = write_frames(tmp_path / 'out.mcap', frames, gps_topic='/fix', gps_frame='antenna',
                        **streams).path
    with BagReader(path) as bag:
        edges = {edge.child: edge for edge in bag.transforms('/tf_static')}
        assert {m.message.header.frame_id for m in bag.messages(['/fix'])} == {'antenna'}
    assert set(edges) == {'front_optical_frame', 'antenna'}
    assert {edge.parent for edge in edges.values()} == {'base_link'}
    assert np.allclose(edges['antenna'].pose.matrix(), ANTENNA.matrix(), atol=1e-12)
    mounting = frames[0].calibration.T_base_optical
    assert np.allclose(edges['front_optical_frame'].pose.matrix(), mounting.matrix(), atol=1e-12)


def test_each_further_camera_is_mounted_when_it_appears(tmp_path, frames):
    both = [replace(f, camera=camera) for f in frames for camera in ('left', 'right')]
    path = write_frames(tmp_path / 'out.mcap', both, image_topic='/{camera}/image_raw',
                        T_base_gps=ANTENNA).path
    with BagReader(path) as bag:
        assert [edge.child for edge in bag.transforms('/tf_static')] == [
            'left_optical_frame', 'gps_link', 'right_optical_frame']


def test_a_traverse_comes_back_with_its_odometry(tmp_path, vehicle):
    frames, streams = vehicle

    class Images:

        def __len__(self):
            return len(frames)

        def read(self, index):
            return frames[index].image

        def label(self, index):
            return str(index)

    traverse = Traverse.of(
        Images(), name='drive', stamps_ns=[f.stamp_ns for f in frames],
        poses=tuple(f.T_map_base for f in frames), calibration=frames[0].calibration,
        odometry=tuple(streams['odometry']), fixes=tuple(streams['fixes']), T_base_gps=ANTENNA)
    path = write_frames(tmp_path / 'out.mcap', traverse.frames(), odometry=traverse.odometry,
                        fixes=traverse.fixes, T_base_gps=traverse.T_base_gps).path
    with BagReader(path) as bag:
        read = list(bag.frames(odometry_topic='/odom', pose_topic='/ground_truth/pose'))
    for found, given in zip(read, traverse, strict=True):
        assert found.T_odom_base.distance_to(given.T_odom_base) < 1e-9
        assert found.T_odom_base.angle_to(given.T_odom_base) < 1e-9
        # 0.1 m every 20 ms, at stamps between the samples
        since_ns = given.stamp_ns - streams['odometry'][0].stamp_ns
        assert found.T_odom_base.position[0] == pytest.approx(5 * since_ns / 1e9, abs=1e-9)
        assert found.T_map_base.distance_to(given.T_map_base) < 1e-12
        assert np.array_equal(found.image, given.image)
        assert np.array_equal(found.calibration.matrix, given.calibration.matrix)
        assert np.allclose(found.calibration.T_base_optical.matrix(),
                           given.calibration.T_base_optical.matrix())


def test_a_frame_is_read_when_the_one_before_is_written(tmp_path, vehicle):
    frames, streams = vehicle
    written, taken = [], []

    def source():
        for number, frame in enumerate(frames):
            assert written == list(range(1, number + 1))
            yield frame

    def samples():
        for sample in streams['odometry']:
            taken.append(len(written))
            yield sample

    write_frames(tmp_path / 'out.mcap', source(), on_frame=written.append,
                 **{**streams, 'odometry': samples()})
    assert written == [1, 2, 3, 4, 5, 6]
    assert set(taken) == {0, 1, 2, 3, 4, 5, 6}


def test_sensors_alone_make_a_bag_and_nothing_makes_an_empty_one(tmp_path, vehicle):
    _, streams = vehicle
    alone = write_frames(tmp_path / 'alone.mcap', [], **streams)
    assert alone.frames == 0
    assert dict(alone.messages) == {'/tf_static': 1, '/gps/fix': 3, '/odom': 40, '/tf': 40}
    assert dict(write_frames(tmp_path / 'none.mcap', [], T_base_gps=ANTENNA).messages) == {}


def test_odometry_of_another_frame_than_the_base_is_refused(tmp_path, vehicle):
    frames, streams = vehicle
    with pytest.raises(ValueError, match="of the frame 'base', .* it is of 'base_link'"):
        write_frames(tmp_path / 'out.mcap', frames, base_frame='base', **streams)
    assert list(tmp_path.iterdir()) == []
