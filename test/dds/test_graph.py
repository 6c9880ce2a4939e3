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


"""The graph that hosts run on, with no ROS."""

import signal
import threading
import time

from cyclonedds.core import Entity
import pytest
from vpr_ros.dds.graph import DdsGraph
from vpr_ros.dds.participant import Participant
from vpr_ros.dds.qos_overrides import QosOverrides
from vpr_ros.errors import VprError
from vpr_ros.live.graph import Graph
from vpr_ros.live.interface import Qos
from vpr_ros.messages.rosbags_factory import typestore

STRING = 'std_msgs/msg/String'
RELIABLE = Qos(reliable=True, depth=10)
BEST_EFFORT = Qos(reliable=False, depth=1)


@pytest.fixture
def graph():
    """Return the graph of a node in a namespace."""
    with DdsGraph('localizer', '/robot') as found:
        yield found


def run_until(graph, done, timeout_s=20.0):
    """Run a graph until something is so."""
    def look():
        if done():
            graph.stop()
        elif time.monotonic() > end_s:
            raise AssertionError('waited in vain')

    end_s = time.monotonic() + timeout_s
    looking = graph.every(0.01, look, steady=True)
    graph.run()
    looking.close()


def say(graph, publication, words):
    """Publish words."""
    publication.publish(graph.factory.new(STRING, data=words))


def test_it_is_a_graph(graph):
    def as_one(one: Graph) -> Graph:
        return one

    assert as_one(graph).node_name == 'localizer'
    assert graph.full_name == '/robot/localizer'
    assert graph.resolve('~/pose') == '/robot/localizer/pose'
    assert graph.resolve('image') == '/robot/image'
    with pytest.raises(VprError, match='is no name of a topic'):
        graph.resolve('my image')


def test_what_is_published_is_heard_and_read(graph):
    heard = []
    subscription = graph.subscribe('chat', STRING, RELIABLE, heard.append, pytest.fail)
    assert subscription.topic == '/robot/chat'
    publication = graph.publish('/robot/chat', STRING, RELIABLE)
    assert publication.is_heard()
    for number in range(5):
        say(graph, publication, f'number {number}')
    run_until(graph, lambda: len(heard) == 5)
    assert [graph.read(data, STRING).data for data in heard] == [
        f'number {number}' for number in range(5)]
    subscription.close()
    assert not publication.is_heard()
    subscription.close()
    publication.close()
    publication.close()


def test_a_topic_that_is_none_is_said_so(graph):
    with pytest.raises(VprError, match='is no name of a topic'):
        graph.subscribe('1', STRING, RELIABLE, print, print)
    with pytest.raises(VprError, match='is no name of a topic'):
        graph.publish('', STRING, RELIABLE)


def test_who_closes_what_it_hears_hears_no_more(graph):
    heard = []

    def hear(data):
        heard.append(data)
        subscription.close()

    subscription = graph.subscribe('chat', STRING, RELIABLE, hear, pytest.fail)
    publication = graph.publish('chat', STRING, RELIABLE)
    for _ in range(3):
        say(graph, publication, 'hello')
    run_until(graph, lambda: heard)
    run_until(graph, lambda: True)
    assert len(heard) == 1


def test_a_publisher_that_does_not_fit_is_named_by_its_policy(graph):
    misfits = []
    graph.subscribe('chat', STRING, RELIABLE, pytest.fail, misfits.append)
    publication = graph.publish('chat', STRING, BEST_EFFORT)
    say(graph, publication, 'unheard')
    run_until(graph, lambda: misfits)
    run_until(graph, lambda: True)
    assert misfits == ['RELIABILITY']
    assert not publication.is_heard()
    assert graph.publishers('/robot/chat') == 1


def test_who_closes_at_a_misfit_hears_no_more(graph):
    misfits = []

    def misfit(policy):
        misfits.append(policy)
        subscription.close()

    subscription = graph.subscribe('chat', STRING, RELIABLE, pytest.fail, misfit)
    graph.publish('chat', STRING, BEST_EFFORT)
    say(graph, graph.publish('chat', STRING, RELIABLE), 'too late')
    run_until(graph, lambda: misfits)
    run_until(graph, lambda: True)
    assert misfits == ['RELIABILITY']


def test_parameters_say_how_topics_are_heard():
    rules = 'qos_overrides./robot/chat.subscription'
    overrides = QosOverrides({f'{rules}.reliability': 'best_effort', f'{rules}.depth': 2})
    with DdsGraph('localizer', '/robot', overrides=overrides) as graph:
        heard = []
        graph.subscribe('chat', STRING, RELIABLE, heard.append, pytest.fail)
        publication = graph.publish('chat', STRING, BEST_EFFORT)
        for number in range(5):
            say(graph, publication, str(number))
        run_until(graph, lambda: heard)
        assert [graph.read(data, STRING).data for data in heard] == ['3', '4']


@pytest.mark.parametrize('data', [
    b'', b'\0\1\0\0', b'\0\1\0\0\5\0\0\0abc', b'\7\7\0\0\0\0\0\0',
    b'\0\1\0\0\1\0\0\0\0 and more than that'])
def test_bytes_that_are_no_message_are_said_so(graph, data):
    with pytest.raises(ValueError, match=f'^{len(data)} bytes are no std_msgs/msg/String: '):
        graph.read(data, STRING)


def test_publishers_are_counted(graph):
    assert graph.publishers('/robot/chat') == 0
    publications = [graph.publish('chat', STRING, RELIABLE) for _ in range(2)]
    assert graph.publishers('/robot/chat') == 2
    publications[0].close()
    assert graph.publishers('/robot/chat') == 1


def test_it_goes_by_the_time_of_day_unless_told_otherwise(graph):
    assert abs(graph.now_ns() - time.time_ns()) < 10**9
    ticks = []
    repeated = graph.every(0.01, lambda: ticks.append(1), steady=False)
    run_until(graph, lambda: len(ticks) == 3)
    repeated.close()


def test_simulated_time_is_put_back_and_steady_time_goes_on():
    with DdsGraph('localizer', use_sim_time=True) as graph:
        assert graph.now_ns() == 0
        publication = graph.publish('/clock', 'rosgraph_msgs/msg/Clock', RELIABLE)

        def tell(seconds):
            stamp = graph.factory.new('builtin_interfaces/msg/Time', sec=seconds, nanosec=0)
            publication.publish(graph.factory.new('rosgraph_msgs/msg/Clock', clock=stamp))
            run_until(graph, lambda: graph.now_ns() == seconds * 10**9)

        steps, simulated, steady = [], [], []
        tell(50)
        graph.every(1.0, lambda: simulated.append(graph.now_ns()), steady=False)
        graph.every(0.001, lambda: steady.append(graph.now_ns()), steady=True)
        tell(40)  # nobody has asked to be told yet
        graph.on_time_back(lambda: steps.append(graph.now_ns()))
        tell(60)
        tell(20)
        assert steps == [20 * 10**9]
        assert simulated == [60 * 10**9]
        assert len(steady) > 3


def test_it_is_woken_from_any_thread_also_after_the_end():
    with DdsGraph('localizer') as graph:
        threads = []
        graph.on_wake(lambda: threads.append(threading.current_thread()))
        other = threading.Thread(target=graph.wake)
        other.start()
        run_until(graph, lambda: threads)
        other.join()
        assert set(threads) == {threading.current_thread()}
    graph.wake()


def test_listeners_that_do_not_answer_hold_up_neither_messages_nor_the_end(spawn, eventually):
    process = spawn(
        'import time\n'
        'from vpr_ros.dds.participant import Participant\n'
        'from vpr_ros.live.interface import Qos\n'
        'with Participant("slow") as participant:\n'
        '    for name in "abcde":\n'
        '        participant.reader(f"/{name}", "std_msgs/msg/String", Qos(True, 1))\n'
        '    time.sleep(60.0)\n')
    with DdsGraph('localizer') as graph:
        publications = [graph.publish(name, STRING, RELIABLE) for name in 'abcde']
        eventually(lambda: all(publication.is_heard() for publication in publications))
        process.send_signal(signal.SIGSTOP)
        begun_s = time.monotonic()
        for publication in publications:
            for _ in range(20):
                say(graph, publication, 'x' * 100_000)
    assert time.monotonic() - begun_s < 3.0


def test_what_is_closed_leaves_nothing_behind():
    before = set(Entity._entities)
    graph = DdsGraph('localizer', use_sim_time=True)
    subscription = graph.subscribe('chat', STRING, RELIABLE, print, print)
    publication = graph.publish('chat', STRING, RELIABLE)
    graph.publishers('/chat')
    graph.close()
    graph.close()
    subscription.close()
    publication.close()
    assert set(Entity._entities) == before


def test_a_failure_leaves_nothing_behind(domain):
    before = set(Entity._entities)
    with pytest.raises(VprError, match='is no name of a node'):
        DdsGraph('no name')
    assert set(Entity._entities) == before
    with Participant('tester') as node:
        assert node.domain == domain
    assert typestore() is typestore()
