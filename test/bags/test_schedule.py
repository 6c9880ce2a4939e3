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


"""Messages are due by the stamps of the bag and the rate alone."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies
import pytest
from vpr_ros.bags.schedule import Schedule
from vpr_ros.errors import VprError

S = 1_000_000_000
START_NS = 1_700_000_000 * S + 123_456_789


@dataclass(frozen=True)
class Stamped:
    stamp_ns: int


def turn(schedule: Schedule, *offsets_s: float) -> list[tuple[float, float | None]]:
    """Return when what is due, in seconds: the offset of a message, or None for the time."""
    return [(due.at_ns / S, due.message and (due.message.stamp_ns - START_NS) / S)
            for due in schedule.turn(Stamped(START_NS + round(s * S)) for s in offsets_s)]


def test_messages_are_due_as_far_apart_as_they_were_recorded():
    assert turn(Schedule(START_NS), 0, 0.5, 0.5, 3) == [(0, 0), (0.5, 0.5), (0.5, 0.5), (3, 3)]


def test_a_rate_divides_the_time():
    assert turn(Schedule(START_NS, rate=2), 0, 1, 4) == [(0, 0), (0.5, 1), (2, 4)]
    assert turn(Schedule(START_NS, rate=0.5), 0, 1) == [(0, 0), (2, 1)]


def test_what_was_received_before_the_start_is_due_at_once():
    assert turn(Schedule(START_NS), -7, 1) == [(0, -7), (1, 1)]


def test_a_message_behind_later_ones_is_due_with_them():
    assert turn(Schedule(START_NS), 1, 0.4, 2) == [(1, 1), (1, 0.4), (2, 2)]


def test_the_time_is_told_before_the_messages_of_that_time_and_at_the_end():
    assert turn(Schedule(START_NS, clock_hz=2), 0, 0.7, 1, 1.2) == [
        (0, None), (0, 0), (0.5, None), (0.7, 0.7), (1, None), (1, 1), (1.2, 1.2), (1.2, None)]


def test_the_time_is_told_in_real_time_and_is_that_of_the_bag():
    ticks = [due for due in Schedule(START_NS, rate=4, clock_hz=10).turn(
        [Stamped(START_NS), Stamped(START_NS + 4 * S)]) if due.message is None]
    assert [due.at_ns for due in ticks] == [i * S // 10 for i in range(11)]
    assert [due.time_ns - START_NS for due in ticks] == [4 * i * S // 10 for i in range(11)]


def test_an_empty_turn_has_nothing_due():
    assert turn(Schedule(START_NS, clock_hz=40)) == []


@pytest.mark.parametrize('rate', [0, -1, float('inf'), float('nan')])
def test_time_that_does_not_go_on_is_refused(rate):
    with pytest.raises(VprError, match='expected a rate above 0'):
        Schedule(START_NS, rate=rate)


def test_a_clock_that_ticks_backwards_is_refused():
    with pytest.raises(VprError, match='hertz, above 0, got -40'):
        Schedule(START_NS, clock_hz=-40)


@given(strategies.lists(strategies.integers(0, 10 ** 11), max_size=30),
       strategies.floats(0.05, 50), strategies.sampled_from([0, 0.3, 1]))
def test_nothing_is_lost_and_time_never_goes_back(offsets_ns, rate, clock_hz):
    messages = [Stamped(START_NS + offset_ns) for offset_ns in offsets_ns]
    dues = list(Schedule(START_NS, rate=rate, clock_hz=clock_hz).turn(messages))
    assert [due.message for due in dues if due.message] == messages
    assert [due.at_ns for due in dues] == sorted(due.at_ns for due in dues)
    assert [due.time_ns for due in dues] == sorted(due.time_ns for due in dues)
    # The time is exact to what a nanosecond of real time is in the bag.
    assert all(due.message.stamp_ns - due.time_ns <= rate for due in dues if due.message)
    ticks = [due for due in dues if due.message is None]
    assert bool(ticks) == bool(clock_hz and messages)
    if ticks:
        assert ticks[-1].at_ns == dues[-1].at_ns
        assert all(b.at_ns - a.at_ns <= S / clock_hz + 1
                   for a, b in zip(ticks, ticks[1:], strict=False))
