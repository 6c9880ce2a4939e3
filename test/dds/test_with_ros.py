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


"""A real ROS 2 and a node without it hear and see each other: skipped where there is none."""

import json
import time

import pytest
from vpr_ros.dds.graph import DdsGraph
from vpr_ros.dds.names import resolve_topic
from vpr_ros.dds.participant import Participant
from vpr_ros.dds.publishers import Publishers
from vpr_ros.dds.types import type_hash
from vpr_ros.errors import VprError
from vpr_ros.live.interface import Qos
from vpr_ros.messages.rosbags_factory import typestore

pytest.importorskip('rclpy', reason='no ROS 2 is sourced')

STRING = 'std_msgs/msg/String'
RELIABLE = Qos(reliable=True, depth=7)
BEST_EFFORT = Qos(reliable=False, depth=3)
LATCHED = Qos(reliable=True, depth=1, latched=True)

# Says "hello <number>" on /hello and once "still" on /still, repeats what it hears as /said, and
# tells of the graph when it is asked.
PEER = """
import json
import sys
import threading

import rclpy
from rclpy.qos import DurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.utilities import get_rmw_implementation_identifier
from std_msgs.msg import String

rclpy.init()
node = rclpy.create_node('peer', namespace='/ros')
latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
hello = node.create_publisher(String, '/hello', 10)
still = node.create_publisher(String, '/still', latched)
still.publish(String(data='still'))
wary = node.create_publisher(String, '/wary', QoSProfile(
    depth=1, reliability=ReliabilityPolicy.BEST_EFFORT))
heard = {'/said': [], '/kept': []}
node.create_subscription(String, '/said', lambda m: heard['/said'].append(m.data), 10)
node.create_subscription(String, '/kept', lambda m: heard['/kept'].append(m.data), latched)
said = 0


def say():
    global said
    hello.publish(String(data=f'hello {said}'))
    said += 1


def about(end):
    qos = end.qos_profile
    return [end.node_namespace, end.node_name, end.topic_type, qos.reliability.name,
            qos.durability.name, str(end.topic_type_hash)]


def answer():
    for _ in sys.stdin:
        topics = dict(node.get_topic_names_and_types())
        names = sorted(f'{space}:{name}' for name, space in node.get_node_names_and_namespaces())
        print(json.dumps({
            'heard': heard, 'nodes': names, 'types': topics,
            'publishers': {t: [about(end) for end in node.get_publishers_info_by_topic(t)]
                           for t in topics},
            'subscriptions': {t: [about(end) for end in node.get_subscriptions_info_by_topic(t)]
                              for t in topics},
            'rmw': get_rmw_implementation_identifier(),
            'listeners': hello.get_subscription_count()}), flush=True)
    ended.set()


ended = threading.Event()
node.create_timer(0.05, say)
threading.Thread(target=answer).start()
print('ready', flush=True)
while not ended.is_set():
    rclpy.spin_once(node, timeout_sec=0.1)
rclpy.shutdown()
"""

RESOLVE = """
import json
import sys

from rclpy.exceptions import NameValidationException
from rclpy.expand_topic_name import expand_topic_name
from rclpy.validate_full_topic_name import validate_full_topic_name
from rclpy.validate_topic_name import validate_topic_name

for line in sys.stdin:
    try:
        validate_topic_name(json.loads(line))
        full = expand_topic_name(json.loads(line), 'node', '/space')
        validate_full_topic_name(full)
    except (NameValidationException, ValueError):
        full = ''
    except Exception as error:  # rclpy has no name for an unknown substitution
        full = '' if 'substitution' in str(error) else repr(error)
    print(json.dumps(full))
"""


@pytest.fixture
def peer(spawn):
    """Return what starts a node of ROS, and then a call that returns what it tells."""
    def start():
        process = spawn(PEER)
        assert process.stdout.readline() == 'ready\n'

        def ask():
            process.stdin.write('\n')
            process.stdin.flush()
            return json.loads(process.stdout.readline())

        def end():
            process.stdin.close()
            process.stdin = None
            assert process.wait(20.0) == 0
            return process.stderr.read()

        ask.end = end
        return ask
    return start


def text(words):
    """Return a message as it is carried."""
    store = typestore()
    return bytes(store.serialize_cdr(store.types[STRING](data=words), STRING))


def words(data):
    """Return what messages say."""
    return [typestore().deserialize_cdr(one, STRING).data for one in data]


@pytest.mark.parametrize('reach', ['LOCALHOST', 'SUBNET'])
@pytest.mark.parametrize('first', ['ros', 'we'])
def test_each_hears_and_sees_the_other_whoever_was_there_first(peer, eventually, monkeypatch,
                                                               first, reach):
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', reach)
    ask = peer() if first == 'ros' else None
    if ask is not None:
        time.sleep(1.0)  # its first announcements are over
    with Participant('tester', '/ours') as node:
        hello = node.reader('/hello', STRING, BEST_EFFORT)
        still = node.reader('/still', STRING, LATCHED)
        said = node.writer('/said', STRING, RELIABLE)
        kept = node.writer('/kept', STRING, LATCHED)
        kept.write(text('kept'))
        if ask is None:
            time.sleep(1.0)
            ask = peer()
        eventually(lambda: said.matched() and kept.matched() and hello.matched())
        heard = []
        eventually(lambda: heard.extend(words(hello.take())) or len(heard) > 3)
        numbers = [int(one.removeprefix('hello ')) for one in heard]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        assert eventually(lambda: words(still.take())) == ['still']
        for number in range(5):
            said.write(text(f'said {number}'))
        assert node.wait_for_acks(10.0)

        expected = {'/said': [f'said {number}' for number in range(5)], '/kept': ['kept']}
        eventually(lambda: ask()['heard'] == expected)
        eventually(lambda: '/ours:tester' in ask()['nodes'])
        seen = ask()
        assert seen['listeners'] == 1
        assert seen['types']['/said'] == [STRING]
        about = ['/ours', 'tester', STRING]
        hashed = type_hash(STRING)
        assert seen['publishers']['/said'] == [[*about, 'RELIABLE', 'VOLATILE', hashed]]
        assert seen['publishers']['/kept'] == [[*about, 'RELIABLE', 'TRANSIENT_LOCAL', hashed]]
        assert seen['subscriptions']['/hello'] == [[*about, 'BEST_EFFORT', 'VOLATILE', hashed]]
        assert seen['subscriptions']['/still'] == [
            [*about, 'RELIABLE', 'TRANSIENT_LOCAL', hashed]]
        said.close()
        # Fast DDS sees no topic go that Cyclone DDS has closed, also where both are ROS.
        if seen['rmw'] == 'rmw_cyclonedds_cpp':
            eventually(lambda: not ask()['publishers'].get('/said'))
    eventually(lambda: '/ours:tester' not in ask()['nodes'])
    assert ask.end() == ''


def test_a_publisher_of_ros_that_does_not_fit_is_named_and_counted(peer):
    misfits = []
    with DdsGraph('tester') as graph:
        def misfit(policy):
            misfits.append(policy)
            graph.stop()

        graph.subscribe('/wary', STRING, RELIABLE, pytest.fail, misfit)
        ask = peer()
        graph.run()
        assert misfits == ['RELIABILITY']
        assert graph.publishers('/wary') == 1
    ask.end()


def test_publishers_of_ros_are_counted_until_they_are_gone(peer, eventually):
    with Participant('tester') as node:
        publishers = Publishers(node)
        ask = peer()
        eventually(lambda: publishers.count('/hello') == publishers.count('/still') == 1)
        ask.end()
        eventually(lambda: publishers.count('/hello') == publishers.count('/still') == 0)
        publishers.close()


def test_names_are_resolved_as_ros_resolves_them(spawn):
    topics = ['~', '~/', '~/a', '~ab', 'a', '/a', 'a/', '/', '//a', 'a//b', '1a', 'a/1', 'a1/_b',
              '{node}', '{ns}', '{ns}/a', '/{ns}', '{namespace}/{node}', '{other}', '{node', 'a}',
              '{{node}}', '{1}', '{}', 'a~', 'a/~', 'a-b', 'a b', 'a.b', 'ä', '__a', 'a__b',
              '/space/node', '~/{node}_2', '/' + 'a' * 246, '/' + 'a' * 247, 'a' * 240, 'a' * 241]
    process = spawn(RESOLVE)
    out, err = process.communicate(''.join(f'{json.dumps(topic)}\n' for topic in topics))
    assert err == ''
    for topic, line in zip(topics, out.splitlines(), strict=True):
        try:
            ours = resolve_topic(topic, node='node', namespace='/space')
        except VprError:
            ours = ''
        assert (topic, ours) == (topic, json.loads(line))
