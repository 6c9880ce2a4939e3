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

"""Which frames of several cameras belong together."""

from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.maps.keyframes import Keyframes
from vpr_ros.maps.moments import select_moments
from vpr_ros.maps.settings import MapSettings
from vpr_ros.types import Frame
from vpr_ros.types import Place
from vpr_ros.types import Pose

IMAGE = np.zeros((1, 1, 3), np.uint8)
MS = 10 ** 6
CAMERAS = ('front', 'rear', 'left')


def frame(camera, ms, pose=None):
    return Frame(ms * MS, IMAGE, camera=camera, T_map_base=pose)


def moments(some, *, tolerance_ms=50, cameras=CAMERAS, interval_s=0.5, last=None):
    """Return what belongs together as camera -> milliseconds."""
    found = select_moments(
        iter(some), Keyframes(MapSettings(keyframe_interval_s=interval_s), last),
        cameras=cameras, tolerance_ns=tolerance_ms * MS)
    return [{f.camera: f.stamp_ns // MS for f in moment} for moment in found]


def test_one_camera_makes_moments_of_one_frame():
    some = [frame('front', ms) for ms in (0, 100, 500, 1000)]
    assert moments(some, cameras=()) == moments(some, cameras=('front',)) == [
        {'front': 0}, {'front': 500}, {'front': 1000}]


def test_the_nearest_frame_of_each_other_camera_belongs_to_it():
    some = [frame('rear', 960), frame('left', 970), frame('front', 1000), frame('rear', 1030),
            frame('left', 1040), frame('rear', 1060)]
    assert moments(some) == [{'front': 1000, 'rear': 1030, 'left': 970}]


def test_the_first_camera_leads_and_comes_first():
    some = [frame('left', 0), frame('front', 10), frame('rear', 20)]
    found, = select_moments(some, Keyframes(MapSettings()), cameras=('rear', 'front', 'left'),
                            tolerance_ns=50 * MS)
    assert [f.camera for f in found] == ['rear', 'front', 'left']


def test_a_frame_too_far_off_is_left_out():
    some = [frame('front', 1000), frame('rear', 1051), frame('left', 1050)]
    assert moments(some) == [{'front': 1000, 'left': 1050}]


def test_frames_that_are_recorded_late_are_waited_for():
    """The rear camera is recorded 400 ms after the front camera."""
    front = [(ms, frame('front', ms)) for ms in range(0, 5000, 100)]
    rear = [(ms + 400, frame('rear', ms + 7)) for ms in range(0, 5000, 100)]
    some = [f for _, f in sorted(front + rear, key=lambda pair: pair[0])]
    for order in some, [f for _, f in sorted(rear + front, key=lambda pair: pair[0] * -1)][::-1]:
        assert moments(order, cameras=('front', 'rear')) == [
            {'front': ms, 'rear': ms + 7} for ms in range(0, 5000, 500)]


def test_a_leading_camera_that_is_recorded_late():
    front = [(ms + 400, frame('front', ms)) for ms in range(0, 5000, 100)]
    rear = [(ms, frame('rear', ms + 7)) for ms in range(0, 5000, 100)]
    some = [f for _, f in sorted(front + rear, key=lambda pair: pair[0])]
    assert moments(some, cameras=('front', 'rear')) == [
        {'front': ms, 'rear': ms + 7} for ms in range(0, 5000, 500)]


def test_a_camera_that_fails_stops_nothing():
    """Places come though the rear camera is silent, a second later at most."""
    given = []

    def stream():
        for ms in range(0, 10_000, 100):
            given.append(ms)
            yield frame('front', ms)
            if ms < 2000:
                yield frame('rear', ms + 1)

    found = select_moments(stream(), Keyframes(MapSettings(keyframe_interval_s=0.5)),
                           cameras=('front', 'rear'), tolerance_ns=50 * MS)
    for n, moment in enumerate(found):
        assert moment[0].stamp_ns == n * 500 * MS
        assert len(moment) == (2 if n < 4 else 1)
        assert given[-1] - n * 500 <= 1200
    assert n == 19


def test_time_that_goes_back_begins_anew():
    some = [frame('front', 1000), frame('rear', 1010), frame('front', 3000), frame('front', 0),
            frame('rear', 10), frame('front', 1000), frame('rear', 990)]
    assert moments(some, cameras=('front', 'rear')) == [
        {'front': 1000, 'rear': 1010}, {'front': 3000}, {'front': 0, 'rear': 10},
        {'front': 1000, 'rear': 990}]


def test_only_the_leading_camera_makes_places():
    some = [frame('rear', ms) for ms in range(0, 5000, 100)]
    assert moments(some, cameras=('front', 'rear')) == []


def test_going_on_from_a_last_place():
    last = Place(1, 400 * MS, 'monday', Pose.from_xy_yaw(0, 0, 0))
    some = [frame('front', ms) for ms in (500, 800, 900)]
    assert moments(some, cameras=(), last=last) == [{'front': 900}]
    near = [frame('front', 500, Pose.from_xy_yaw(x, 0, 0)) for x in (0.5, 0.99, 1.01)]
    assert len(moments(near, cameras=(), last=last)) == 1


@given(st.lists(st.tuples(st.sampled_from(CAMERAS), st.integers(0, 40)), max_size=60),
       st.integers(0, 90))
def test_like_the_rule_in_words(steps, tolerance_ms):
    """Recorded in order of stamps, whatever comes: the nearest within the tolerance, or none."""
    now, some = 0, []
    for camera, step in steps:
        now += step
        some.append(frame(camera, now))
    wanted = []
    for lead in (f for f in some if f.camera == 'front'):
        moment = {'front': lead.stamp_ns // MS}
        for camera in 'rear', 'left':
            away = [abs(f.stamp_ns - lead.stamp_ns) // MS for f in some if f.camera == camera]
            if away and min(away) <= tolerance_ms:
                moment[camera] = min(away)
        wanted.append(moment)
    found = moments(some, tolerance_ms=tolerance_ms, interval_s=0.0)
    for moment in found:
        for camera in set(moment) - {'front'}:
            moment[camera] = abs(moment[camera] - moment['front'])
    assert found == wanted


def test_images_are_not_all_in_memory():
    """A bag is larger than memory: frames are taken one by one."""
    taken = []

    def stream():
        for ms in range(0, 100_000, 100):
            for camera in CAMERAS:
                taken.append(camera)
                yield frame(camera, ms)

    found = select_moments(stream(), Keyframes(MapSettings()), cameras=CAMERAS, tolerance_ns=MS)
    next(found)
    assert len(taken) == 3
    next(found)
    assert len(taken) == 18


@pytest.mark.parametrize('cameras', [('front', 'rear'), ()])
def test_no_frames_no_moments(cameras):
    assert moments([], cameras=cameras) == []


def test_five_fast_cameras_wait_for_a_late_one_that_leads():
    others = ('a', 'b', 'c', 'd', 'e')
    told = sorted([(ms, name) for ms in range(0, 10_000, 33) for name in others]
                  + [(ms + 700, 'front') for ms in range(0, 9_000, 500)])
    some = [frame(name, ms - 700 if name == 'front' else ms) for ms, name in told]
    found = moments(some, cameras=('front', *others))
    assert len(found) == 18
    assert all(len(moment) == 6 for moment in found)
