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

"""What the writer leaves on disk: all of a bag under its name, or nothing."""

import numpy as np
import pytest
from rosbags.interfaces import QosDurability
from rosbags.interfaces import QosReliability
from rosbags.rosbag2 import Reader
from vpr_ros.bags.reader import BagReader
from vpr_ros.bags.writer import BagWriter
from vpr_ros.errors import VprError
from vpr_ros.messages import geometry
from vpr_ros.messages import results
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Localization
from vpr_ros.types import Pose
import yaml

TIME = 'builtin_interfaces/msg/Time'


def fill(path, value=1, **options):
    """Write one message."""
    with BagWriter(path, **options) as bag:
        bag.write('/t', TIME, bag.factory.new(TIME, sec=value, nanosec=0), value)
    return path


def value_in(path):
    """Read the message that fill wrote."""
    with BagReader(path) as bag:
        message, = bag.messages()
    assert message.stamp_ns == message.message.sec
    return message.message.sec


@pytest.mark.parametrize(('name', 'storage', 'left'), [
    ('out.mcap', None, ['out.mcap']), ('out.db3', None, ['out.db3']),
    ('a.b.mcap', None, ['a.b.mcap']),
    ('out', None, ['out', 'out/metadata.yaml', 'out/out.mcap']),
    ('out', 'sqlite3', ['out', 'out/metadata.yaml', 'out/out.db3']),
])
def test_what_lies_on_disk(tmp_path, name, storage, left):
    fill(tmp_path / name, storage=storage)
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob('*')) == left
    assert value_in(tmp_path / name) == 1


def test_missing_folders_are_made(tmp_path):
    assert value_in(fill(tmp_path / 'results' / 'today' / 'out.mcap')) == 1


@pytest.mark.parametrize('name', ['out.mcap', 'out.db3', 'out'])
def test_nothing_is_overwritten_unless_asked(tmp_path, name):
    fill(tmp_path / name, 1)
    with pytest.raises(VprError, match='exists already'):
        fill(tmp_path / name, 2)
    assert value_in(tmp_path / name) == 1
    fill(tmp_path / name, 3, overwrite=True)
    assert value_in(tmp_path / name) == 3
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_folder_that_is_no_bag_is_never_replaced(tmp_path):
    (tmp_path / 'home').mkdir()
    (tmp_path / 'home' / 'thesis.txt').write_text('dear')
    with pytest.raises(VprError, match='no bag'):
        fill(tmp_path / 'home', overwrite=True)
    assert (tmp_path / 'home' / 'thesis.txt').read_text() == 'dear'


def test_a_bag_that_appears_meanwhile_is_kept(tmp_path):
    with pytest.raises(VprError, match='exists already'):
        with BagWriter(tmp_path / 'out.mcap') as bag:
            bag.write('/t', TIME, bag.factory.new(TIME, sec=2, nanosec=0), 2)
            fill(tmp_path / 'out.mcap', 1)
    assert value_in(tmp_path / 'out.mcap') == 1
    assert [p.name for p in tmp_path.iterdir()] == ['out.mcap']


@pytest.mark.parametrize('name', ['out.mcap', 'out.db3', 'out'])
@pytest.mark.parametrize('before', [False, True])
def test_a_failure_leaves_what_was_there(tmp_path, name, before):
    if before:
        fill(tmp_path / name, 1)
    with pytest.raises(RuntimeError, match='power'):
        with BagWriter(tmp_path / name, overwrite=True) as bag:
            bag.write('/t', TIME, bag.factory.new(TIME, sec=2, nanosec=0), 2)
            assert (tmp_path / name).exists() == before
            raise RuntimeError('power')
    assert [p.name for p in tmp_path.iterdir()] == ([name] if before else [])
    if before:
        assert value_in(tmp_path / name) == 1


def test_an_empty_recording_is_a_bag(tmp_path):
    for name in ('out.mcap', 'out.db3', 'out'):
        with BagWriter(tmp_path / name):
            pass
        with BagReader(tmp_path / name) as bag:
            assert (bag.message_count, bag.start_ns, bag.end_ns) == (0, None, None)
            assert bag.topics() == () and list(bag.messages()) == []


def test_contradictions(tmp_path):
    with pytest.raises(ValueError, match="asks for the storage 'mcap', but 'sqlite3'"):
        BagWriter(tmp_path / 'out.mcap', storage='sqlite3')
    with pytest.raises(VprError, match="unknown bag storage 'sqlite'; did you mean 'sqlite3'"):
        BagWriter(tmp_path / 'out', storage='sqlite')


def test_messages_that_do_not_fit(tmp_path):
    with BagWriter(tmp_path / 'out.mcap') as bag:
        time = bag.factory.new(TIME, sec=1, nanosec=0)
        with pytest.raises(ValueError, match='stamps from 0'):
            bag.write('/t', TIME, time, -1)
        with pytest.raises(ValueError, match='/t does not fit std_msgs/msg/Header'):
            bag.write('/t', 'std_msgs/msg/Header', time, 1)
        with pytest.raises(VprError, match="unknown message type 'std_msgs/msg/Heade'"):
            bag.write('/t', 'std_msgs/msg/Heade', time, 1)


def test_results_survive_with_their_definitions(tmp_path):
    pose = Pose([1, 2, 3], [0, 0, 0.6, 0.8], np.diag([1.0, 2, 3, 4, 5, 6]))
    localization = Localization(
        1_700_000_000_123_456_789, 'front', 'uuid', 3, 'compact', Decision.KNOWN, 'it fits', 0.5,
        'map', (Candidate(7, 5, 'monday', 'front', 0.75, 0.5, pose),), None, pose,
        {'describe': 12_000_000})
    with BagWriter(tmp_path / 'out.mcap') as bag:
        message = results.place_match_message(bag.factory, localization, map_frame='map')
        bag.write('/vpr/place', 'vpr_msgs/msg/PlaceMatch', message, localization.stamp_ns)
    with Reader(tmp_path / 'out.mcap') as raw:
        definition = raw.connections[0].msgdef.data
    for line in ('uint8 KNOWN_PLACE=1', 'MSG: vpr_msgs/PlaceCandidate', 'MSG: std_msgs/Header',
                 'vpr_msgs/PlaceCandidate[] candidates', 'uint64[] stage_times_ns'):
        assert line in definition
    with BagReader(tmp_path / 'out.mcap') as bag:
        read, = bag.messages(['/vpr/place'])
    back = results.localization_from_message(read.message)
    assert back.stamp_ns == localization.stamp_ns and back.candidates[0].place_id == 7
    assert np.array_equal(back.T_map_base.covariance, pose.covariance)
    assert dict(back.stage_times_ns) == {'describe': 12_000_000}


def test_qos_of_static_transforms_is_latched(tmp_path):
    edge = geometry.StampedPose(0, 'a', 'b', Pose.identity())
    with BagWriter(tmp_path / 'out') as bag:
        for topic in '/tf_static', '/robot/tf_static', '/tf':
            bag.write(topic, 'tf2_msgs/msg/TFMessage',
                      geometry.tf_message(bag.factory, [edge]), 0)
    with Reader(tmp_path / 'out') as raw:
        offered = {c.topic: c.ext.offered_qos_profiles[0] for c in raw.connections}
    assert {qos.reliability for qos in offered.values()} == {QosReliability.RELIABLE}
    assert {topic: qos.durability for topic, qos in offered.items()} == {
        '/tf_static': QosDurability.TRANSIENT_LOCAL,
        '/robot/tf_static': QosDurability.TRANSIENT_LOCAL, '/tf': QosDurability.VOLATILE}
    # Numbers and not words: the only form that every distribution since Humble reads.
    metadata = yaml.safe_load((tmp_path / 'out' / 'metadata.yaml').read_text())
    topics = metadata['rosbag2_bagfile_information']['topics_with_message_count']
    profile, = yaml.safe_load(topics[0]['topic_metadata']['offered_qos_profiles'])
    assert (profile['durability'], profile['reliability'], profile['history']) == (1, 1, 1)
    assert profile['deadline'] == {'sec': 9223372036, 'nsec': 854775807}
