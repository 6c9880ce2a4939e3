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


"""A participant tells ROS of its node."""

from cyclonedds.builtin import BuiltinDataReader
from cyclonedds.builtin import BuiltinTopicDcpsParticipant
from cyclonedds.builtin import BuiltinTopicDcpsPublication
from cyclonedds.core import Policy
from cyclonedds.sub import DataReader
from cyclonedds.topic import Topic
import pytest
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from vpr_ros.dds.participant import Participant
from vpr_ros.dds.qos import endpoint_qos
from vpr_ros.dds.types import data_type
from vpr_ros.dds.types import type_hash
from vpr_ros.live.interface import Qos

INFO = 'rmw_dds_common/msg/ParticipantEntitiesInfo'
QOS = Qos(reliable=True, depth=10)
LATCHED = Qos(reliable=True, depth=1, latched=True)


def listener(participant, store):
    """Return what is told of nodes, as who comes late hears it: a call that returns the last."""
    topic = Topic(participant.entity, 'ros_discovery_info', data_type(INFO, store))
    reader = DataReader(participant.entity, topic, endpoint_qos(LATCHED, type_hash(INFO, store)))
    return lambda: store.deserialize_cdr(reader.take(10)[-1].data, INFO)


@pytest.mark.parametrize(('ros_distro', 'store', 'size'), [
    ('humble', Stores.ROS2_HUMBLE, 24), ('jazzy', Stores.ROS2_JAZZY, 16),
    ('rolling', Stores.LATEST, 16)])
def test_all_that_a_node_sends_and_hears_is_told(ros_distro, store, size):
    with Participant('localizer', '/robot', ros_distro=ros_distro) as node:
        told = listener(node, get_typestore(store))
        info = told()
        assert info.gid.data.tobytes() == node.entity.guid.bytes.ljust(size, b'\0')
        (of_node,) = info.node_entities_info_seq
        assert (of_node.node_namespace, of_node.node_name) == ('/robot', 'localizer')
        assert of_node.reader_gid_seq == of_node.writer_gid_seq == []

        reader = node.reader('/a', 'std_msgs/msg/String', QOS)
        writer = node.writer('/b', 'std_msgs/msg/String', QOS)
        (of_node,) = told().node_entities_info_seq
        (read,), (written,) = of_node.reader_gid_seq, of_node.writer_gid_seq
        assert read.data.tobytes() == reader.gid.ljust(size, b'\0')
        assert written.data.tobytes() == writer.gid.ljust(size, b'\0')

        reader.close()
        (of_node,) = told().node_entities_info_seq
        assert of_node.reader_gid_seq == []
        writer.close()
        (of_node,) = told().node_entities_info_seq
        assert of_node.writer_gid_seq == []


def test_who_leaves_tells_so():
    store = get_typestore(Stores.ROS2_JAZZY)
    with Participant('other') as other:
        told = listener(other, store)
        node = Participant('localizer')
        assert [one.node_name for one in told().node_entities_info_seq] == ['localizer']
        gid = node.entity.guid.bytes
        node.close()
        info = told()
        assert info.gid.data.tobytes() == gid
        assert info.node_entities_info_seq == []


def test_ros_is_told_the_hashes_of_types_and_the_enclave():
    with Participant('localizer') as node:
        writer = node.writer('/b', 'std_msgs/msg/String', LATCHED)
        participants = BuiltinDataReader(node.entity, BuiltinTopicDcpsParticipant).take(10)
        (own,) = [one for one in participants if one.key == node.entity.guid]
        assert own.qos[Policy.Userdata].data == b'enclave=/;'
        publications = BuiltinDataReader(node.entity, BuiltinTopicDcpsPublication).take(10)
        (sent,) = [one for one in publications if one.topic_name == 'rt/b']
        assert sent.key.bytes == writer.gid
        assert sent.type_name == 'std_msgs::msg::dds_::String_'
        hashed = type_hash('std_msgs/msg/String')
        assert sent.qos[Policy.Userdata].data == f'typehash={hashed};'.encode()
        assert Policy.Durability.TransientLocal in sent.qos
        assert sent.qos[Policy.DataRepresentation].use_cdrv0_representation
        assert not sent.qos[Policy.DataRepresentation].use_xcdrv2_representation
