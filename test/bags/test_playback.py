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


"""What of a bag is played, turn after turn."""

from itertools import islice

import pytest
from vpr_ros.bags.playback import Playback
from vpr_ros.bags.playback import PlayOptions
from vpr_ros.bags.reader import BagReader
from vpr_ros.bags.writer import BagWriter
from vpr_ros.errors import VprError
from vpr_ros.messages import geometry
from vpr_ros.types import Pose

S = 1_000_000_000


@pytest.fixture
def bag(write_bag, frames):
    with BagReader(write_bag('mcap', frames)) as bag:
        yield bag


def turn(bag, **options):
    """Return the first turn."""
    messages = list(Playback(bag, PlayOptions(**options)).turns())
    assert messages.pop() is None
    return messages


def test_all_is_played_once(bag):
    playback = Playback(bag, PlayOptions())
    assert [channel.topic for channel in playback.channels] == [t.name for t in bag.topics()]
    assert playback.left_out == {}
    assert playback.length_s == pytest.approx(0.5, abs=1e-6)
    assert len(turn(bag)) == 31


def test_topics_are_chosen_and_excluded(bag):
    def played(**options):
        return {message.topic for message in turn(bag, **options)}

    assert played(topics=('/odom', 'tf')) == {'/odom', '/tf'}
    assert played(topics=('/odom', '/tf'), exclude=('tf',)) == {'/odom'}
    assert played(exclude=('/camera/image_raw', '/camera/camera_info')) == {
        '/odom', '/tf', '/tf_static', '/ground_truth/pose'}


def test_topics_that_the_bag_lacks_are_said_with_the_nearest(bag):
    for options in ({'topics': ('/odm',)}, {'exclude': ('/odm',)}, {'remap': (('/odm', '/x'),)}):
        with pytest.raises(VprError, match="unknown topic '/odm'; did you mean '/odom'"):
            Playback(bag, PlayOptions(**options))


def test_new_names_are_known(bag):
    playback = Playback(bag, PlayOptions(remap=(('odom', '/wheels'),)))
    assert (playback.name('/odom'), playback.name('/tf')) == ('/wheels', '/tf')


def test_where_nothing_is_left_it_is_said(bag):
    with pytest.raises(VprError, match='no topic can be played: all topics are excluded'):
        Playback(bag, PlayOptions(topics=('/tf',), exclude=('/tf',)))
    playback = Playback(bag, PlayOptions(topics=('/tf',)))
    playback.leave_out('/tf', 'too odd')
    with pytest.raises(VprError, match='no topic can be played: too odd'):
        playback.check()


def test_a_part_of_the_bag_is_played(bag, frames):
    stamps = [message.stamp_ns for message in turn(
        bag, topics=('/odom',), start_s=0.15, duration_s=0.2)]
    assert stamps == [frame.stamp_ns for frame in frames[2:4]]
    assert Playback(bag, PlayOptions(start_s=0.15, duration_s=0.2)).length_s == pytest.approx(0.2)
    assert Playback(bag, PlayOptions(start_s=0.4, duration_s=9)).length_s == pytest.approx(
        0.1, abs=1e-6)
    last = Playback(bag, PlayOptions(start_s=0.4)).schedule
    assert last.at_ns(frames[5].stamp_ns) == pytest.approx(0.1 * S, abs=1000)


def test_a_start_behind_the_end_is_refused(bag):
    with pytest.raises(VprError, match='lasts 0.5 s: play cannot begin after 7 s'):
        Playback(bag, PlayOptions(start_s=7))


def test_play_that_begins_later_begins_with_what_was_latched(bag):
    topics = [message.topic for message in turn(bag, start_s=0.3)]
    assert topics[0] == '/tf_static'
    assert topics.count('/tf_static') == 1
    assert topics.count('/odom') == 3


def test_what_was_latched_is_not_repeated_from_the_beginning(bag):
    assert [message.topic for message in turn(bag)].count('/tf_static') == 1


def test_a_looped_bag_begins_again_and_again(bag):
    playback = Playback(bag, PlayOptions(topics=('/odom',), start_s=0.25, loop=True))
    stamps = [message and message.stamp_ns for message in islice(playback.turns(), 12)]
    assert stamps == 3 * [*stamps[:3], None]


def test_a_recorded_time_gives_way_to_ours(tmp_path):
    with BagWriter(tmp_path / 'in.mcap') as bag:
        new = bag.factory.new
        time = new('builtin_interfaces/msg/Time', sec=3, nanosec=0)
        for second in range(3):
            bag.write('/clock', 'rosgraph_msgs/msg/Clock',
                      new('rosgraph_msgs/msg/Clock', clock=time), second * S)
            bag.write('/text', 'std_msgs/msg/String',
                      new('std_msgs/msg/String', data='x'), second * S)
    with BagReader(tmp_path / 'in.mcap') as bag:
        assert {message.topic for message in turn(bag)} == {'/clock', '/text'}
        assert {message.topic for message in turn(bag, clock_hz=40)} == {'/text'}


def test_times_that_do_not_fit_a_clock_are_refused(tmp_path):
    with BagWriter(tmp_path / 'in.mcap') as bag:
        bag.write('/tf', 'tf2_msgs/msg/TFMessage', geometry.tf_message(
            bag.factory, [geometry.StampedPose(0, 'a', 'b', Pose.identity())]), 2**32 * S)
    with BagReader(tmp_path / 'in.mcap') as bag:
        assert len(turn(bag)) == 1
        with pytest.raises(VprError, match='too late for /clock'):
            Playback(bag, PlayOptions(clock_hz=40))


def test_an_empty_bag_is_said_to_be_so(tmp_path):
    with BagWriter(tmp_path / 'in.mcap'):
        pass
    with BagReader(tmp_path / 'in.mcap') as bag, pytest.raises(
            VprError, match='holds no messages, so there is nothing to play'):
        Playback(bag, PlayOptions())


def test_a_turn_without_messages_ends_play(bag):
    playback = Playback(bag, PlayOptions(
        topics=('/odom',), start_s=0.11, duration_s=0.01, loop=True))
    with pytest.raises(VprError, match='there are no messages on /odom in that time'):
        list(playback.turns())


def test_a_rate_that_is_none_is_refused(bag):
    with pytest.raises(VprError, match='expected a rate above 0, got 0'):
        Playback(bag, PlayOptions(rate=0))
