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

"""Transforms as they come in, against the same ones read as a whole."""

from collections.abc import Callable
from threading import Event
from threading import Thread
from time import monotonic

import numpy as np
import pytest
from vpr_ros.live.live_transforms import LiveTransforms
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.runtime.transform_tree import transform_track
from vpr_ros.types import Pose

SECOND = 10 ** 9
EPOCH = 1_700_000_000 * SECOND
SIDEWAYS = Pose([1.0, 2.0, 3.0], [0.5, -0.5, 0.1, 0.7])
LIFTED = Pose([0.1, -0.2, 0.3], [0.2, 0.1, -0.3, 0.9])


def ns(second: float) -> int:
    return EPOCH + round(second * SECOND)


def odom(second: float) -> StampedPose:
    """Return where a robot was that drives 1 m/s along x and turns."""
    return StampedPose(ns(second), 'odom', 'base', Pose.from_xy_yaw(second, 0.5, 0.1 * second))


def drift(second: float) -> StampedPose:
    return StampedPose(ns(second), 'map', 'odom', Pose(
        [10.0 + 0.1 * second, -0.2 * second, 1.0], [0.1, 0.02 * second, 0.3, 0.9]))


def joint(second: float, name: str = 'wheel') -> StampedPose:
    return StampedPose(ns(second), 'base', name, SIDEWAYS)


MOUNTED = StampedPose(0, 'base', 'mast', SIDEWAYS), StampedPose(0, 'mast', 'camera', LIFTED)


def same(found: Pose | None, wanted: Pose | None) -> bool:
    assert (found is None) == (wanted is None)
    return found is None or wanted is None or np.allclose(
        found.matrix(), wanted.matrix(), atol=1e-9)


@pytest.fixture
def live() -> LiveTransforms:
    return LiveTransforms()


@pytest.mark.parametrize('asked_first', [True, False])
@pytest.mark.parametrize(('parent', 'child'), [
    ('map', 'base'), ('base', 'map'), ('map', 'camera'), ('odom', 'mast'), ('camera', 'odom')])
def test_what_comes_in_is_known_as_if_it_had_been_read_whole(live, parent, child, asked_first):
    moving = [*(odom(0.05 * n) for n in range(120)), *(drift(0.3 + 0.7 * n) for n in range(9)),
              *(joint(0.05 * n) for n in range(120))]
    moving.sort(key=lambda transform: transform.stamp_ns)
    live.hear(MOUNTED, still=True)
    if asked_first:
        assert live.at(parent, child, ns(0.0)) is None
    for transform in moving:
        live.hear([transform], still=False)
    whole = transform_track(moving, MOUNTED, parent, child)
    known = 0
    for second in np.arange(-0.3, 6.5, 0.093):
        found = live.at(parent, child, ns(second))
        assert same(found, whole.at(ns(second)))
        known += found is not None
    assert 50 < known < 70


def test_what_does_not_move_is_known_at_any_time(live):
    assert live.at('base', 'camera', 0) is None
    live.hear(MOUNTED, still=True)
    assert same(live.at('base', 'camera', ns(5.0)), SIDEWAYS @ LIFTED)
    assert same(live.at('camera', 'base', 0), (SIDEWAYS @ LIFTED).inverse())
    assert same(live.at('anything', 'anything', 0), Pose.identity())
    assert live.last_ns('base', 'camera') is None
    assert same(live.wait('base', 'camera', ns(5.0), 20.0), SIDEWAYS @ LIFTED)


def test_all_that_moves_is_known_up_to_the_last_of_the_slowest(live):
    assert live.last_ns('map', 'base') is None
    live.hear([odom(1.0), odom(2.0), drift(0.5), drift(1.2)], still=False)
    live.hear(MOUNTED, still=True)
    assert live.last_ns('map', 'base') == live.last_ns('camera', 'map') == ns(1.2)
    assert live.last_ns('odom', 'camera') == ns(2.0)
    assert live.last_ns('map', 'elsewhere') is None


def test_frames_that_nothing_joins_are_not_known(live):
    live.hear([odom(1.0)], still=False)
    assert live.at('map', 'base', ns(1.0)) is None
    live.hear([drift(1.0)], still=False)
    assert same(live.at('map', 'base', ns(1.0)), drift(1.0).pose @ odom(1.0).pose)


def test_a_frame_that_a_static_transform_places_is_not_moved(live):
    live.hear([StampedPose(ns(1.0), 'odom', 'mast', LIFTED)], still=False)
    live.hear(MOUNTED, still=True)
    live.hear([StampedPose(ns(1.1), 'odom', 'mast', LIFTED), odom(1.0)], still=False)
    assert same(live.at('base', 'mast', ns(1.1)), SIDEWAYS)
    assert same(live.at('odom', 'mast', ns(1.0)), odom(1.0).pose @ SIDEWAYS)


def test_a_static_transform_may_be_corrected(live):
    live.hear(MOUNTED, still=True)
    live.hear([StampedPose(1, 'base', 'mast', LIFTED)], still=True)
    assert same(live.at('base', 'camera', 0), LIFTED @ LIFTED)
    live.hear([StampedPose(1, 'roof', 'mast', SIDEWAYS)], still=True)
    assert live.at('base', 'camera', 0) is None
    assert same(live.at('roof', 'camera', 0), SIDEWAYS @ LIFTED)
    assert set(live._still) == {('mast', 'roof'), ('camera', 'mast')}


def test_what_moved_and_now_stands_still_is_not_waited_for(live):
    live.hear([joint(1.0), joint(1.5)], still=False)
    assert live.last_ns('base', 'wheel') == ns(1.5)
    live.hear([StampedPose(0, 'base', 'wheel', LIFTED)], still=True)
    assert live.last_ns('base', 'wheel') is None
    assert same(live.wait('base', 'wheel', ns(2.0), 20.0), LIFTED)


def test_a_frame_that_gets_another_parent_hangs_on_that_alone(live):
    live.hear([odom(1.0), drift(1.0)], still=False)
    live.hear([StampedPose(ns(1.0), 'map', 'base', LIFTED)], still=False)
    assert same(live.at('map', 'base', ns(1.0)), LIFTED)
    assert live.at('odom', 'base', ns(1.0)).position == pytest.approx(
        (drift(1.0).pose.inverse() @ LIFTED).position)
    # And on the first again, of which nothing from before is left.
    live.hear([odom(1.2)], still=False)
    assert same(live.at('odom', 'base', ns(1.2)), odom(1.2).pose)
    assert live.at('odom', 'base', ns(1.0)) is None


def kept(live: LiveTransforms) -> dict[str, int]:
    return {child: len(track) for (child, _), track in live._moving.items()}


def test_only_what_was_asked_for_is_kept_for_long(live):
    for n in range(50):
        live.hear([odom(0.1 * n), joint(0.1 * n), drift(0.1 * n)], still=False)
    assert kept(live) == {'base': 50, 'wheel': 50, 'odom': 50}
    live.at('odom', 'base', ns(1.0))
    live.hear([odom(5.0), joint(5.0), drift(5.0)], still=False)
    assert kept(live) == {'base': 51, 'wheel': 1, 'odom': 1}
    # What is asked for and not joined may need any of them.
    live.at('odom', 'gripper', ns(1.0))
    for second in (5.1, 5.2):
        live.hear([odom(second), joint(second)], still=False)
    assert kept(live) == {'base': 53, 'wheel': 3, 'odom': 1}
    live.hear([StampedPose(ns(5.3), 'wheel', 'gripper', LIFTED), joint(5.3), odom(5.3),
               drift(5.3)], still=False)
    assert kept(live) == {'base': 54, 'wheel': 4, 'gripper': 1, 'odom': 1}


def test_ten_seconds_are_kept_of_it(live):
    live.at('odom', 'base', 0)
    for n in range(1000):
        live.hear([odom(0.1 * n)], still=False)
    assert kept(live) == {'base': 101}


def test_names_that_come_and_go_do_not_fill_the_memory(live):
    for n in range(1000):
        live.hear([odom(0.1 * n), joint(0.1 * n, f'thing {n}')], still=False)
    assert len(kept(live)) == len(live._parents) < 220
    assert same(live.at('odom', 'thing 999', ns(99.9)), odom(99.9).pose @ SIDEWAYS)


def test_when_time_goes_back_only_what_stands_still_is_known(live):
    live.hear(MOUNTED, still=True)
    live.hear([odom(50.0), drift(50.0)], still=False)
    live.clear()
    assert live.at('odom', 'camera', ns(50.0)) is None
    assert live.last_ns('odom', 'camera') is None
    assert same(live.at('base', 'camera', 0), SIDEWAYS @ LIFTED)
    live.hear([odom(1.0)], still=False)
    assert same(live.at('odom', 'mast', ns(1.0)), odom(1.0).pose @ SIDEWAYS)


class Waiting:
    """One who waits on a thread of their own."""

    def __init__(self, live: LiveTransforms, second: float) -> None:
        self.got: list[Pose | None] = []
        self._thread = Thread(
            target=lambda: self.got.append(live.wait('map', 'base', ns(second), 20.0)))
        self._thread.start()

    def still(self) -> bool:
        self._thread.join(timeout=0.1)
        return self._thread.is_alive()

    def done(self) -> Pose | None:
        self._thread.join(timeout=5.0)
        assert not self._thread.is_alive()
        return self.got[0]


def test_one_who_waits_gets_the_pose_when_all_transforms_have_come(live):
    live.hear([odom(1.0), drift(1.0)], still=False)
    waiting = Waiting(live, 1.5)
    live.hear([odom(2.0)], still=False)
    assert waiting.still()
    live.hear([drift(1.4)], still=False)
    assert waiting.still()
    live.hear([drift(1.6)], still=False)
    wanted = transform_track([odom(1.0), odom(2.0), drift(1.4), drift(1.6)], [], 'map', 'base')
    assert same(waiting.done(), wanted.at(ns(1.5)))


@pytest.mark.parametrize(('known', 'limit_s'), [
    ([], 20.0), ([odom(2.9)], 20.0), ([odom(2.9), drift(2.0)], 20.0),
    ([odom(2.9), drift(2.5)], 0.2)])
def test_nobody_is_waited_for_who_seems_to_send_nothing_or_is_late(live, known, limit_s):
    live.hear(known, still=False)
    began = monotonic()
    assert live.wait('map', 'base', ns(3.0), limit_s) is None
    assert monotonic() - began < 5.0


def test_waiting_ends_when_all_is_forgotten(live):
    live.hear([odom(1.0), drift(1.0)], still=False)
    waiting = Waiting(live, 1.5)
    assert waiting.still()
    live.clear()
    assert waiting.done() is None


def test_waiting_ends_when_it_is_hurried(live):
    live.hear([odom(1.0), drift(1.0)], still=False)
    waiting = Waiting(live, 1.5)
    assert waiting.still()
    live.hurry()
    assert waiting.done() is None


def race(live: LiveTransforms, ask: Callable[[], object]) -> int:
    """Ask on this thread, as often as it goes, while another tells; return how often."""
    done = Event()

    def tell() -> None:
        for n in range(1, 4000):
            live.hear([odom(n * 0.01), drift(n * 0.01), joint(n * 0.01)], still=False)
            if n % 500 == 0:
                live.hear(MOUNTED, still=True)
        done.set()

    teller = Thread(target=tell)
    teller.start()
    asked = 0
    while not done.is_set():
        ask()
        asked += 1
    teller.join()
    return asked


def test_one_thread_asks_while_another_tells(live):
    live.hear([odom(0.0), drift(0.0)], still=False)

    def ask() -> None:
        last_ns = live.last_ns('map', 'base')
        assert last_ns is not None
        pose = live.at('map', 'base', last_ns - 5_000_000)
        assert pose is not None
        second = max((last_ns - 5_000_000 - EPOCH) / SECOND, 0.0)
        wanted = drift(second).pose @ odom(second).pose
        assert pose.position == pytest.approx(wanted.position, abs=1e-3)

    assert race(live, ask) > 100
