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

"""Images of several cameras as they come in, put together by the moment they were taken."""

from dataclasses import dataclass

import pytest
from vpr_ros.runtime.gatherer import Gatherer
from vpr_ros.runtime.gatherer import PATIENCE_NS

MS = 1_000_000


@dataclass(frozen=True)
class Image:
    """All that counts of an image here."""

    stamp_ns: int
    camera: str


def taken(stamp_ms: int, camera: str = 'front') -> Image:
    return Image(stamp_ms * MS, camera)


def told(moments) -> list[list[tuple[str, int]]]:
    return [[(image.camera, image.stamp_ns // MS) for image in moment] for moment in moments]


def gatherer(*cameras: str, patience_ms: int = 200, takes=lambda image: True) -> Gatherer[Image]:
    return Gatherer(cameras, 50 * MS, patience_ns=patience_ms * MS, takes=takes)


def fed(gathers: Gatherer[Image], *images: Image) -> list[list[list[tuple[str, int]]]]:
    """Return what is complete after each image."""
    return [told(gathers.add(image)) for image in images]


@pytest.mark.parametrize('cameras', [(), ('front',)])
def test_of_one_camera_every_image_is_a_moment_at_once(cameras):
    gathers = gatherer(*cameras)
    assert fed(gathers, taken(5), taken(5), taken(3), taken(900)) == [
        [[('front', 5)]], [[('front', 5)]], [[('front', 3)]], [[('front', 900)]]]
    assert told(gathers.rest()) == []


def test_a_moment_is_complete_when_no_camera_can_come_nearer():
    gathers = gatherer('front', 'left', 'rear')
    assert fed(gathers, taken(100), taken(90, 'left'), taken(101, 'rear'),
               taken(120, 'left')) == [
        [], [], [], [[('front', 100), ('left', 90), ('rear', 101)]]]


def test_an_image_may_come_before_the_one_that_leads():
    gathers = gatherer('front', 'rear')
    assert fed(gathers, taken(95, 'rear'), taken(130, 'rear'), taken(100)) == [
        [], [], [[('front', 100), ('rear', 95)]]]


def test_the_nearest_of_a_camera_counts_and_one_too_far_away_does_not():
    gathers = gatherer('front', 'rear')
    assert fed(gathers, taken(60, 'rear'), taken(110, 'rear'), taken(100)) == [
        [], [], [[('front', 100), ('rear', 110)]]]
    assert fed(gathers, taken(400), taken(451, 'rear')) == [[], [[('front', 400)]]]
    assert fed(gathers, taken(600), taken(650, 'rear')) == [
        [], [[('front', 600), ('rear', 650)]]]


def test_cameras_are_told_in_their_order_whoever_comes_first():
    gathers = gatherer('front', 'left', 'rear')
    assert fed(gathers, taken(100, 'rear'), taken(100), taken(100, 'left'))[-1] == [
        [('front', 100), ('left', 100), ('rear', 100)]]


def test_a_camera_that_failed_is_waited_for_by_the_stamps_of_the_others():
    gathers = gatherer('front', 'rear', patience_ms=200)
    assert fed(gathers, taken(0), taken(100), taken(200), taken(250)) == [[], [], [], []]
    # 50 ms may lie between the images of a moment, and 200 ms are waited.
    assert fed(gathers, taken(251)) == [[[('front', 0)]]]
    assert fed(gathers, taken(600)) == [[[('front', 100)], [('front', 200)], [('front', 250)],
                                         [('front', 251)]]]
    assert told(gathers.rest()) == [[('front', 600)]]


def test_without_patience_only_the_tolerance_is_waited_for():
    gathers = gatherer('front', 'rear', patience_ms=0)
    assert fed(gathers, taken(0), taken(50), taken(51)) == [[], [], [[('front', 0)]]]


def test_who_says_nothing_waits_for_a_second():
    gathers = Gatherer(['front', 'rear'], 0)
    assert PATIENCE_NS == 1000 * MS
    assert fed(gathers, taken(0), taken(1000), taken(1001)) == [[], [], [[('front', 0)]]]


def test_moments_end_in_the_order_in_which_they_began():
    gathers = gatherer('front', 'rear')
    assert fed(gathers, taken(0), taken(40), taken(30, 'rear'), taken(45, 'rear')) == [
        [], [], [[('front', 0), ('rear', 30)]], [[('front', 40), ('rear', 45)]]]


def test_one_image_may_belong_to_two_moments():
    gathers = gatherer('front', 'rear')
    assert fed(gathers, taken(0), taken(40), taken(45, 'rear'))[-1] == [
        [('front', 0), ('rear', 45)], [('front', 40), ('rear', 45)]]


def test_images_that_make_no_moment_are_passed_over():
    gathers = gatherer('front', 'rear', takes=lambda image: image.stamp_ns >= 100 * MS)
    assert fed(gathers, taken(0), taken(5, 'rear'), taken(100), taken(101, 'rear')) == [
        [], [], [], [[('front', 100), ('rear', 101)]]]
    alone = gatherer('front', takes=lambda image: image.stamp_ns >= 100 * MS)
    assert fed(alone, taken(0), taken(100)) == [[], [[('front', 100)]]]


@pytest.mark.parametrize('camera', ['front', 'rear'])
def test_a_stamp_that_goes_back_ends_what_waits_and_begins_anew(camera):
    gathers = gatherer('front', 'rear')
    assert fed(gathers, taken(4990, 'rear'), taken(5010), taken(5020, 'rear'),
               taken(5100)) == [[], [], [[('front', 5010), ('rear', 5020)]], []]
    assert fed(gathers, taken(3, camera)) == [[[('front', 5100)]]]
    rest = {'front': taken(4, 'rear'), 'rear': taken(0)}[camera]
    assert fed(gathers, rest)[-1] == [
        sorted([(camera, 3), (rest.camera, rest.stamp_ns // MS)])]


def test_the_rest_is_told_as_it_is_and_then_forgotten():
    gathers = gatherer('front', 'left', 'rear')
    fed(gathers, taken(0), taken(1, 'rear'), taken(100))
    assert told(gathers.rest()) == [[('front', 0), ('rear', 1)], [('front', 100)]]
    assert told(gathers.rest()) == []


def test_cleared_it_knows_of_nothing():
    gathers = gatherer('front', 'rear')
    fed(gathers, taken(1000), taken(1095, 'rear'), taken(1100))
    fed(gathers, taken(1200))
    gathers.clear()
    assert told(gathers.rest()) == []
    fed(gathers, taken(1150, 'rear'))
    gathers.clear()
    # Neither an image kept from before, nor what a camera had seen, counts.
    assert fed(gathers, taken(1151), taken(1160, 'rear')) == [
        [], [[('front', 1151), ('rear', 1160)]]]


def test_images_of_a_fast_camera_are_not_piled_up():
    gathers = gatherer('front', 'rear')
    for stamp_ms in range(1000):
        gathers_now = fed(gathers, taken(stamp_ms, 'rear'))
        assert gathers_now == [[]]
    assert len(gathers._kept['rear']) == 64
    assert fed(gathers, taken(998)) == [[[('front', 998), ('rear', 998)]]]
    assert {image.stamp_ns // MS for image in gathers._kept['rear']} == set(range(948, 1000))


def test_a_camera_that_is_not_known_is_an_error():
    with pytest.raises(KeyError):
        list(gatherer('front', 'rear').add(taken(0, 'roof')))
