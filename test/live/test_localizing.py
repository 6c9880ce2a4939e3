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

import threading
import time

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.live.camera_topics import camera_topics
from vpr_ros.live.in_map import InMap
from vpr_ros.live.localizing import LiveLocalizer
from vpr_ros.live.localizing import Query
from vpr_ros.live.raw_image import RawImage
from vpr_ros.live.recognizer import Recognition
from vpr_ros.live.rig import Rig
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.messages.sensors import camera_info_message
from vpr_ros.runtime.live_track import LiveTrack
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Camera
from vpr_ros.types import Frame
from vpr_ros.types import Pose

SECOND = 10 ** 9
ONE = LocalizeSettings()
TOLD = LocalizeSettings(odometry='/odom', odometry_wait_s=5.0)
TWO = LocalizeSettings(cameras=['front=/front', 'rear=/rear'])


class Listener:
    """A recognizer that keeps what it is shown."""

    def __init__(self):
        self.shown: list[Frame] = []
        self.settings = None

    def recognize(self, frames):
        self.shown += frames
        return Recognition()

    def change_settings(self, settings):
        self.settings = settings


def said(answer):
    return (answer.decision, answer.reason, answer.probability,
            [(c.place_id, c.similarity, c.probability) for c in answer.candidates])


def raw(number, second, camera='front'):
    return RawImage(second * SECOND, camera, str(number).encode(), time.monotonic_ns())


@pytest.fixture
def decode(image_of):
    def decoded(image):
        if image.data == b'broken':
            raise ValueError('it is damaged')
        return image_of(int(image.data))
    return decoded


@pytest.fixture
def make(decode):
    def make(recognizer, settings=ONE):
        rig = Rig(camera_topics(settings), settings.base_frame)
        odometry = LiveTrack()
        return LiveLocalizer(recognizer, rig=rig, odometry=odometry, decode=decode), rig, odometry
    return make


def test_it_answers_as_the_same_frames_do_offline(street, make, image_of):
    live, _, _ = make(InMap(street, ONE, session='x'))
    offline = InMap(street, ONE, session='x')
    for step, number in enumerate([5, 6, 1001, 7, 8]):
        answer = live.answer(Query((raw(number, 100 + step),), ONE))
        expected = offline.recognize([Frame((100 + step) * SECOND, image_of(number))])
        got = answer.recognition.localization
        assert said(got) == said(expected.localization)
        assert answer.stamp_ns == (100 + step) * SECOND
        assert list(got.stage_times_ns)[:2] == ['decode', 'describe']


def test_odometry_that_comes_late_is_waited_for_and_interpolated(make):
    listener = Listener()
    live, _, odometry = make(listener)

    def at(second, x):
        odometry.add(StampedPose(int(second * SECOND), 'odom', 'base_link',
                                 Pose(np.array([x, 0.0, 0.0]))))

    at(99.9, 1.0)
    late = threading.Timer(0.2, lambda: at(100.1, 2.0))
    late.start()
    answer = live.answer(Query((raw(1, 100),), TOLD))
    late.join()
    assert answer.T_odom_base.position[0] == pytest.approx(1.5)
    assert listener.shown[0].T_odom_base is answer.T_odom_base
    assert answer.stage_times_ns['odometry'] > 0.1e9


def test_without_odometry_in_time_the_image_is_answered_all_the_same(make):
    listener = Listener()
    live, _, odometry = make(listener)
    odometry.add(StampedPose(99 * SECOND + 5 * 10 ** 8, 'odom', 'base_link', Pose.identity()))
    began = time.monotonic()
    hasty = TOLD.model_copy(update={'odometry_wait_s': 0.1})
    assert live.answer(Query((raw(1, 100),), hasty)).T_odom_base is None
    assert 0.1 <= time.monotonic() - began < 2.0
    assert len(listener.shown) == 1


def test_odometry_is_not_asked_for_where_there_is_none(make):
    live, _, odometry = make(Listener())
    odometry.add(StampedPose(100 * SECOND, 'odom', 'base_link', Pose.identity()))
    answer = live.answer(Query((raw(1, 100),), ONE))
    assert answer.T_odom_base is None
    assert 'odometry' not in answer.stage_times_ns


def test_the_leading_camera_carries_odometry_and_each_its_calibration(make):
    listener = Listener()
    settings = TWO.model_copy(update={'odometry': '/odom'})
    live, rig, odometry = make(listener, settings)
    odometry.add(StampedPose(100 * SECOND, 'odom', 'base_link', Pose.identity()))
    camera = Camera('any', 160, 120, np.array([[90.0, 0.0, 80.0], [0.0, 90.0, 60.0],
                                               [0.0, 0.0, 1.0]]))
    rig.hear_info('rear', camera_info_message(RosbagsFactory(), camera, stamp_ns=1,
                                              frame_id='rear_optical'))
    live.answer(Query((raw(1, 100), raw(2, 100, 'rear')), settings))
    front, rear = listener.shown
    assert (front.camera, rear.camera) == ('front', 'rear')
    assert front.T_odom_base is not None and rear.T_odom_base is None
    assert front.calibration is None and rear.calibration.name == 'rear'


def test_an_image_of_another_camera_that_is_broken_is_left_out(make, caplog):
    listener = Listener()
    live, _, _ = make(listener, TWO)
    live.answer(Query((raw(1, 100), raw('broken', 100, 'rear')), TWO))
    assert [frame.camera for frame in listener.shown] == ['front']
    assert 'an image of camera rear was left out: it is damaged' in caplog.text
    with pytest.raises(ValueError, match='it is damaged'):
        live.answer(Query((raw('broken', 101), raw(1, 101, 'rear')), TWO))


def test_an_image_of_another_camera_in_an_unknown_form_is_left_out(make, decode):
    def refuse_rear(image):
        if image.camera == 'rear':
            raise VprError('unknown image encoding')
        return decode(image)

    listener = Listener()
    live, _, _ = make(listener, TWO)
    live._decode = refuse_rear
    live.answer(Query((raw(1, 100), raw(2, 100, 'rear')), TWO))
    assert [frame.camera for frame in listener.shown] == ['front']


def test_settings_reach_the_recognizer_before_the_image(make):
    listener = Listener()
    live, _, _ = make(listener)
    live.answer(Query((raw(1, 100),), TOLD))
    assert listener.settings is TOLD


def test_a_picture_is_kept_for_those_who_look(street, make, image_of):
    live, _, _ = make(InMap(street, ONE, session='x'))
    # The thumbnail attends to nothing in particular.
    assert live.answer(Query((raw(1, 100),), ONE, attention=True)).picture is None
    seen = np.ones((3, 4), np.float32)

    class Attentive(Listener):

        def recognize(self, frames):
            from vpr_ros.types import Description

            return Recognition(descriptions=(Description(1, np.ones(4), attention=seen),))

    live, _, _ = make(Attentive())
    assert live.answer(Query((raw(1, 100),), ONE)).picture is None
    picture = live.answer(Query((raw(7, 100),), ONE, attention=True)).picture
    assert np.array_equal(picture.image, image_of(7))
    assert np.array_equal(picture.attention, seen)


def test_an_image_that_cannot_be_read_says_why(make):
    def refuse(image):
        raise VprError('unknown image encoding')

    live, _, _ = make(Listener())
    live._decode = refuse
    with pytest.raises(VprError, match='encoding'):
        live.answer(Query((raw(1, 100),), ONE))
