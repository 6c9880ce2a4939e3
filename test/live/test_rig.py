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

"""What a robot says of its cameras, against the same messages in a bag."""

from collections.abc import Callable
from pathlib import Path
from threading import Event
from threading import Thread
from typing import Any

import numpy as np
import pytest
from vpr_ros.bags.frames import read_frames
from vpr_ros.bags.make import write_frames
from vpr_ros.bags.reader import BagReader
from vpr_ros.bags.writer import BagWriter
from vpr_ros.live.camera_topics import camera_topics
from vpr_ros.live.rig import Rig
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.geometry import tf_message
from vpr_ros.messages.geometry import transforms_from_message
from vpr_ros.messages.images import image_message
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.messages.sensors import camera_info_message
from vpr_ros.settings import InputSettings
from vpr_ros.types import Camera
from vpr_ros.types import Frame
from vpr_ros.types import Pose

MATRIX = np.array([[50.0, 0.0, 16.5], [0.0, 51.0, 12.25], [0.0, 0.0, 1.0]])
LENS = np.array([0.1, -0.05, 0.001, 0.002, 0.01])
MAST = Pose([0.3, -0.1, 1.2], [0.1, -0.2, 0.3, 0.9])
OPTICAL = Pose([0.02, 0.03, -0.04], [-0.5, 0.5, -0.5, 0.5])
IMAGE = np.tile(np.arange(32, dtype=np.uint8)[None, :, None], (24, 1, 3))
SHAPE = (24, 32)
FACTORY = RosbagsFactory()

Change = Callable[[Any], None]


def info(change: Change = lambda message: None, *, stamp_ns: int = 1,
         frame: str = 'front_optical_frame') -> Any:
    """Return a calibration with a P that differs from K, changed by what a test is about."""
    message = camera_info_message(FACTORY, Camera('front', 32, 24, MATRIX, 'plumb_bob', LENS),
                                  stamp_ns=stamp_ns, frame_id=frame)
    message.p[:] = np.hstack([MATRIX * [[0.9], [0.8], [1.0]], np.zeros((3, 1))]).ravel()
    change(message)
    return message


def edge(parent: str, child: str, pose: Pose) -> StampedPose:
    return StampedPose(0, parent, child, pose)


MOUNTED = (edge('mast', 'front_optical_frame', OPTICAL), edge('base_link', 'mast', MAST))


def rig_of(topic: str = '/front/image_raw', base_frame: str = 'base_link') -> Rig:
    return Rig(camera_topics(InputSettings(image=topic)), base_frame)


def roi(message: Any) -> None:
    message.width, message.height = 80, 60
    message.roi.x_offset, message.roi.y_offset = 4, 6
    message.roi.width, message.roi.height = 64, 48
    message.binning_x, message.binning_y = 2, 2


def uncalibrated(message: Any) -> None:
    message.k[:] = 0.0
    message.p[:] = 0.0


def smaller(message: Any) -> None:
    message.width, message.height = 16, 12


def same(a: Camera | None, b: Camera | None) -> bool:
    """Compare all of two calibrations, to the last bit."""
    if a is None or b is None:
        return a is b
    mountings = (a.T_base_optical, b.T_base_optical)
    return (a.name, a.width, a.height, a.distortion_model, a.rectified) == (
        b.name, b.width, b.height, b.distortion_model, b.rectified) and np.array_equal(
        a.matrix, b.matrix) and np.array_equal(a.distortion, b.distortion) and (
        mountings[0] is mountings[1] if None in mountings else
        np.array_equal(*(m.matrix() for m in mountings)))


@pytest.mark.parametrize(('change', 'frame', 'known'), [
    (lambda message: None, 'front_optical_frame', True),
    (lambda message: None, '/front_optical_frame', True),
    (lambda message: None, 'elsewhere', True),
    (roi, 'front_optical_frame', True),
    (uncalibrated, 'front_optical_frame', False),
    (smaller, 'front_optical_frame', False)])
@pytest.mark.parametrize('topic', ['/front/image_raw', '/front/image_rect'])
@pytest.mark.parametrize('base_frame', ['base_link', 'mast'])
def test_live_and_offline_know_the_same(tmp_path: Path, change: Change, frame: str, known: bool,
                                        topic: str, base_frame: str) -> None:
    heard = info(change, frame=frame)
    with BagWriter(tmp_path / 'a.mcap') as bag:
        bag.write('/tf_static', 'tf2_msgs/msg/TFMessage', tf_message(FACTORY, MOUNTED), 1)
        bag.write('/front/camera_info', 'sensor_msgs/msg/CameraInfo', heard, 1)
        bag.write(topic, 'sensor_msgs/msg/Image', image_message(
            FACTORY, IMAGE, stamp_ns=1, frame_id=frame), 1)
    with BagReader(tmp_path / 'a.mcap') as bag:
        offline = next(read_frames(bag, topic, base_frame=base_frame)).calibration
    rig = rig_of(topic, base_frame)
    rig.hear_info('front', heard)
    rig.hear_transforms(transforms_from_message(tf_message(FACTORY, MOUNTED)))
    live = rig.calibration('front', SHAPE)
    assert same(live, offline)
    assert (live is not None) == known


def test_every_frame_of_a_bag_made_of_frames_is_calibrated_alike(tmp_path: Path) -> None:
    camera = Camera('front', 32, 24, MATRIX, 'plumb_bob', LENS, T_base_optical=MAST)
    path = write_frames(tmp_path / 'a.mcap', [
        Frame(n + 1, IMAGE, calibration=camera) for n in range(3)]).path
    rig = rig_of('/camera/image_raw')
    with BagReader(path) as bag:
        rig.hear_transforms(bag.transforms('/tf_static'))
        offline = list(bag.frames())
        for frame, told in zip(offline, bag.messages(['/camera/camera_info']), strict=True):
            rig.hear_info('front', told.message)
            assert same(rig.calibration('front', frame.image.shape[:2]), frame.calibration)
    assert len(offline) == 3 and rig.missing() == []


def test_what_is_not_known_is_said() -> None:
    rig = rig_of()
    assert rig.calibration('front', SHAPE) is None
    assert rig.missing() == [
        'camera front has no calibration: nothing came on /front/camera_info']
    rig.hear_info('front', info(uncalibrated))
    assert rig.missing() == ['camera front is not calibrated: its focal length on '
                             '/front/camera_info is zero']
    rig.hear_info('front', info())
    assert rig.missing() == ['the mounting of camera front is not known: no static transforms '
                             "join 'base_link' and 'front_optical_frame'"]
    rig.hear_transforms(MOUNTED[:1])
    assert len(rig.missing()) == 1
    rig.hear_transforms(MOUNTED[1:])
    assert rig.missing() == []
    mounting = rig.calibration('front', SHAPE).T_base_optical
    assert np.allclose(mounting.matrix(), (MAST @ OPTICAL).matrix())


def test_a_calibration_of_another_size_is_left_out_with_one_warning(caplog) -> None:
    rig = rig_of()
    for n in range(3):
        rig.hear_info('front', info(smaller, stamp_ns=n))
        assert rig.calibration('front', SHAPE) is None
    said = ('the calibration of camera front is left out: it is for 16 x 12 pixels, the images '
            'have 32 x 24')
    assert [record.message for record in caplog.records] == [said]
    assert rig.missing() == [said]
    # As offline: what did not fit once is not trusted for images that it would fit.
    assert rig.calibration('front', (12, 16)) is None
    rig.hear_info('front', info())
    assert rig.calibration('front', SHAPE).width == 32
    assert 'left out' not in ' '.join(rig.missing())


def test_a_calibration_holds_until_another_comes(caplog) -> None:
    caplog.set_level('INFO')
    rig = rig_of()
    rig.hear_info('front', info())
    rig.hear_info('front', info(stamp_ns=77))
    assert not caplog.records

    def zoomed(message: Any) -> None:
        message.k[0] = 99.0

    rig.hear_info('front', info(zoomed))
    assert rig.calibration('front', SHAPE).matrix[0, 0] == 99.0
    assert 'the calibration of camera front has changed' in caplog.text


def test_a_camera_that_calls_its_frame_otherwise_is_mounted_there() -> None:
    rig = rig_of()
    rig.hear_transforms(MOUNTED)
    rig.hear_info('front', info())
    rig.hear_info('front', info(frame='mast'))
    mounting = rig.calibration('front', SHAPE).T_base_optical
    assert np.array_equal(mounting.matrix(), MAST.matrix())


def test_numbers_that_are_none_are_no_change(caplog) -> None:
    caplog.set_level('INFO')
    rig = rig_of()

    def blurred(message: Any) -> None:
        message.d[:] = np.nan

    for _ in range(3):
        rig.hear_info('front', info(blurred))
    assert not caplog.records


def test_a_calibration_that_makes_no_sense_is_said_and_not_used(caplog) -> None:
    rig = rig_of()

    def crushed(message: Any) -> None:
        message.binning_x = 64

    rig.hear_info('front', info(crushed))
    assert rig.calibration('front', SHAPE) is None
    said, = rig.missing()
    assert 'the calibration on /front/camera_info cannot be used' in said
    assert 'an image size is positive, got 0 x 24' in said
    assert [record.message for record in caplog.records] == [said]


def test_each_camera_has_its_own() -> None:
    rig = Rig(camera_topics(InputSettings(cameras=['front=/f/image', 'rear=/r/image_rect'])),
              'base_link')
    rig.hear_info('rear', info(frame='mast'))
    rig.hear_transforms(MOUNTED)
    assert rig.calibration('front', SHAPE) is None
    rear = rig.calibration('rear', SHAPE)
    assert rear.name == 'rear' and rear.rectified
    assert np.array_equal(rear.T_base_optical.matrix(), MAST.matrix())
    assert rig.missing() == ['camera front has no calibration: nothing came on /f/camera_info']
    rig.hear_info('front', info())
    assert rig.missing() == []
    # What does not fit the one says nothing of the other, and is said of both.
    assert rig.calibration('rear', (12, 16)) is None
    assert rig.calibration('front', (6, 8)) is None
    assert rig.calibration('rear', SHAPE) is None
    assert [said.partition(':')[0] for said in rig.missing()] == [
        'the calibration of camera front is left out',
        'the calibration of camera rear is left out']


def test_messages_of_rclpy_say_the_same() -> None:
    pytest.importorskip('rclpy', reason='needs a ROS 2 installation')
    from vpr_ros.messages.rclpy_factory import RclpyFactory

    camera = Camera('front', 32, 24, MATRIX, 'plumb_bob', LENS)
    told = []
    for factory in FACTORY, RclpyFactory():
        rig = rig_of()
        for stamp_ns in 1, 2:
            rig.hear_info('front', camera_info_message(
                factory, camera, stamp_ns=stamp_ns, frame_id='front_optical_frame'))
        rig.hear_transforms(transforms_from_message(tf_message(factory, MOUNTED)))
        told.append(rig.calibration('front', SHAPE))
    assert same(*told)
    assert np.allclose(told[1].T_base_optical.matrix(), (MAST @ OPTICAL).matrix())


def test_one_thread_asks_while_another_tells() -> None:
    rig, done = rig_of(), Event()
    rig.hear_info('front', info())
    rig.hear_transforms(MOUNTED)

    def focal(px: int) -> Change:
        def change(message: Any) -> None:
            message.k[0] = message.k[4] = px
        return change

    def tell() -> None:
        for n in range(1, 400):
            rig.hear_info('front', info(focal(n)))
            rig.hear_transforms([edge('base_link', 'mast', Pose([n, n, 0.0]))])
        done.set()

    teller = Thread(target=tell)
    teller.start()
    while not done.is_set():
        found = rig.calibration('front', SHAPE)
        x, y, _ = found.T_base_optical.position - OPTICAL.position
        assert found.matrix[0, 0] == found.matrix[1, 1] or found.matrix[0, 0] == 50.0
        assert np.allclose(x, y) or np.allclose([x, y], (MAST @ OPTICAL).position[:2]
                                                - OPTICAL.position[:2])
        assert rig.missing() == []
    teller.join()


def test_the_last_of_several_transforms_of_one_frame_counts() -> None:
    rig = rig_of()
    rig.hear_info('front', info())
    rig.hear_transforms(MOUNTED)
    first = rig.calibration('front', SHAPE)
    rig.hear_transforms([edge('base_link', 'mast', OPTICAL)])
    assert np.allclose(rig.calibration('front', SHAPE).T_base_optical.matrix(),
                       (OPTICAL @ OPTICAL).matrix())
    # What was handed out before stays as it was.
    assert np.allclose(first.T_base_optical.matrix(), (MAST @ OPTICAL).matrix())


def test_where_the_robot_is_in_the_frame_of_its_odometry() -> None:
    rig = rig_of()
    assert np.array_equal(rig.base_of('base_link').matrix(), np.eye(4))
    assert np.array_equal(rig.base_of('').matrix(), np.eye(4))
    assert rig.base_of('base_footprint') is None
    rig.hear_transforms([edge('base_footprint', 'base_link', MAST)])
    # The pose of the robot in the other frame, and not the other way round.
    assert np.allclose(rig.base_of('base_footprint').matrix(), MAST.matrix())
    rig.hear_transforms([edge('base_link', 'imu', OPTICAL)])
    assert np.allclose(rig.base_of('imu').matrix(), OPTICAL.inverse().matrix())
