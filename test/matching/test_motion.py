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

"""How far the robot came between two frames."""

import numpy as np
import pytest
from vpr_ros.matching.motion import driven_places
from vpr_ros.matching.motion import ImageMotion
from vpr_ros.matching.route import Route
from vpr_ros.matching.route import TURN_RAD
from vpr_ros.types import Pose

SPEEDS = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 3.0])


def straight(*lengths, metres=5.0):
    """Return traverses of stops that are a place apart."""
    session_of = np.repeat(np.arange(len(lengths)), lengths)
    at = np.arange(len(session_of)) + 1e6 * session_of
    ends = np.cumsum(lengths)
    stops = np.arange(len(at))
    return Route(stops, stops, at, at, (ends - np.array(lengths))[session_of],
                 ends[session_of] - 1, metres, 1.0)


def seen_from(x, knots):
    """Return what is seen (n, D) at positions (n,) in places: it changes smoothly."""
    x = np.asarray(x, float)
    at = np.arange(len(knots)) * 4.0
    rows = np.stack([np.interp(x, at, column) for column in knots.T], axis=-1)
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope='module')
def knots():
    """Return looks four places apart, between which it fades over."""
    return np.random.default_rng(0).standard_normal((120, 64))


def learnt(descriptors, route=None):
    n = len(descriptors)
    route = straight(n) if route is None else route
    return ImageMotion.of(descriptors, np.arange(n), route)


def change(a, b):
    return 1.0 - float(a @ b)


def turn(yaw):
    return Pose.from_xy_yaw(0.0, 0.0, yaw)


@pytest.mark.parametrize('metres, wanted', [
    (5.0, 1.0), (12.5, 2.5), (-5.0, -1.0), (0.5, 0.1), (-0.5, -0.1), (0.0, 0.0), (-10.0, -2.0)])
def test_odometry_in_places_with_its_sign(metres, wanted):
    route = straight(5)
    assert driven_places(route, Pose.from_xy_yaw(metres, 0.0, 0.0)) == pytest.approx(wanted)


@pytest.mark.parametrize('hertz', [1, 5, 10, 30])
def test_many_small_ways_back_are_a_way_back(hertz):
    each = Pose.from_xy_yaw(-2.0 / hertz, 0.0, 0.0)
    ways = [driven_places(straight(5), each) for _ in range(10 * hertz)]
    assert sum(ways) == pytest.approx(-4.0)


def test_a_curve_is_as_long_as_it_is_whatever_its_turn():
    curve = Pose.from_xy_yaw(9.0, 3.0, 0.6)
    assert driven_places(straight(5), curve) == pytest.approx(np.hypot(9.0, 3.0) / 5.0)


def test_turning_on_the_spot_counts_as_when_maps_are_built():
    route = straight(5)
    assert driven_places(route, turn(TURN_RAD)) == pytest.approx(1.0)
    assert driven_places(route, turn(-TURN_RAD / 2)) == pytest.approx(0.5)
    assert driven_places(route, turn(3.0)) == pytest.approx(1.0)
    assert driven_places(route, turn(0.05)) == pytest.approx(0.0)  # a wobble


def test_a_map_without_metres_knows_no_way():
    assert driven_places(straight(5, metres=0.0), Pose.from_xy_yaw(5.0, 0.0, 0.0)) is None


def test_maps_that_are_too_short_tell_nothing(knots):
    assert learnt(seen_from([0.0], knots)) is None
    assert learnt(seen_from(np.arange(8), knots)) is None
    assert learnt(seen_from(np.arange(20), knots), straight(*[1] * 20)) is None
    assert learnt(seen_from(np.arange(20), knots)) is not None


def test_change_grows_with_the_way_as_the_map_shows(knots):
    descriptors = seen_from(np.arange(400), knots)
    images = learnt(descriptors)
    assert images.places.tolist() == [0, 1, 2, 3, 5, 8, 12]
    assert images.change[0] == 0.0
    assert (np.diff(images.change) >= 0).all()
    for apart, found in zip([1, 2, 3, 5], images.change[1:], strict=False):
        products = (descriptors[:-apart] * descriptors[apart:]).sum(axis=1)
        assert found == pytest.approx(float(np.median(1.0 - products)), rel=0.15)


def best_speed(images, one, other, at, usual=1.0):
    stops = np.full(len(SPEEDS), at)
    found = images.log_likelihoods(change(one, other), usual, stops, SPEEDS)
    return SPEEDS[int(found.argmax())]


def test_standing_is_told_from_driving(knots):
    images = learnt(seen_from(np.arange(400), knots))
    rng = np.random.default_rng(1)
    told = {speed: [] for speed in (0.0, 0.5, 1.0, 2.0)}
    for speed, found in told.items():
        for x in rng.uniform(10, 390, 60):
            one, other = seen_from([x - speed, x], knots)
            found.append(best_speed(images, one, other, round(x)))
    assert np.mean(np.array(told[0.0]) == 0.0) > 0.95
    for speed in (0.5, 1.0, 2.0):
        assert np.mean(np.array(told[speed]) == 0.0) < (0.15 if speed < 1.0 else 0.05)
    assert np.mean(told[0.5]) < np.mean(told[1.0]) < np.mean(told[2.0])


def test_a_standing_robot_with_noise_stands_still(knots):
    """Less than a tenth of the change of a place is nothing, so none is worth more than some."""
    images = learnt(seen_from(np.arange(400), knots))
    little = 0.05 * float(images.change[1])
    quiet, noisy = (images.log_likelihoods(c, 1.0, np.full(6, 200), SPEEDS)
                    for c in (0.0, little))
    assert quiet == pytest.approx(noisy)
    assert SPEEDS[int(noisy.argmax())] == 0.0


def test_backwards_is_as_far(knots):
    images = learnt(seen_from(np.arange(400), knots))
    stops = np.full(5, 200)
    ways = np.array([0.25, 0.5, 1.0, 2.0, 3.0])
    assert images.log_likelihoods(0.1, 1.0, stops, -ways) == pytest.approx(
        images.log_likelihoods(0.1, 1.0, stops, ways))


def test_in_a_tunnel_nothing_changes_and_nothing_is_told(knots):
    """All speeds are the same there, where the map shows that nothing changes."""
    x = np.arange(400.0)
    x[150:250] = 150.0  # every frame of it looks the same
    images = learnt(seen_from(x, knots))
    assert images is not None
    inside = images.log_likelihoods(0.0, 1.0, np.full(6, 200), SPEEDS)
    outside = images.log_likelihoods(0.0, 1.0, np.full(6, 50), SPEEDS)
    assert np.ptp(inside) < 0.1
    assert np.ptp(outside) > 1.0
    # And a robot of which nobody knows where it is may be in it only as often as is usual.
    assert np.ptp(images.log_likelihoods(0.0, 1.0, None, SPEEDS)) > 1.0


def test_a_bus_that_passes_proves_nothing(knots):
    images = learnt(seen_from(np.arange(400), knots))
    found = images.log_likelihoods(1.9, 1.0, np.full(6, 200), SPEEDS)
    assert np.isfinite(found).all()
    assert np.ptp(found) < 3.1  # log(1 / 0.05)


@pytest.mark.parametrize('factor', [0.6, 1.0, 1.6])
def test_the_usual_change_of_a_run_is_learnt(knots, factor):
    """A winter that changes less from place to place than the summer of the map."""
    images = learnt(seen_from(np.arange(400), knots))
    usual = 1.0
    rng = np.random.default_rng(0)
    for _ in range(300):
        seen = factor * float(images.change[1]) * np.exp(rng.normal(0.0, 0.1))
        usual = images.learnt(seen, 1.0, usual)
    assert usual == pytest.approx(factor, rel=0.15)
    # Then a place further on looks like one, and not like less.
    found = images.log_likelihoods(factor * float(images.change[1]), usual, None, SPEEDS)
    assert SPEEDS[int(found.argmax())] == 1.0


def test_standing_is_not_usual(knots):
    images = learnt(seen_from(np.arange(400), knots))
    usual = 1.3
    for _ in range(1000):
        usual = images.learnt(0.0, 1.0, usual)
    assert usual == 1.3


def test_frames_that_come_fast_teach_as_much_together(knots):
    images = learnt(seen_from(np.arange(400), knots))
    usual = {}
    for hertz in (1, 10):
        usual[hertz] = 1.0
        for _ in range(20 * hertz):
            step = 2.0 * np.interp(1.0 / hertz, images.places, images.change)
            usual[hertz] = images.learnt(float(step), 1.0 / hertz, usual[hertz])
    assert usual[10] == pytest.approx(usual[1], rel=0.05)


def test_nothing_makes_it_run_away(knots):
    images = learnt(seen_from(np.arange(400), knots))
    usual = 1.0
    for _ in range(2000):
        usual = images.learnt(2.0, 0.1, usual)
    assert 1.0 < usual <= 10.0


def test_rounded_descriptors_and_other_views(knots):
    """The views of places are not the rows of the descriptors."""
    descriptors = seen_from(np.arange(300), knots)
    twice = np.repeat(descriptors, 2, axis=0).astype(np.float16)
    rounded = ImageMotion.of(twice, np.arange(300) * 2, straight(300))
    exact = learnt(descriptors)
    assert rounded.change == pytest.approx(exact.change, abs=2e-3)
    stops = np.arange(10, 16)
    assert rounded.log_likelihoods(0.1, 1.0, stops, SPEEDS) == pytest.approx(
        exact.log_likelihoods(0.1, 1.0, stops, SPEEDS), abs=0.1)


def test_the_first_stop_of_a_traverse_has_the_change_of_the_one_after(knots):
    descriptors = seen_from(np.concatenate([np.arange(100), np.arange(200, 300)]), knots)
    images = learnt(descriptors, straight(100, 100))
    first = images.log_likelihoods(0.1, 1.0, np.full(6, 100), SPEEDS)
    second = images.log_likelihoods(0.1, 1.0, np.full(6, 101), SPEEDS)
    assert first == pytest.approx(second)
