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


"""Messages of bags of every kind become what a ROS 2 graph carries."""

import sqlite3

import pytest
from rosbags.rosbag1 import Writer as Rosbag1Writer
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer as Rosbag2Writer
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from vpr_ros.bags.reader import BagReader
from vpr_ros.errors import VprError
from vpr_ros.messages.rosbags_factory import typestore

KINDS = ['mcap', 'db3', 'mcap folder', 'sqlite3 folder', 'rosbag1']


@pytest.mark.parametrize('encoding', ['raw', 'jpeg'])
@pytest.mark.parametrize('kind', KINDS[:-1])
def test_messages_are_carried_as_they_were_recorded(write_bag, frames, kind, encoding):
    with BagReader(write_bag(kind, frames, encoding)) as bag:
        raw = list(bag.raw_messages())
        read = list(bag.messages())
    assert all(type(message.data) is bytes for message in raw)
    assert [(message.topic, message.type_name, message.stamp_ns, message.data)
            for message in raw] == [
        (message.topic, message.type_name, message.stamp_ns,
         bytes(typestore().serialize_cdr(message.message, message.type_name)))
        for message in read]


def test_what_ros1_recorded_is_carried_as_ros2_would_have_recorded_it(write_bag, frames):
    topics = ['/odom', '/tf', '/ground_truth/pose', '/camera/image_raw']
    with BagReader(write_bag('mcap', frames)) as bag:
        expected = {(one.topic, one.stamp_ns): one for one in bag.raw_messages(topics)}
    with BagReader(write_bag('rosbag1', frames)) as bag:
        raw = list(bag.raw_messages(topics))
    assert len(raw) == len(expected) == 24
    for message in raw:
        same = expected[message.topic, message.stamp_ns]
        assert (message.type_name, message.data) == (same.type_name, same.data)


@pytest.mark.parametrize('kind', KINDS)
def test_raw_messages_are_chosen_as_others_are(write_bag, frames, kind):
    with BagReader(write_bag(kind, frames)) as bag:
        assert len(list(bag.raw_messages())) == 31
        some = list(bag.raw_messages(['/odom'], start_ns=frames[1].stamp_ns,
                                     stop_ns=frames[3].stamp_ns))
        assert [message.stamp_ns for message in some] == [f.stamp_ns for f in frames[1:3]]
        assert list(bag.raw_messages([])) == []
        with pytest.raises(VprError, match="unknown topic '/odo'; did you mean '/odom'"):
            bag.raw_messages(['/odo'])
        with pytest.raises(VprError, match="unknown topic '/odo'; did you mean '/odom'"):
            bag.channels('/odo')


@pytest.mark.parametrize('kind', KINDS)
def test_known_types_are_those_that_all_share(write_bag, frames, kind):
    with BagReader(write_bag(kind, frames)) as bag:
        for topic in bag.topics():
            channel, = bag.channels(topic.name)
            assert channel.store is typestore()
            assert channel.type_name == topic.type_name


def test_a_type_of_ones_own_is_as_the_bag_defines_it(tmp_path):
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg('int32 number\nmy_msgs/Inner[] inners', 'my_msgs/msg/Odd'))
    store.register(get_types_from_msg('string text', 'my_msgs/msg/Inner'))
    odd = store.types['my_msgs/msg/Odd'](7, [store.types['my_msgs/msg/Inner']('seven')])
    data = bytes(store.serialize_cdr(odd, odd.__msgtype__))
    with Rosbag2Writer(tmp_path / 'bag', version=8, storage_plugin=StoragePlugin.MCAP) as bag:
        topic = bag.add_connection('/odd', odd.__msgtype__, typestore=store)
        bag.write(topic, 5, data)
    with BagReader(tmp_path / 'bag') as bag:
        channel, = bag.channels('/odd')
        message, = bag.raw_messages()
    assert message.data == data
    assert channel.store is not typestore()
    assert channel.store.hash_rihs01('my_msgs/msg/Odd') == store.hash_rihs01('my_msgs/msg/Odd')


def write_rosbag1(path, store, *messages):
    with Rosbag1Writer(path) as bag:
        for topic, message in messages:
            name = message.__msgtype__
            bag.write(bag.add_connection(topic, name, typestore=store), 5,
                      store.serialize_ros1(message, name))
    return path


@pytest.fixture
def noetic():
    return get_typestore(Stores.ROS1_NOETIC)


def header(store):
    time = store.types['builtin_interfaces/msg/Time'](3, 4)
    return store.types['std_msgs/msg/Header'](99, time, 'eye')


def test_a_type_of_ones_own_in_ros1_holds_what_ros2_has_of_others(tmp_path, noetic):
    noetic.register(get_types_from_msg(
        'Header header\nmy_msgs/Inner[2] inners\ntime when\n', 'my_msgs/msg/Odd'))
    noetic.register(get_types_from_msg('Header header\nuint8 number', 'my_msgs/msg/Inner'))
    inner = noetic.types['my_msgs/msg/Inner']
    odd = noetic.types['my_msgs/msg/Odd'](
        header(noetic), [inner(header(noetic), 5), inner(header(noetic), 6)],
        noetic.types['builtin_interfaces/msg/Time'](8, 9))
    with BagReader(write_rosbag1(tmp_path / 'in.bag', noetic, ('/odd', odd))) as bag:
        channel, = bag.channels('/odd')
        message, = bag.raw_messages()
    of_ros2 = get_typestore(Stores.ROS2_JAZZY)
    of_ros2.register(get_types_from_msg(
        'std_msgs/Header header\nmy_msgs/Inner[2] inners\nbuiltin_interfaces/Time when\n',
        'my_msgs/msg/Odd'))
    of_ros2.register(get_types_from_msg(
        'std_msgs/Header header\nuint8 number', 'my_msgs/msg/Inner'))
    assert channel.store.hash_rihs01('my_msgs/msg/Odd') == of_ros2.hash_rihs01('my_msgs/msg/Odd')
    read = of_ros2.deserialize_cdr(message.data, 'my_msgs/msg/Odd')
    assert (read.header.stamp.sec, read.header.frame_id, read.when.nanosec) == (3, 'eye', 9)
    assert [one.number for one in read.inners] == [5, 6]


def test_what_ros2_has_more_of_is_empty(tmp_path, noetic):
    types = noetic.types
    marker = types['visualization_msgs/msg/Marker'](
        header(noetic), 'here', 1, 2, 0,
        types['geometry_msgs/msg/Pose'](types['geometry_msgs/msg/Point'](1, 2, 3),
                                        types['geometry_msgs/msg/Quaternion'](0, 0, 0, 1)),
        types['geometry_msgs/msg/Vector3'](1, 1, 1), types['std_msgs/msg/ColorRGBA'](1, 0, 0, 1),
        types['builtin_interfaces/msg/Duration'](5, 0), False, [], [], 'text', 'mesh', True)
    with BagReader(write_rosbag1(tmp_path / 'in.bag', noetic, ('/marker', marker))) as bag:
        channel, = bag.channels('/marker')
        message, = bag.raw_messages()
    assert channel.store is typestore()
    read = typestore().deserialize_cdr(message.data, channel.type_name)
    assert (read.ns, read.text, read.mesh_resource, read.texture_resource) == (
        'here', 'text', 'mesh', '')
    assert (read.pose.position.z, read.lifetime.sec, read.mesh_file.data.size) == (3, 5, 0)


def test_transforms_of_old_ros1_have_their_new_name(tmp_path, noetic):
    noetic.register(get_types_from_msg(
        'geometry_msgs/TransformStamped[] transforms', 'tf/msg/tfMessage'))
    moved = noetic.types['geometry_msgs/msg/TransformStamped'](
        header(noetic), 'base', noetic.types['geometry_msgs/msg/Transform'](
            noetic.types['geometry_msgs/msg/Vector3'](1, 2, 3),
            noetic.types['geometry_msgs/msg/Quaternion'](0, 0, 0, 1)))
    message = noetic.types['tf/msg/tfMessage']([moved])
    with BagReader(write_rosbag1(tmp_path / 'in.bag', noetic, ('/tf', message))) as bag:
        channel, = bag.channels('/tf')
        raw, = bag.raw_messages()
    assert channel.type_name == raw.type_name == 'tf2_msgs/msg/TFMessage'
    read = typestore().deserialize_cdr(raw.data, 'tf2_msgs/msg/TFMessage')
    assert read.transforms[0].transform.translation.y == 2


def test_publishers_of_one_topic_in_ros1_are_one_channel(tmp_path, noetic):
    text = noetic.types['std_msgs/msg/String']
    with Rosbag1Writer(tmp_path / 'in.bag') as bag:
        for caller in ('/one', '/two'):
            topic = bag.add_connection('/text', 'std_msgs/msg/String', typestore=noetic,
                                       callerid=caller, latching=1)
            bag.write(topic, 5, noetic.serialize_ros1(text(caller), 'std_msgs/msg/String'))
    with BagReader(tmp_path / 'in.bag') as bag:
        channel, = bag.channels('/text')
    assert (channel.count, channel.offer.latched) == (2, True)


def test_a_type_that_nobody_knows_is_said_so(tmp_path):
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg('int32 number', 'my_msgs/msg/Odd'))
    # This version stores no definitions.
    with Rosbag2Writer(tmp_path / 'bag', version=8, storage_plugin=StoragePlugin.SQLITE3) as bag:
        bag.write(bag.add_connection('/odd', 'my_msgs/msg/Odd', typestore=store), 5, bytes(8))
    with sqlite3.connect(tmp_path / 'bag' / 'bag.db3') as database:
        database.execute('DELETE FROM message_definitions')
    with BagReader(tmp_path / 'bag') as bag, pytest.raises(
            VprError, match='/odd have the type my_msgs/msg/Odd, which neither'):
        bag.channels('/odd')
