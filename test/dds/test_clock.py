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


"""A node goes by the time of day, or by that of a simulation."""

import struct
import time

import pytest
from vpr_ros.dds.clock import SimulatedTime
from vpr_ros.dds.clock import TimeOfDay
from vpr_ros.dds.loop import Loop
from vpr_ros.live.interface import Qos

SECOND = 10 ** 9


@pytest.fixture
def loop(node):
    """Return the loop of a participant."""
    found = Loop(node)
    yield found
    found.close()


class Simulation:
    """Publishes ``/clock``, and lets it be heard."""

    def __init__(self, node, loop):
        self._loop = loop
        self._writer = node.writer('/clock', 'rosgraph_msgs/msg/Clock', Qos(True, 10))

    def set(self, *times_ns, order='<'):  # noqa: A003
        """Say what time it is, once or more times before anybody listens."""
        for time_ns in times_ns:
            self._writer.write(bytes([0, order == '<', 0, 0]) + struct.pack(
                f'{order}iI', *divmod(time_ns, SECOND)))
        ticks = []
        # Between two ticks all is heard that waits, however late they are.
        ticking = self._loop.every(
            0.005, lambda: ticks.append(1) or len(ticks) == 2 and self._loop.stop())
        self._loop.run()
        ticking.close()


def test_the_time_of_day_is_that_of_this_machine(loop):
    clock = TimeOfDay(loop)
    before_ns = time.time_ns()
    assert before_ns <= clock.now_ns() <= time.time_ns()
    ticks = []
    clock.every(0.02, lambda: ticks.append(1) or len(ticks) == 3 and loop.stop())
    loop.run()
    assert len(ticks) == 3


def test_simulated_time_is_what_was_last_heard(node, loop):
    clock = SimulatedTime(loop, node, lambda: pytest.fail('it did not go back'))
    simulation = Simulation(node, loop)
    assert clock.now_ns() == 0
    simulation.set(1_700_000_000 * SECOND + 5)
    assert clock.now_ns() == 1_700_000_000 * SECOND + 5
    simulation.set(1_700_000_000 * SECOND + 5)
    simulation.set(1_700_000_001 * SECOND, order='>')
    assert clock.now_ns() == 1_700_000_001 * SECOND


def test_each_step_back_is_told_once_it_is_so(node, loop):
    seen_ns = []
    clock = SimulatedTime(loop, node, lambda: seen_ns.append(clock.now_ns()))
    simulation = Simulation(node, loop)
    for time_ns in (5 * SECOND, 6 * SECOND, 6 * SECOND - 1, 7 * SECOND, 0, 0):
        simulation.set(time_ns)
    assert seen_ns == [6 * SECOND - 1, 0]


def test_calls_are_repeated_as_simulated_time_goes_on(node, loop):
    clock = SimulatedTime(loop, node, lambda: None)
    simulation = Simulation(node, loop)
    simulation.set(100 * SECOND)
    seen_ns = []
    repeated = clock.every(1.0, lambda: seen_ns.append(clock.now_ns() / SECOND))
    for second in (100, 100.9, 101, 101.5, 105.2, 105.9, 106, 50, 50.5, 51, 51.5):
        simulation.set(round(second * SECOND))
    assert seen_ns == [101, 105.2, 106, 51]
    repeated.close()
    simulation.set(60 * SECOND)
    assert len(seen_ns) == 4


def test_a_call_may_close_what_is_repeated(node, loop):
    clock = SimulatedTime(loop, node, lambda: None)
    simulation = Simulation(node, loop)
    simulation.set(SECOND)
    called = []

    def call(own, other):
        called.append(own)
        repeated[other].close()

    repeated = [clock.every(1.0, lambda: call(0, 1)), clock.every(1.0, lambda: call(1, 0))]
    simulation.set(10 * SECOND)
    simulation.set(20 * SECOND)
    assert called == [0, 0]


def test_a_publisher_that_does_not_fit_is_told_and_the_loop_sleeps(node, loop, caplog):
    SimulatedTime(loop, node, lambda: None)
    node.writer('/clock', 'std_msgs/msg/Int32', Qos(True, 10))
    loop.every(0.3, loop.stop)
    before_s = time.thread_time()
    loop.run()
    assert time.thread_time() - before_s < 0.1
    assert caplog.messages == ['a publisher on /clock does not fit: its QoS differs in TYPE']
