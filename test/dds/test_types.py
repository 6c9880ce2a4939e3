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


"""Types of DDS are true, and carry bytes."""

from typing import Any

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest
from rosbags.interfaces import Nodetype
from rosbags.typesys import get_types_from_idl
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from vpr_ros.dds.participant import Participant
from vpr_ros.dds.types import data_type
from vpr_ros.dds.types import type_hash
from vpr_ros.errors import VprError
from vpr_ros.live.interface import Qos
from vpr_ros.messages.rosbags_factory import typestore

QOS = Qos(reliable=True, depth=10)


def random_value(store: Any, description: Any, random: np.random.Generator) -> Any:
    """Return what a field may hold."""
    node, detail = description
    if node == Nodetype.NAME:
        return random_message(store, detail, random)
    if node == Nodetype.BASE:
        name, bound = detail
        if name == 'string':
            return 'x' * int(random.integers(0, min(bound or 9, 9), endpoint=True))
        if name == 'bool':
            return bool(random.integers(2))
        dtype = np.dtype({'byte': 'uint8', 'octet': 'uint8', 'char': 'uint8'}.get(name, name))
        return dtype.type(random.integers(100)).item()
    element, size = detail
    count = size if node == Nodetype.ARRAY else int(random.integers(0, size or 4, endpoint=True))
    values = [random_value(store, element, random) for _ in range(count)]
    if element[0] == Nodetype.BASE and element[1][0] != 'string':
        name = {'byte': 'uint8', 'octet': 'uint8', 'char': 'uint8'}.get(*2 * element[1][:1])
        return np.array(values, name)
    return values


def random_message(store: Any, type_name: str, random: np.random.Generator) -> Any:
    """Return a message whose fields hold anything."""
    return store.types[type_name](**{
        name: random_value(store, description, random)
        for name, description in store.fielddefs[type_name][1]
        if name != 'structure_needs_at_least_one_member'})


def carried(participant: Participant, type_name: str, data: bytes, store: Any = None) -> bytes:
    """Return what a reader gets of what a writer is given."""
    topic = '/' + type_name.replace('/', '_')
    with_reader = participant.reader(topic, type_name, QOS, store)
    writer = participant.writer(topic, type_name, QOS, store)
    try:
        assert writer.write(data)
        (got,) = with_reader.take()
    finally:
        with_reader.close()
        writer.close()
    return got


@pytest.mark.parametrize('package', ['geometry_msgs', 'nav_msgs', 'sensor_msgs', 'std_msgs',
                                     'tf2_msgs', 'visualization_msgs', 'vpr_msgs',
                                     'diagnostic_msgs', 'rmw_dds_common', 'rosgraph_msgs'])
def test_dds_takes_the_structure_of_each_type_for_true(package):
    # Cyclone DDS goes through each message by the structure it was told, and refuses others.
    store = typestore()
    names = [name for name in store.types if name.startswith(f'{package}/msg/')]
    assert names
    with Participant('types') as participant:
        for name in names:
            message = random_message(store, name, np.random.default_rng(1))
            data = bytes(store.serialize_cdr(message, name))
            got = carried(participant, name, data)
            assert got[:len(data)] == data
            assert not got[len(data):].strip(b'\0')
            assert len(got) - len(data) < 4


@settings(deadline=None, max_examples=30)
@given(st.text(st.characters(exclude_characters='\0', exclude_categories=['Cs']), max_size=40))
def test_texts_arrive_as_they_were(text):
    store = typestore()
    message = store.types['std_msgs/msg/String'](data=text)
    with Participant('texts') as participant:
        got = carried(participant, 'std_msgs/msg/String',
                      bytes(store.serialize_cdr(message, 'std_msgs/msg/String')))
    assert store.deserialize_cdr(got, 'std_msgs/msg/String') == message


def test_a_type_that_a_bag_brings_is_carried_with_its_bounds():
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg(
        'string<=4 word\nfloat32[<=3] some\nint16[2] both\ntest_msgs/Own[] more\n'
        f"{'=' * 80}\n"
        'MSG: test_msgs/Own\nbool[] flags\nbyte one\nchar other', 'test_msgs/msg/Bounded'))
    with Participant('bounds') as participant:
        for seed in range(10):
            message = random_message(store, 'test_msgs/msg/Bounded', np.random.default_rng(seed))
            data = bytes(store.serialize_cdr(message, 'test_msgs/msg/Bounded'))
            got = carried(participant, 'test_msgs/msg/Bounded', data, store)
            assert got[:len(data)] == data
        too_long = store.types['test_msgs/msg/Bounded'](
            word='12345', some=np.zeros(0, np.float32), both=np.zeros(2, np.int16), more=[])
        data = bytes(store.serialize_cdr(too_long, 'test_msgs/msg/Bounded'))
        with pytest.raises(VprError, match=r'are no message of type test_msgs/msg/Bounded'):
            carried(participant, 'test_msgs/msg/Bounded', data, store)


def test_types_are_called_as_ros_calls_them():
    names = data_type('sensor_msgs/msg/Image').__idl__.idl_transformed_typename
    assert names == 'sensor_msgs::msg::dds_::Image_'
    # As `ros2 topic info -v` shows it in Jazzy.
    assert type_hash('std_msgs/msg/String') == (
        'RIHS01_df668c740482bbd48fb39d76a70dfd4bd59db1288021743503259e948f6b1a18')


def test_a_type_is_made_once_for_each_store():
    other = get_typestore(Stores.ROS2_JAZZY)
    assert data_type('std_msgs/msg/String') is data_type('std_msgs/msg/String', typestore())
    assert data_type('std_msgs/msg/String') is not data_type('std_msgs/msg/String', other)


@pytest.mark.parametrize('ask', [data_type, type_hash])
def test_a_type_that_is_not_known_is_said_so(ask):
    with pytest.raises(VprError, match="did you mean 'std_msgs/msg/String'"):
        ask('std_msgs/msg/Sting')


def test_a_field_that_dds_cannot_carry_here_is_said_so():
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_idl(
        'module test_msgs { module msg { struct Wide { wstring wide; }; }; };'))
    with pytest.raises(VprError, match='test_msgs/msg/Wide cannot be sent or heard here: '
                                       'they have a field of type wstring'):
        data_type('test_msgs/msg/Wide', store)
