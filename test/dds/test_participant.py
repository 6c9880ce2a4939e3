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


"""A participant sends and hears what others on the graph hear and send."""

from contextlib import ExitStack
from contextlib import suppress
import gc
import os
import signal
import socket
import threading
import time

from cyclonedds.core import Entity
import pytest
from rosbags.typesys.store import Typestore
from vpr_ros.dds.participant import Participant
from vpr_ros.dds.qos import KEEP_ALL
from vpr_ros.errors import VprError
from vpr_ros.live.interface import Qos
from vpr_ros.messages.rosbags_factory import typestore

STRING = 'std_msgs/msg/String'
RELIABLE = Qos(reliable=True, depth=10)
BEST_EFFORT = Qos(reliable=False, depth=10)
LATCHED = Qos(reliable=True, depth=1, latched=True)

ECHO = """
import sys, time
from vpr_ros.dds.participant import Participant
from vpr_ros.live.interface import Qos

with Participant('echo') as participant:
    reader = participant.reader('/question', 'std_msgs/msg/String', Qos(True, 10))
    writer = participant.writer('/answer', 'std_msgs/msg/String', Qos(True, 10))
    while True:
        for data in reader.take():
            writer.write(data)
        time.sleep(0.001)
"""


def text(words):
    """Return a message as it is carried."""
    store = typestore()
    return bytes(store.serialize_cdr(store.types[STRING](data=words), STRING))


def words_of(data):
    """Return what a message says."""
    return typestore().deserialize_cdr(data, STRING).data


def stop(process):
    """Have a process hear no more, and not be gone either."""
    process.send_signal(signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)


def test_messages_go_to_another_process_and_back(node, spawn, eventually):
    spawn(ECHO)
    writer = node.writer('/question', STRING, RELIABLE)
    reader = node.reader('/answer', STRING, RELIABLE)
    assert not writer.matched()
    assert not reader.matched()
    eventually(lambda: writer.matched() and reader.matched())
    for number in range(5):
        assert writer.write(text(f'number {number}'))
    heard = []
    eventually(lambda: heard.extend(reader.take()) or len(heard) == 5)
    assert [words_of(data) for data in heard] == [f'number {number}' for number in range(5)]
    assert node.wait_for_acks(5.0)


def test_who_is_gone_is_no_longer_counted(node, spawn, eventually):
    process = spawn(ECHO.replace('while True', 'while sys.stdin.readline()'))
    writer = node.writer('/question', STRING, RELIABLE)
    reader = node.reader('/answer', STRING, RELIABLE)
    eventually(lambda: writer.matched() and reader.matched())
    process.stdin.close()
    process.stdin = None
    eventually(lambda: not writer.matched() and not reader.matched())
    assert reader.take() == []
    assert process.wait(10.0) == 0


def test_what_is_latched_reaches_who_comes_late(node):
    writer = node.writer('/map', STRING, LATCHED)
    for number in range(3):
        writer.write(text(f'map {number}'))
    late = node.reader('/map', STRING, LATCHED)
    assert [words_of(data) for data in late.take()] == ['map 2']
    volatile = node.reader('/map', STRING, RELIABLE)
    assert volatile.take() == []


@pytest.mark.parametrize(('depth', 'kept'), [(1, 1), (3, 3), (KEEP_ALL, 20)])
def test_of_messages_that_wait_the_oldest_are_dropped(node, depth, kept):
    reader = node.reader('/many', STRING, Qos(reliable=True, depth=depth))
    writer = node.writer('/many', STRING, Qos(reliable=True, depth=KEEP_ALL))
    for number in range(20):
        writer.write(text(str(number)))
    assert [int(words_of(data)) for data in reader.take()] == list(range(20 - kept, 20))
    assert reader.take() == []


def test_no_more_than_some_messages_are_taken_at_once_and_none_is_lost(node):
    reader = node.reader('/many', STRING, Qos(reliable=True, depth=KEEP_ALL))
    writer = node.writer('/many', STRING, RELIABLE)
    for number in range(100):
        writer.write(text(str(number)))
    heard = []
    while some := reader.take():
        assert len(some) <= 32
        heard += some
    assert [int(words_of(data)) for data in heard] == list(range(100))


@pytest.mark.parametrize(('sent', 'heard', 'policy'), [
    (RELIABLE, RELIABLE, ''),
    (RELIABLE, BEST_EFFORT, ''),
    (LATCHED, RELIABLE, ''),
    (BEST_EFFORT, RELIABLE, 'RELIABILITY'),
    (RELIABLE, LATCHED, 'DURABILITY'),
])
def test_a_publisher_that_promises_too_little_is_told_once(node, sent, heard, policy):
    reader = node.reader('/topic', STRING, heard)
    assert reader.requested_incompatible() == ''
    writer = node.writer('/topic', STRING, sent)
    assert reader.requested_incompatible() == policy
    assert reader.requested_incompatible() == ''
    assert reader.matched() == writer.matched() == (0 if policy else 1)


def test_topics_of_other_names_or_types_are_not_heard(node):
    writer = node.writer('/topic', STRING, RELIABLE)
    node.reader('/other', STRING, RELIABLE)
    other_type = node.reader('/topic', 'std_msgs/msg/Int32', RELIABLE)
    writer.write(text('nobody'))
    assert not writer.matched()
    assert other_type.take() == []
    assert other_type.requested_incompatible() == 'TYPE'


def test_bytes_that_are_no_message_are_refused(node):
    writer = node.writer('/topic', STRING, RELIABLE)
    for data in (b'', b'\0\1', b'\0\1\0\0\xff\0\0\0short'):
        with pytest.raises(VprError, match='for /topic are no message of type std_msgs/msg/Str'):
            writer.write(data)
    assert writer.write(text('whole'))


def test_a_type_that_is_not_known_leaves_nothing_behind(node):
    before = len(Entity._entities)
    with pytest.raises(VprError, match='unknown message type'):
        node.writer('/topic', 'std_msgs/msg/Nothing', RELIABLE)
    assert len(Entity._entities) == before


def test_what_is_closed_leaves_nothing_behind():
    before = set(Entity._entities)
    node = Participant('tester')
    reader, writer = node.reader('/a', STRING, RELIABLE), node.writer('/b', STRING, RELIABLE)
    other = node.writer('/a', STRING, RELIABLE)
    assert other.matched() == 1
    reader.close()
    assert not other.matched()
    reader.close()
    writer.close()
    begun_s = time.monotonic()
    node.close()
    node.close()
    assert time.monotonic() - begun_s < 1.0
    assert set(Entity._entities) == before


def test_topics_that_come_and_go_do_not_pile_up(node):
    for _ in range(2):
        node.reader('/a', STRING, RELIABLE).close()
    before = len(Entity._entities)
    for _ in range(20):
        node.reader('/a', STRING, RELIABLE).close()
    assert len(Entity._entities) == before


def test_nodes_that_come_and_go_do_not_pile_up():
    def stores():
        gc.collect()
        return sum(type(one) is Typestore for one in gc.get_objects())

    Participant('first').close()
    before = stores()
    Participant('second').close()
    assert stores() == before


def test_a_failure_to_join_leaves_the_domain(monkeypatch):
    with pytest.raises(VprError, match="unknown distribution of ROS 2 'jazz'.*'jazzy'"):
        Participant('tester', ros_distro='jazz')
    # Otherwise it would still be in use with another range.
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'OFF')
    Participant('tester').close()


def test_a_domain_has_one_range_in_one_process(node, monkeypatch, domain):
    Participant('second').close()
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'OFF')
    with pytest.raises(VprError, match=f'domain {domain} is in use in this process'):
        Participant('third')
    Participant('elsewhere', domain=domain + 101).close()


def test_a_configuration_that_is_wrong_is_said_so(monkeypatch, capfd):
    monkeypatch.setenv('CYCLONEDDS_URI', '<CycloneDDS><Nonsense/></CycloneDDS>')
    with pytest.raises(VprError, match='cannot be configured .*CYCLONEDDS_URI may say what it'):
        Participant('tester')
    assert 'Nonsense' in capfd.readouterr().err


def test_more_nodes_than_a_machine_has_room_for_are_said_so(domain):
    # By the rules of RTPS, each of the 33 processes of a domain has a port of its own.
    with ExitStack() as ending:
        for index in range(33):
            port = ending.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            with suppress(OSError):  # it is taken anyway
                port.bind(('', 7400 + 250 * domain + 10 + 2 * index))
        with pytest.raises(VprError, match='there may be too many nodes on this machine'):
            Participant('tester')


def test_names_are_checked():
    with pytest.raises(VprError, match='is no name of a node'):
        Participant('no name')
    with pytest.raises(VprError, match='is no namespace'):
        Participant('name', '/no name')
    with pytest.raises(VprError, match='there is no domain 300'):
        Participant('name', domain=300)


def test_another_thread_goes_on_while_acknowledgements_are_waited_for(node, spawn, eventually):
    process = spawn(ECHO)
    writer = node.writer('/question', STRING, Qos(reliable=True, depth=KEEP_ALL))
    assert node.wait_for_acks(0.0)
    eventually(writer.matched)
    writer.write(text('are we in touch'))
    assert node.wait_for_acks(10.0)
    stop(process)
    counted = []

    def count():
        while len(counted) < 1000 and not done.wait(0.001):
            counted.append(1)

    done = threading.Event()
    thread = threading.Thread(target=count)
    thread.start()
    try:
        writer.write(text('is anybody there'))
        begun_s = time.monotonic()
        assert not node.wait_for_acks(0.3)
        assert 0.3 <= time.monotonic() - begun_s < 5.0
        assert len(counted) > 20
    finally:
        done.set()
        thread.join()
        process.send_signal(signal.SIGCONT)
    assert node.wait_for_acks(10.0)


def test_who_cannot_follow_stops_a_writer_for_a_moment_only(node, spawn, eventually):
    process = spawn(ECHO)
    writer = node.writer('/question', STRING, Qos(reliable=True, depth=KEEP_ALL))
    eventually(writer.matched)
    stop(process)
    data = text('x' * 200_000)
    begun_s = time.monotonic()
    assert not all(writer.write(data) for _ in range(20))
    assert time.monotonic() - begun_s < 10.0
    process.kill()
    process.wait()
    begun_s = time.monotonic()
    node.close()
    assert time.monotonic() - begun_s < 3.0
