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

"""Depth finds the image that it was measured with."""

from dataclasses import replace
import logging

import numpy as np
import pytest
from vpr_ros.bags.frames import read_cameras
from vpr_ros.bags.make import write_frames
from vpr_ros.bags.reader import BagReader
from vpr_ros.bags.writer import BagWriter
from vpr_ros.errors import VprError
from vpr_ros.messages.depth_images import depth_message
from vpr_ros.messages.images import image_message
from vpr_ros.types import Frame

MS = 1_000_000
START = 1_700_000_000_000 * MS
COLOUR, DEPTH = '/camera/image_raw', '/camera/depth'


def write(path, messages):
    """Write (kind, stamp in ms, value, options) in this order: 'i' images, 'd' depth in m."""
    with BagWriter(path) as bag:
        for at, (kind, ms, value, *other) in enumerate(messages):
            options = {'stamp_ns': START + ms * MS, 'frame_id': 'cam', **dict(other)}
            shape, step = options.pop('shape', (4, 6)), options.pop('step', 0)
            made = (image_message(bag.factory, np.full((*shape, 3), value, np.uint8), **options)
                    if kind == 'i' else
                    depth_message(bag.factory, np.full(shape, value, np.float32), **options))
            made.step = step or made.step
            bag.write(COLOUR if kind == 'i' else DEPTH, 'sensor_msgs/msg/Image', made,
                      START + at * MS)
    return path


def read(path, **options):
    """Return [(image value, stamp in ms, depth or None)]."""
    with BagReader(path) as bag:
        return [(int(f.image[0, 0, 0]), (f.stamp_ns - START) // MS,
                 None if f.depth is None else float(f.depth[0, 0]))
                for f in read_cameras(bag, {'front': COLOUR}, depths={'front': DEPTH}, **options)]


def test_the_nearest_depth_whatever_is_recorded_first(tmp_path):
    path = write(tmp_path / 'in.mcap', [
        ('d', 0, 1.0), ('i', 10, 1), ('d', 33, 2.0), ('i', 43, 2), ('i', 76, 3), ('d', 66, 3.0),
        ('d', 99, 4.0), ('i', 90, 4), ('i', 200, 5), ('d', 260, 6.0), ('i', 250, 6)])
    assert read(path) == [(1, 10, 1.0), (2, 43, 2.0), (3, 76, 3.0), (4, 90, 4.0), (5, 200, None),
                          (6, 250, 6.0)]
    assert read(path, depth_tolerance_ns=9 * MS)[0] == (1, 10, None)
    assert read(path, depth_tolerance_ns=61 * MS)[4] == (5, 200, 6.0)


def test_depth_that_fails_for_a_while_is_not_waited_for(tmp_path):
    path = write(tmp_path / 'in.mcap', [('d', 0, 1.0), *(('i', 100 * k, k) for k in range(40)),
                                        ('d', 3900, 2.0)])
    with BagReader(path) as bag:
        frames = read_cameras(bag, {'front': COLOUR}, depths={'front': DEPTH})
        assert [next(frames).depth is None for _ in range(30)] == [False] + [True] * 29
    assert read(path)[-1] == (39, 3900, 2.0)


def test_a_bag_that_begins_anew(tmp_path):
    run = [('d', 0, 1.0), ('i', 0, 1), ('d', 100, 2.0), ('i', 100, 2)]
    other = [('i', 0, 3), ('d', 0, 3.0), ('i', 100, 4), ('d', 100, 4.0)]
    assert [depth for *_, depth in read(write(tmp_path / 'in.mcap', run + other))] == [
        1.0, 2.0, 3.0, 4.0]


def test_clocks_that_have_nothing_in_common(tmp_path):
    path = write(tmp_path / 'in.mcap', [('i', 0, 1), ('d', 5000, 1.0), ('i', 30, 2)])
    with pytest.raises(VprError, match=r'in\.mcap: of 2 images none was taken within 0\.05 s of '
                                       'depth on /camera/depth: do both topics use one clock'):
        read(path)


@pytest.mark.parametrize('change, text', [
    ({'shape': (2, 3)}, "has 3 x 2 pixels, the images of camera 'front' have 6 x 4: give .* reg"),
    ({'frame_id': 'infrared'}, "is seen from 'infrared', the images from 'cam': give .* regist")])
def test_depth_that_is_not_registered(tmp_path, change, text):
    path = write(tmp_path / 'in.mcap', [('i', 0, 1), ('d', 0, 1.0, *change.items())])
    with pytest.raises(VprError, match=rf'in\.mcap: depth on /camera/depth {text}'):
        read(path)


def test_one_damaged_depth_is_left_out(tmp_path, caplog):
    path = write(tmp_path / 'in.mcap', [
        ('i', 0, 1), ('d', 0, 1.0), ('i', 100, 2), ('d', 100, 2.0, ('step', 1))])
    with caplog.at_level(logging.WARNING):
        assert read(path) == [(1, 0, 1.0), (2, 100, None)]
    assert 'depth on /camera/depth at 1700000000100000000 ns was left out' in caplog.text


@pytest.mark.parametrize('name', ['out.mcap', 'out.db3'])
def test_frames_with_depth_survive(tmp_path, frames, name):
    rng = np.random.default_rng(0)
    deep = [replace(f, depth=rng.uniform(0.5, 80, (24, 32)).astype(np.float32)) for f in frames]
    path = write_frames(tmp_path / name, deep, encoding='jpeg').path
    with BagReader(path) as bag:
        # The only images to look at.
        assert bag.image_topic() == '/camera/image_raw/compressed'
        assert bag.depth_topic('camera/depth') == DEPTH
        with pytest.raises(VprError, match='has the type sensor_msgs/msg/CameraInfo'):
            bag.depth_topic('/camera/camera_info')
        back = list(read_cameras(bag, {'front': '/camera/image_raw'}, depths={'front': DEPTH}))
    assert [f.stamp_ns for f in back] == [f.stamp_ns for f in frames]
    for read_frame, written in zip(back, deep, strict=True):
        assert np.array_equal(read_frame.depth, written.depth)
        assert read_frame.calibration is not None


def test_several_cameras_of_which_one_sees_depth(tmp_path, frames):
    both = [replace(f, camera=camera, calibration=None,
                    depth=np.full((24, 32), k + 1.0) if camera == 'rear' else None)
            for k, f in enumerate(frames) for camera in ('front', 'rear')]
    path = write_frames(tmp_path / 'out.mcap', both, image_topic='/{camera}/image',
                        depth_topic='/{camera}/depth').path
    with BagReader(path) as bag:
        with pytest.raises(VprError, match='the images on /front/image hold no depth'):
            bag.depth_topic('/front/image')
        back = list(read_cameras(bag, {'front': '/front/image', 'rear': '/rear/image'},
                                 depths={'rear': '/rear/depth'}))
    for camera in ('front', 'rear'):
        seen = [f for f in back if f.camera == camera]
        assert [f.stamp_ns for f in seen] == [f.stamp_ns for f in frames]
        assert [f.depth is None or f.depth[0, 0] for f in seen] == (
            [True] * 6 if camera == 'front' else [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])


def test_two_cameras_cannot_share_a_topic_of_depth(tmp_path, frames):
    both = [Frame(f.stamp_ns, f.image, camera=camera, depth=np.ones((24, 32)))
            for f in frames for camera in ('left', 'right')]
    with pytest.raises(ValueError, match="'left' and 'right' cannot share the topic /camera/de"):
        write_frames(tmp_path / 'out.mcap', both, image_topic='/{camera}/image_raw')
