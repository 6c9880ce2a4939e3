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


"""Topics are offered as they were recorded."""

import pytest
from rosbags.interfaces import Connection
from rosbags.interfaces import ConnectionExtRosbag1
from rosbags.interfaces import ConnectionExtRosbag2
from rosbags.interfaces import MessageDefinition
from rosbags.interfaces import MessageDefinitionFormat
from rosbags.interfaces import Qos as RecordedQos
from rosbags.interfaces import QosDurability
from rosbags.interfaces import QosHistory
from rosbags.interfaces import QosLiveliness
from rosbags.interfaces import QosReliability
from rosbags.interfaces import QosTime
from vpr_ros.bags.offers import recorded_offer
from vpr_ros.bags.reader import BagReader
from vpr_ros.messages.qos import Qos

BEST_EFFORT, RELIABLE = QosReliability.BEST_EFFORT, QosReliability.RELIABLE
LATCHED, VOLATILE = QosDurability.TRANSIENT_LOCAL, QosDurability.VOLATILE


def connection(extension) -> Connection:
    definition = MessageDefinition(MessageDefinitionFormat.NONE, '')
    return Connection(1, '/map', 'std_msgs/msg/Empty', definition, '', 1, extension, None)


def profile(reliability, durability, depth=0, history=QosHistory.UNKNOWN) -> RecordedQos:
    forever = QosTime(9223372036, 854775807)
    return RecordedQos(history, depth, reliability, durability, forever, forever,
                       QosLiveliness.AUTOMATIC, forever, False)


def offer(*profiles: RecordedQos, topic: str = '/map') -> Qos:
    return recorded_offer(topic, [connection(ConnectionExtRosbag2('cdr', list(profiles)))])


def test_a_publisher_is_offered_again_as_it_was():
    assert offer(profile(RELIABLE, VOLATILE)) == Qos(True, 10, False)
    assert offer(profile(BEST_EFFORT, VOLATILE)) == Qos(False, 10, False)
    assert offer(profile(RELIABLE, LATCHED)) == Qos(True, 10, True)
    assert offer(profile(BEST_EFFORT, VOLATILE, 50, QosHistory.KEEP_LAST)) == Qos(
        False, 50, False)
    assert offer(profile(RELIABLE, VOLATILE, 1, QosHistory.KEEP_LAST)).depth == 10


def test_publishers_that_differ_are_joined_to_what_suits_all_who_listened():
    assert offer(profile(BEST_EFFORT, VOLATILE), profile(RELIABLE, LATCHED)) == Qos(
        True, 10, True)


def test_what_the_bag_does_not_say_is_what_ros_does_of_itself():
    assert offer() == Qos(True, 10, False)
    for reliability in (QosReliability.UNKNOWN, QosReliability.SYSTEM_DEFAULT,
                        QosReliability.BEST_AVAILABLE):
        assert offer(profile(reliability, QosDurability.UNKNOWN)) == Qos(True, 10, False)


@pytest.mark.parametrize('topic', ['/tf_static', '/robot_1/tf_static'])
def test_static_transforms_are_latched_and_all_of_them_kept(topic):
    assert offer(topic=topic) == Qos(True, 100, True)
    assert offer(profile(RELIABLE, LATCHED, 1, QosHistory.KEEP_LAST), topic=topic).depth == 100


def test_a_late_listener_gets_what_each_publisher_had_latched():
    latched = profile(RELIABLE, LATCHED, 20, QosHistory.KEEP_LAST)
    assert offer(latched, latched, latched).depth == 60
    assert offer(*[profile(RELIABLE, VOLATILE, 20, QosHistory.KEEP_LAST)] * 3).depth == 20


def test_a_publisher_that_kept_all_keeps_many():
    assert offer(profile(RELIABLE, VOLATILE, 0, QosHistory.KEEP_ALL)).depth == 1000


def test_what_ros1_latched_is_latched():
    def of_ros1(*latching):
        return recorded_offer('/map', [
            connection(ConnectionExtRosbag1('/server', latch)) for latch in latching])

    assert of_ros1(1) == Qos(True, 10, True)
    assert of_ros1(0, None) == Qos(True, 10, False)
    assert of_ros1(0, 1).latched


@pytest.mark.parametrize('kind', ['mcap', 'db3', 'mcap folder', 'sqlite3 folder', 'rosbag1'])
def test_offers_are_read_from_bags_of_every_kind(write_bag, frames, kind):
    with BagReader(write_bag(kind, frames)) as bag:
        (still,), (odometry,) = bag.channels('/tf_static'), bag.channels('odom')
    assert still.offer == Qos(True, 100, True)
    assert odometry.offer == Qos(True, 10, False)
    assert (odometry.topic, odometry.type_name, odometry.count) == (
        '/odom', 'nav_msgs/msg/Odometry', 6)
