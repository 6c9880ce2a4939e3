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


"""The loop calls at once, and sleeps otherwise."""

import signal
import statistics
import subprocess
import threading
import time

from cyclonedds.core import Entity
import pytest
from vpr_ros.dds.loop import Loop
from vpr_ros.live.interface import Qos
from vpr_ros.messages.rosbags_factory import typestore

STRING = 'std_msgs/msg/String'
QOS = Qos(reliable=True, depth=100)
LOST = 'the loop was still running'


def text(words):
    """Return a message as it is carried."""
    store = typestore()
    return bytes(store.serialize_cdr(store.types[STRING](data=words), STRING))


def run_for_some_turns(loop):
    """Run until all that waits was called, and what should not be might have been."""
    turns = []
    turning = loop.every(0.01, lambda: turns.append(1) or len(turns) == 3 and loop.stop())
    loop.run()
    turning.close()


@pytest.fixture
def loop(node):
    """Return the loop of a participant, which ends by itself after some time."""
    found = Loop(node)

    def give_up():
        raise AssertionError(LOST)

    found.every(20.0, give_up)
    yield found
    found.close()


@pytest.fixture
def helper():
    """Return what runs something on another thread, and waits for its end."""
    threads = []

    def run(call):
        threads.append(threading.Thread(target=call))
        threads[-1].start()

    yield run
    for thread in threads:
        thread.join()


def test_messages_are_handed_on_in_a_fraction_of_a_millisecond(node, loop, helper):
    reader, writer = node.reader('/a', STRING, QOS), node.writer('/a', STRING, QOS)
    delays_ms = []

    def hear():
        for _ in reader.take():
            delays_ms.append((time.monotonic() - sent_s[-1]) * 1e3)
        if len(delays_ms) == 50:
            loop.stop()

    def say():
        for _ in range(50):
            time.sleep(0.002)
            sent_s.append(time.monotonic())
            writer.write(text('now'))

    sent_s = []
    loop.attach(reader, hear)
    helper(say)
    loop.run()
    # Some are later on a machine that is busy.
    assert statistics.quantiles(delays_ms, n=4)[0] < 1.0


def test_each_reader_has_its_call_until_it_is_detached(node, loop):
    heard = []
    writers = [node.writer(f'/{name}', STRING, QOS) for name in 'abc']
    readers = [node.reader(f'/{name}', STRING, QOS) for name in 'abc']
    for reader in readers:
        loop.attach(reader, lambda reader=reader: heard.append((reader.topic, reader.take())))
    loop.detach(readers[1])
    loop.detach(readers[1])
    for writer in writers:
        writer.write(text(writer.topic))
    run_for_some_turns(loop)
    assert heard == [('/a', [text('/a') + b'\0']), ('/c', [text('/c') + b'\0'])]


def test_a_reader_may_be_closed_by_the_call_of_another(node, loop):
    heard = []
    writers = [node.writer(f'/{name}', STRING, QOS) for name in 'ab']
    readers = [node.reader(f'/{name}', STRING, QOS) for name in 'ab']

    def hear(own, other):
        heard.append(own.take())
        loop.detach(other)
        other.close()

    loop.attach(readers[0], lambda: hear(*readers))
    loop.attach(readers[1], lambda: hear(*reversed(readers)))
    for writer in writers:
        writer.write(text('one'))
    run_for_some_turns(loop)
    assert len(heard) == 1


def test_a_publisher_that_does_not_fit_is_a_reason_to_call(node, loop):
    reader = node.reader('/a', STRING, QOS)
    policies = []

    def hear():
        policies.append(reader.requested_incompatible())
        loop.stop()

    loop.attach(reader, hear)
    node.writer('/a', STRING, Qos(reliable=False, depth=1))
    loop.run()
    assert policies == ['RELIABILITY']
    run_for_some_turns(loop)
    assert policies == ['RELIABILITY']


def test_calls_are_repeated_until_they_are_closed(loop):
    seen_s = []

    def tick():
        seen_s.append(time.monotonic())
        if len(seen_s) == 5:
            ticking.close()
            loop.every(0.1, loop.stop)

    begun_s = time.monotonic()
    ticking = loop.every(0.02, tick)
    loop.run()
    assert len(seen_s) == 5
    assert seen_s[-1] - begun_s >= 0.1
    for number, s in enumerate(seen_s, 1):
        assert s - begun_s >= 0.02 * number


def test_any_thread_wakes_it_and_stops_it(loop, helper):
    threads = []

    def woken():
        threads.append(threading.current_thread())
        if len(threads) == 3:
            helper(loop.stop)

    def wake():
        while len(threads) < 3:
            loop.wake()
            time.sleep(0.01)

    loop.on_wake(woken)
    helper(wake)
    loop.run()
    assert set(threads) == {threading.current_thread()}


def test_what_was_stopped_before_it_ran_ends_at_once(loop):
    loop.stop()
    loop.run()
    # And but once.
    again = []
    loop.every(0.02, lambda: again.append(1) or loop.stop())
    loop.run()
    assert again


def test_after_a_stop_nothing_more_is_called(node, loop):
    reader, writer = node.reader('/a', STRING, QOS), node.writer('/a', STRING, QOS)
    loop.attach(reader, lambda: pytest.fail('called'))
    loop.on_wake(loop.stop)
    writer.write(text('one'))
    loop.wake()
    loop.run()


def test_what_a_call_raises_ends_the_run(loop):
    def fail():
        raise ValueError('as it is')

    loop.on_wake(fail)
    loop.wake()
    with pytest.raises(ValueError, match='as it is'):
        loop.run()


def test_it_sleeps_while_nothing_happens(loop):
    loop.every(0.5, loop.stop)
    before_s = time.thread_time()
    loop.run()
    assert time.thread_time() - before_s < 0.05


def test_it_runs_on_another_thread_too(loop, helper):
    ended = threading.Event()
    helper(lambda: (loop.run(), ended.set()))
    loop.stop()
    assert ended.wait(10.0)


def test_what_is_closed_leaves_nothing_behind(node):
    before = set(Entity._entities)
    loop = Loop(node)
    reader = node.reader('/a', STRING, QOS)
    loop.attach(reader, print)
    loop.close()
    reader.close()
    loop.wake()
    loop.close()
    # The topic stays for the next who hears it.
    assert len(set(Entity._entities) - before) == 1


RUN = """
import signal
import sys
from vpr_ros.dds.loop import Loop
from vpr_ros.dds.participant import Participant

if sys.argv[1] == 'own handlers':
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *about: loop.stop())
with Participant('interrupted') as participant:
    loop = Loop(participant)
    print('running', flush=True)
    try:
        loop.run()
        print('stopped')
    except KeyboardInterrupt:
        print('interrupted')
    loop.close()
print(signal.getsignal(signal.SIGTERM) is signal.SIG_DFL)
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(('handlers', 'said'), [
    ('none', 'interrupted\nTrue\n'), ('own handlers', 'stopped\nFalse\n')])
def test_signals_end_a_run_at_once(spawn, number, handlers, said):
    process: subprocess.Popen[str] = spawn(RUN, handlers)
    assert process.stdout.readline() == 'running\n'
    time.sleep(0.2)
    begun_s = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20.0)
    assert (out, err, process.returncode) == (said, '', 0)
    assert time.monotonic() - begun_s < 2.0
