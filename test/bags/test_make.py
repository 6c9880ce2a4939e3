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

import numpy as np
import pytest
from vpr_ros.bags.make import write_frames
from vpr_ros.bags.reader import BagReader
from vpr_ros.errors import VprError
from vpr_ros.types import Frame


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
