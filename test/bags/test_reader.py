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

"""Bags of every kind read alike."""

import os
import shutil
import tracemalloc

import numpy as np
import pytest
from vpr_ros.bags.make import write_frames
from vpr_ros.bags.reader import BagReader
from vpr_ros.bags.reader import Topic
from vpr_ros.bags.writer import BagWriter
from vpr_ros.errors import VprError
from vpr_ros.messages import geometry
from vpr_ros.messages import images
from vpr_ros.messages import sensors
from vpr_ros.types import Frame
from vpr_ros.types import Pose

KINDS = ['mcap', 'db3', 'mcap folder', 'sqlite3 folder', 'rosbag1']
POSES = {'pose_topic': '/ground_truth/pose', 'odometry_topic': '/odom'}


@pytest.mark.parametrize('encoding', ['raw', 'jpeg'])
@pytest.mark.parametrize('kind', KINDS)
def test_frames_survive(write_bag, frames, kind, encoding):
    with BagReader(write_bag(kind, frames, encoding)) as bag:
        back = list(bag.frames(**POSES))
    assert [frame.stamp_ns for frame in back] == [frame.stamp_ns for frame in frames]
    for read, written in zip(back, frames, strict=True):
        assert read.camera == 'front'
        if encoding == 'raw':
            assert np.array_equal(read.image, written.image)
        else:
            assert np.abs(read.image.astype(int) - written.image).max() < 16
        assert np.array_equal(read.T_map_base.position, written.T_map_base.position)
        assert np.allclose(read.T_odom_base.matrix(), written.T_odom_base.matrix())
        assert np.array_equal(read.calibration.matrix, written.calibration.matrix)
        assert np.array_equal(read.calibration.distortion, written.calibration.distortion)
        mounting = written.calibration.T_base_optical
        assert np.allclose(read.calibration.T_base_optical.matrix(), mounting.matrix())


@pytest.mark.parametrize('kind', KINDS)
def test_topics_and_times(write_bag, frames, kind):
    with BagReader(write_bag(kind, frames)) as bag:
        assert bag.topics() == (
            Topic('/camera/camera_info', 'sensor_msgs/msg/CameraInfo', 6),
            Topic('/camera/image_raw', 'sensor_msgs/msg/Image', 6),
            Topic('/ground_truth/pose', 'geometry_msgs/msg/PoseStamped', 6),
            Topic('/odom', 'nav_msgs/msg/Odometry', 6),
            Topic('/tf', 'tf2_msgs/msg/TFMessage', 6),
            Topic('/tf_static', 'tf2_msgs/msg/TFMessage', 1))
        assert bag.message_count == 31
        assert (bag.start_ns, bag.end_ns) == (frames[0].stamp_ns, frames[-1].stamp_ns)
        assert not bag.truncated


@pytest.mark.parametrize('kind', KINDS)
def test_messages_by_topic_and_time(write_bag, frames, kind):
    with BagReader(write_bag(kind, frames)) as bag:
        everything = list(bag.messages())
        assert len(everything) == 31
        stamps = [message.stamp_ns for message in everything]
        assert stamps == sorted(stamps)
        some = list(bag.messages(['/odom', 'tf'], start_ns=frames[1].stamp_ns,
                                 stop_ns=frames[3].stamp_ns))
        assert {message.topic for message in some} == {'/odom', '/tf'}
        assert {message.stamp_ns for message in some} == {f.stamp_ns for f in frames[1:3]}
        assert len(some) == 4
        assert list(bag.messages([])) == []
        limited = bag.frames(start_ns=frames[4].stamp_ns)
        assert [frame.stamp_ns for frame in limited] == [f.stamp_ns for f in frames[4:]]


@pytest.mark.parametrize('kind', KINDS)
def test_transforms(write_bag, frames, kind):
    with BagReader(write_bag(kind, frames)) as bag:
        moving = list(bag.transforms())
        static, = bag.transforms('/tf_static')
        assert list(bag.transforms('/elsewhere/tf')) == []
    assert [edge.stamp_ns for edge in moving] == [frame.stamp_ns for frame in frames]
    assert {(edge.parent, edge.child) for edge in moving} == {('odom', 'base_link')}
    assert np.allclose(moving[3].pose.matrix(), frames[3].T_odom_base.matrix())
    assert (static.parent, static.child) == ('base_link', 'front_optical_frame')


def write(path, *messages):
    """Write a bag of (topic, message, stamp) with messages made by ``factory``."""
    with BagWriter(path) as bag:
        for topic, message, stamp_ns in messages:
            bag.write(topic, message.__msgtype__, message, stamp_ns)
    return path


@pytest.fixture
def factory():
    """Return the factory of the writer."""
    return BagWriter('unused').factory


def image(factory, stamp_ns, value=7, shape=(4, 6, 3)):
    """Make a small image message."""
    return images.image_message(factory, np.full(shape, value, np.uint8), stamp_ns=stamp_ns,
                                frame_id='cam')


def test_the_header_stamp_counts_and_the_recording_where_it_is_zero(tmp_path, factory):
    path = write(tmp_path / 'a.mcap', ('/image', image(factory, 123), 1000),
                 ('/image', image(factory, 0), 2000))
    with BagReader(path) as bag:
        assert [frame.stamp_ns for frame in bag.frames()] == [123, 2000]


def test_poses_are_interpolated_at_the_image(tmp_path, factory):
    def pose(stamp_ns, x):
        return geometry.pose_stamped_message(
            factory, geometry.StampedPose(stamp_ns, 'map', '', Pose.from_xy_yaw(x, 0, 0)))
    path = write(
        tmp_path / 'a.mcap', ('/image', image(factory, 2 * 10**8), 0),
        ('/image', image(factory, 3 * 10**9), 0),
        # Recorded late and out of order: only the stamps in the headers count.
        ('/pose', pose(10**9, 9.0), 5), ('/pose', pose(10, 1.0), 9))
    with BagReader(path) as bag:
        near, far = bag.frames(pose_topic='/pose')
    assert near.T_map_base.position[0] == pytest.approx(1 + 8 * (2e8 - 10) / (1e9 - 10))
    assert far.T_map_base is None
    assert near.T_odom_base is None


def test_every_type_with_a_pose(tmp_path, factory):
    stamped = geometry.StampedPose(5, 'map', 'base_link', Pose.from_xy_yaw(1, 2, 3))
    with_covariance = factory.new(
        'geometry_msgs/msg/PoseWithCovarianceStamped', header=geometry.header(factory, 5, 'map'),
        pose=geometry.pose_with_covariance_to_message(factory, stamped.pose))
    transform = geometry.tf_message(factory, [stamped]).transforms[0]
    path = write(tmp_path / 'a.mcap', ('/a', geometry.pose_stamped_message(factory, stamped), 1),
                 ('/b', with_covariance, 1), ('/c', transform, 1),
                 ('/d', geometry.odometry_message(factory, stamped), 1))
    with BagReader(path) as bag:
        for topic in '/a', '/b', '/c', '/d':
            found, = bag.poses(topic)
            assert (found.stamp_ns, found.parent) == (5, 'map')
            assert np.allclose(found.pose.matrix(), stamped.pose.matrix())


def test_messages_without_a_pose_are_left_out(tmp_path, factory, caplog):
    good = geometry.pose_stamped_message(
        factory, geometry.StampedPose(5, 'map', '', Pose.identity()))
    bad = geometry.pose_stamped_message(
        factory, geometry.StampedPose(6, 'map', '', Pose.identity()))
    bad.pose.orientation.w = 0.0
    path = write(tmp_path / 'a.mcap', ('/pose', bad, 1), ('/pose', good, 2))
    with BagReader(path) as bag:
        assert [pose.stamp_ns for pose in bag.poses('/pose')] == [5]
    assert '1 messages on /pose hold no valid pose' in caplog.text


def test_satellite_fixes(tmp_path, factory):
    fixes = [sensors.SatelliteFix(i, -27.5 + i, 153.0, 10.0, valid=i != 1) for i in range(3)]
    path = write(tmp_path / 'a.mcap', *(
        ('/fix', sensors.fix_message(factory, fix, frame_id='gps'), fix.stamp_ns)
        for fix in fixes))
    with BagReader(path) as bag:
        assert [(f.latitude_deg, f.valid) for f in bag.fixes('fix')] == [
            (-27.5, True), (-26.5, False), (-25.5, True)]
        with pytest.raises(VprError, match='/fix has the type sensor_msgs/msg/NavSatFix'):
            bag.poses('/fix')


def compressed(factory, stamp_ns):
    """Make a small compressed image message."""
    return images.compressed_image_message(
        factory, np.full((16, 16, 3), 9, np.uint8), stamp_ns=stamp_ns, frame_id='cam')


def test_image_topic_is_guessed_only_when_there_is_one(tmp_path, factory):
    path = write(tmp_path / 'one.mcap', ('/a/image', image(factory, 1), 1),
                 ('/a/image/compressed', compressed(factory, 1), 1))
    with BagReader(path) as bag:
        assert bag.image_topic() == '/a/image'
        assert bag.image_topic('a/image/compressed') == '/a/image/compressed'
    path = write(tmp_path / 'two.mcap', ('/a/image', image(factory, 1), 1),
                 ('/b/image/compressed', compressed(factory, 1), 1))
    with BagReader(path) as bag:
        with pytest.raises(VprError, match=r'/a/image \(1\), /b/image/compressed \(1\)'):
            bag.image_topic()
        assert bag.image_topic('/b/image') == '/b/image/compressed'
        assert len(list(bag.frames('b/image'))) == 1
        with pytest.raises(VprError, match="unknown topic '/a/imag'; did you mean '/a/image'"):
            bag.image_topic('/a/imag')
    path = write(tmp_path / 'none.mcap', ('/clock', factory.new(
        'builtin_interfaces/msg/Time', sec=1, nanosec=2), 1))
    with BagReader(path) as bag:
        with pytest.raises(VprError, match='holds no images, only: /clock'):
            bag.frames()
        with pytest.raises(VprError, match='/clock has the type'):
            bag.image_topic('/clock')


def test_an_unknown_encoding_names_bag_and_topic(tmp_path, factory):
    message = image(factory, 1)
    message.encoding = '64FC1'
    with BagReader(write(tmp_path / 'a.mcap', ('/depth', message, 1))) as bag:
        with pytest.raises(VprError, match=r"a\.mcap: /depth: unknown image encoding '64FC1'"):
            list(bag.frames())


def test_a_damaged_image_is_left_out_but_not_all(tmp_path, factory, caplog):
    bad = compressed(factory, 1)
    bad.data = bad.data[:30]
    path = write(tmp_path / 'a.mcap', ('/c/compressed', bad, 1),
                 ('/c/compressed', compressed(factory, 2), 2))
    with BagReader(path) as bag:
        assert [frame.stamp_ns for frame in bag.frames()] == [2]
    assert 'an image on /c/compressed at 1 ns was left out' in caplog.text
    with BagReader(write(tmp_path / 'b.mcap', ('/c/compressed', bad, 1))) as bag:
        with pytest.raises(VprError, match='none of the 1 images'):
            list(bag.frames())


def test_calibration_for_another_size_is_left_out(tmp_path, frames, caplog):
    small = [Frame(f.stamp_ns, f.image[::2, ::2], calibration=f.calibration) for f in frames]
    path = write_frames(tmp_path / 'a.mcap', small).path
    with BagReader(path) as bag:
        assert all(frame.calibration is None for frame in bag.frames())
    assert caplog.text.count('is for 32 x 24 pixels, the images have 16 x 12') == 1


def test_a_rectified_topic_has_no_distortion(tmp_path, frames):
    path = write_frames(tmp_path / 'a.mcap', frames, image_topic='/camera/image_rect_color').path
    with BagReader(path) as bag:
        calibration = next(bag.frames()).calibration
    assert calibration.rectified and calibration.distortion_model == ''
    assert np.array_equal(calibration.matrix, frames[0].calibration.matrix)


def test_mounting_over_several_frames_and_none_where_they_do_not_meet(tmp_path, frames, factory):
    steps = [Pose.from_xy_yaw(1, 2, 0.5), Pose([0, 0, 1], [0.5, -0.5, 0.5, -0.5])]
    edges = [geometry.StampedPose(0, 'mast', 'front_optical_frame', steps[1]),
             geometry.StampedPose(0, 'base_link', 'mast', steps[0])]
    info = sensors.camera_info_message(factory, frames[0].calibration, stamp_ns=1,
                                       frame_id='front_optical_frame')
    path = write(tmp_path / 'a.mcap', ('/tf_static', geometry.tf_message(factory, edges), 1),
                 ('/c/camera_info', info, 1),
                 ('/c/image', image(factory, 1, shape=(24, 32, 3)), 1))
    with BagReader(path) as bag:
        mounting = next(bag.frames()).calibration.T_base_optical
        assert np.allclose(mounting.matrix(), (steps[0] @ steps[1]).matrix())
        assert next(bag.frames(base_frame='elsewhere')).calibration.T_base_optical is None


def test_a_named_calibration_topic_must_be_one(tmp_path, factory):
    with BagReader(write(tmp_path / 'a.mcap', ('/c/image', image(factory, 1), 1))) as bag:
        with pytest.raises(VprError, match='/c/image has the type sensor_msgs/msg/Image'):
            bag.frames(camera_info_topic='/c/image')


@pytest.mark.parametrize('kind', ['mcap', 'db3', 'rosbag1'])
def test_images_stream(write_bag, make_frames, kind):
    big = np.zeros((512, 512, 3), np.uint8)
    path = write_bag(kind, [
        Frame(f.stamp_ns, big, calibration=f.calibration, T_odom_base=Pose.identity(),
              T_map_base=Pose.identity()) for f in make_frames(40)])
    with BagReader(path) as bag:
        tracemalloc.start()
        assert sum(1 for _ in bag.frames(**POSES)) == 40
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    # Two chunks of two images, as read and as parsed, whatever the length of the bag.
    assert peak < 16 * big.nbytes


def test_definitions_come_from_the_bag(tmp_path):
    from rosbags.rosbag2 import StoragePlugin
    from rosbags.rosbag2 import Writer
    from rosbags.typesys import get_types_from_msg
    from rosbags.typesys import get_typestore
    from rosbags.typesys import Stores
    store = get_typestore(Stores.EMPTY)
    # A type nobody knows, and a known name with other fields than ours.
    store.register(get_types_from_msg('int32 wheels\nstring name', 'robot_msgs/msg/Cart'))
    store.register(get_types_from_msg('float32 other', 'vpr_msgs/msg/PlaceMatch'))
    with Writer(tmp_path / 'own', version=9, storage_plugin=StoragePlugin.MCAP) as bag:
        for name, fields in (('robot_msgs/msg/Cart', {'wheels': 4, 'name': 'x'}),
                             ('vpr_msgs/msg/PlaceMatch', {'other': 0.5})):
            connection = bag.add_connection(f'/{name[-5:]}', name, typestore=store)
            message = store.types[name](**fields)
            bag.write(connection, 5, store.serialize_cdr(message, name))
    with BagReader(tmp_path / 'own') as bag:
        cart, match = bag.messages()
    assert (cart.message.wheels, cart.message.name) == (4, 'x')
    assert match.message.other == 0.5


def test_without_definitions_the_known_types_serve(write_bag, frames):
    import sqlite3
    path = write_bag('db3', frames)
    with sqlite3.connect(path) as database:
        database.execute('DELETE FROM message_definitions')
        database.execute("UPDATE topics SET type = 'no_msgs/msg/Such' WHERE name = '/tf'")
    database.close()
    with BagReader(path) as bag:
        assert len(list(bag.frames(**POSES))) == len(frames)
        with pytest.raises(VprError, match='/tf have the type no_msgs/msg/Such'):
            list(bag.messages(['/tf']))


def test_a_definition_that_cannot_be_parsed_spoils_nothing(write_bag, frames, caplog):
    import sqlite3
    path = write_bag('db3', frames)
    with sqlite3.connect(path) as database:
        database.execute("UPDATE message_definitions SET encoded_message_definition = 'int 8 8 ;'")
    database.close()
    with BagReader(path) as bag:
        assert len(list(bag.frames(**POSES))) == len(frames)
    assert 'cannot be used' in caplog.text


def test_a_folder_without_metadata_is_read_when_that_is_clear(write_bag, frames, caplog):
    folder = write_bag('mcap folder', frames)
    (folder / 'metadata.yaml').unlink()
    with BagReader(folder) as bag:
        assert len(list(bag.frames())) == len(frames)
    assert 'has no metadata.yaml' in caplog.text
    storage, = folder.glob('*.mcap')
    shutil.copy(storage, folder / 'second.mcap')
    with pytest.raises(VprError, match='2 storage files.*ros2 bag reindex'):
        with BagReader(folder):
            pass


@pytest.mark.skipif(os.geteuid() == 0, reason='root may read everything')
def test_permission_is_not_damage(write_bag, frames):
    path = write_bag('mcap', frames)
    path.chmod(0)
    with pytest.raises(PermissionError):
        with BagReader(path):
            pass
