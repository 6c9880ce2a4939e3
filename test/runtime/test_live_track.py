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

"""What a robot just measured, against the same samples as a whole track."""

from threading import Event
from threading import Thread
from time import monotonic

import numpy as np
import pytest
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.runtime.live_track import LiveTrack
from vpr_ros.runtime.pose_track import PoseTrack
from vpr_ros.types import Pose

SECOND = 10 ** 9
EPOCH = 1_700_000_000 * SECOND


def sample(second: float, x: float | None = None) -> StampedPose:
    """Return where a robot was that drives 1 m/s and turns."""
    return StampedPose(EPOCH + round(second * SECOND), 'odom', 'base_link',
                       Pose.from_xy_yaw(second if x is None else x, 0.0, 0.1 * second))


def driven(*seconds: float) -> LiveTrack:
    track = LiveTrack()
    for second in seconds:
        track.add(sample(second))
    return track


def x_at(track: LiveTrack, second: float) -> float | None:
    pose = track.at(EPOCH + round(second * SECOND))
    return None if pose is None else float(pose.position[0])


@pytest.mark.parametrize('second', [-0.2, -0.05, 0.0, 0.013, 0.5, 0.76, 0.9, 0.98, 1.05, 1.2])
def test_it_answers_as_a_track_of_the_whole_drive(second):
    seconds = np.arange(50) * 0.02
    stamp_ns = EPOCH + round(second * SECOND)
    live = driven(*seconds).at(stamp_ns)
    whole = PoseTrack(map(sample, seconds)).at(stamp_ns)
    assert (live is None) == (whole is None)
    if live is not None and whole is not None:
        assert np.array_equal(live.matrix(), whole.matrix())


def test_the_last_pose_holds_for_a_moment_and_no_longer():
    track = driven(0.0, 0.1, 0.2)
    assert x_at(track, 0.15) == pytest.approx(0.15)
    assert x_at(track, 0.29) == pytest.approx(0.2)
    assert x_at(track, 0.31) is None
    track.add(sample(0.3))
    assert x_at(track, 0.31) == pytest.approx(0.3)
    assert LiveTrack().at(EPOCH) is None


def test_only_the_last_seconds_are_kept():
    track = driven(*np.arange(0.0, 60.0, 0.1))
    assert len(track) == 101
    assert x_at(track, 40.0) is None
    assert x_at(track, 52.03) == pytest.approx(52.03)


def test_samples_at_an_absurd_rate_are_bounded_in_number():
    track = LiveTrack()
    for number in range(100_100):
        track.add(sample(number * 1e-5))
    assert len(track) == 100_000


def test_what_somebody_waits_to_ask_for_is_kept():
    track = LiveTrack()
    for seconds in np.arange(0.0, 60.0, 0.1):
        track.add(sample(seconds), asked_ns=EPOCH + 20 * 10 ** 9)
    assert x_at(track, 5.0) is None
    assert x_at(track, 20.03) == pytest.approx(20.03)
    # Nobody waits for what is to come.
    track.add(sample(60.0), asked_ns=EPOCH + 70 * 10 ** 9)
    assert x_at(track, 50.03) == pytest.approx(50.03)
    assert x_at(track, 49.0) is None


def test_stamps_that_go_back_start_a_new_run():
    track = driven(10.0, 10.1, 10.2)
    track.add(sample(2.0, x=500.0))
    assert len(track) == 1
    assert x_at(track, 2.0) == 500.0
    assert x_at(track, 10.1) is None


def test_a_late_sample_is_left_out_and_a_repeated_stamp_corrects():
    track = driven(1.0, 1.1)
    track.add(sample(1.05, x=700.0))
    assert x_at(track, 1.05) == pytest.approx(1.05)
    track.add(sample(1.1, x=3.0))
    assert len(track) == 2
    assert x_at(track, 1.1) == 3.0


def test_cleared_it_knows_nothing():
    track = driven(1.0, 1.1)
    assert track.last_ns == EPOCH + 1_100_000_000
    track.clear()
    assert track.last_ns is None
    assert x_at(track, 1.05) is None


def test_one_thread_asks_while_another_adds():
    track, done = driven(0.0), Event()

    def add() -> None:
        for number in range(1, 20_000):
            track.add(sample(number * 0.001))
        done.set()

    adder = Thread(target=add)
    adder.start()
    asked = 0
    while not done.is_set():
        last_ns = track.last_ns
        assert last_ns is not None
        pose = track.at(last_ns - 500_000)
        assert pose is not None
        second = (last_ns - 500_000 - EPOCH) / SECOND
        assert pose.position[0] == pytest.approx(max(second, 0.0), abs=1e-5)
        asked += 1
    adder.join()
    assert asked > 100


def x_waited(track: LiveTrack, second: float, timeout_s: float) -> float | None:
    pose = track.wait(EPOCH + round(second * SECOND), timeout_s)
    return None if pose is None else float(pose.position[0])


class Waiting:
    """One who waits on a thread of their own."""

    def __init__(self, track: LiveTrack, second: float, timeout_s: float = 20.0) -> None:
        self.got: list[float | None] = []
        self._thread = Thread(
            target=lambda: self.got.append(x_waited(track, second, timeout_s)))
        self._thread.start()

    def still(self) -> bool:
        self._thread.join(timeout=0.1)
        return self._thread.is_alive()

    def done(self) -> float | None:
        self._thread.join(timeout=5.0)
        assert not self._thread.is_alive()
        return self.got[0]


def test_what_is_known_is_not_waited_for():
    track = driven(1.0, 1.1)
    began = monotonic()
    assert x_waited(track, 1.05, 20.0) == pytest.approx(1.05)
    assert x_waited(track, 1.1, 20.0) == pytest.approx(1.1)
    assert x_waited(track, 0.2, 20.0) is None
    assert monotonic() - began < 5.0


def test_one_who_waits_gets_what_lies_between_two_samples():
    track = driven(1.0, 1.1)
    waiting = Waiting(track, 1.25)
    track.add(sample(1.2))
    assert waiting.still()
    track.add(sample(1.3))
    assert waiting.done() == pytest.approx(1.25)


def test_a_sample_at_the_very_stamp_is_enough():
    track = driven(1.0)
    waiting = Waiting(track, 1.5)
    assert waiting.still()
    track.add(sample(1.5))
    assert waiting.done() == pytest.approx(1.5)


def test_after_the_time_is_up_what_is_known_counts():
    track = driven(1.0, 1.1)
    began = monotonic()
    assert x_waited(track, 1.15, 0.2) == pytest.approx(1.1)
    assert x_waited(track, 1.5, 0.2) is None
    assert 0.35 < monotonic() - began < 5.0
    assert x_waited(track, 1.15, 0.0) == pytest.approx(1.1)


@pytest.mark.parametrize('seconds', [(), (1.0,), (0.5, 0.9)])
def test_nobody_is_waited_for_who_seems_to_send_nothing(seconds):
    began = monotonic()
    assert x_waited(driven(*seconds), 2.0, 20.0) is None
    assert monotonic() - began < 5.0


def test_who_is_hurried_gets_what_is_known_until_the_next_sample_comes():
    track = driven(1.0, 1.1)
    near, far = Waiting(track, 1.15), Waiting(track, 1.5)
    assert near.still() and far.still()
    track.hurry()
    assert near.done() == pytest.approx(1.1)
    assert far.done() is None
    assert Waiting(track, 1.15).done() == pytest.approx(1.1)
    track.add(sample(1.2))
    again = Waiting(track, 1.3)
    assert again.still()
    track.add(sample(1.4))
    assert again.done() == pytest.approx(1.3)


@pytest.mark.parametrize('change', [LiveTrack.clear, lambda track: track.add(sample(-100.0))])
def test_waiting_ends_when_time_begins_anew(change):
    track = driven(1.0)
    waiting = Waiting(track, 1.5)
    assert waiting.still()
    change(track)
    assert waiting.done() is None
