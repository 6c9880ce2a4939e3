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


"""A bag is played to another process: all of it, as it was recorded, in time."""

from collections.abc import Callable
from collections.abc import Iterator
import json
from pathlib import Path
import signal
import sqlite3
import threading
import time
from typing import Any

import pytest

pytest.importorskip('cyclonedds', reason='DDS is an extra')

from rosbags.interfaces import Qos as RecordedQos  # noqa: E402
from rosbags.interfaces import QosDurability  # noqa: E402
from rosbags.interfaces import QosHistory  # noqa: E402
from rosbags.interfaces import QosLiveliness  # noqa: E402
from rosbags.interfaces import QosReliability  # noqa: E402
from rosbags.interfaces import QosTime  # noqa: E402
from rosbags.rosbag1 import Writer as Rosbag1Writer  # noqa: E402
from rosbags.rosbag2 import StoragePlugin  # noqa: E402
from rosbags.rosbag2 import Writer as Rosbag2Writer  # noqa: E402
from rosbags.typesys import get_types_from_msg  # noqa: E402
from rosbags.typesys import get_typestore  # noqa: E402
from rosbags.typesys import Stores  # noqa: E402
from vpr_ros.bags.playback import PlayOptions  # noqa: E402
from vpr_ros.bags.reader import BagReader  # noqa: E402
from vpr_ros.bags.writer import BagWriter  # noqa: E402
from vpr_ros.dds.participant import Participant  # noqa: E402
from vpr_ros.dds.play import Played  # noqa: E402
from vpr_ros.dds.play import Player  # noqa: E402
from vpr_ros.errors import VprError  # noqa: E402
from vpr_ros.live.interface import Qos  # noqa: E402
from vpr_ros.messages.rosbags_factory import typestore  # noqa: E402

S = 1_000_000_000
START_NS = 1_700_000_000 * S + 123_456_789
STRING, IMAGE = 'std_msgs/msg/String', 'sensor_msgs/msg/Image'
JPEG, CLOCK = 'sensor_msgs/msg/CompressedImage', 'rosgraph_msgs/msg/Clock'
ALL = Qos(reliable=True, depth=1000)

# Hears topics, each [name, type, reliable, latched], until there were so many messages.
LISTENER = """
import json, sys, time
from vpr_ros.dds.participant import Participant
from vpr_ros.live.interface import Qos
heard, end_s = [], time.monotonic() + 40
with Participant('listener') as participant:
    readers = [participant.reader(topic, kind, Qos(reliable=reliable, depth=1000, latched=latched))
               for topic, kind, reliable, latched in json.loads(sys.argv[1])]
    print('ready', flush=True)
    while len(heard) < int(sys.argv[2]) and time.monotonic() < end_s:
        for reader in readers:
            heard += [(reader.topic, time.monotonic(), data.hex()) for data in reader.take()]
        time.sleep(0.001)
    print(json.dumps(heard))
"""


@pytest.fixture
def listen(spawn) -> Callable[..., Callable[[], list[tuple[str, float, bytes]]]]:
    """Return what starts a listener; what that returns is what it has heard."""
    def start(expected: int, *topics: tuple[str, str], reliable: bool = True,
              latched: bool = False) -> Callable[[], list[tuple[str, float, bytes]]]:
        process = spawn(LISTENER, json.dumps([[*topic, reliable, latched] for topic in topics]),
                        str(expected))
        assert process.stdout.readline() == 'ready\n', process.stderr.read()
        return lambda: [(topic, at_s, bytes.fromhex(data)) for topic, at_s, data in
                        json.loads(process.stdout.readline())]
    return start


def string(bag: BagWriter, text: str) -> Any:
    return bag.factory.new(STRING, data=text)


def image(bag: BagWriter, stamp_ns: int, size: tuple[int, int]) -> Any:
    new = bag.factory.new
    stamp = new('builtin_interfaces/msg/Time', sec=stamp_ns // S, nanosec=stamp_ns % S)
    return new(IMAGE, header=new('std_msgs/msg/Header', stamp=stamp, frame_id='eye'),
               height=size[1], width=size[0], encoding='bgr8', is_bigendian=0, step=3 * size[0],
               data=bag.factory.octets(stamp_ns.to_bytes(8, 'little') * (3 * size[0] * size[1]
                                                                         // 8)))


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Return a bag of two topics with numbers, 25 of each in 1.2 s, at uneven times."""
    with BagWriter(tmp_path / 'texts.mcap') as bag:
        for number in range(25):
            stamp_ns = START_NS + number * S // 20 + (number % 3) * S // 100
            bag.write('/one', STRING, string(bag, f'one {number}'), stamp_ns)
            bag.write('/two', STRING, string(bag, f'two {number}'), stamp_ns + 1)
    return tmp_path / 'texts.mcap'


def recorded(path: Path, *topics: str) -> list[tuple[str, int, bytes]]:
    """Return topics, stamps and messages as DDS delivers them: filled up to words of 32 bits."""
    with BagReader(path) as bag:
        return [(message.topic, message.stamp_ns, message.data + bytes(-len(message.data) % 4))
                for message in bag.raw_messages(topics or None)]


def play(path: Path, *, wait_s: float = 20.0, **options: Any) -> Played:
    with BagReader(path) as bag, Participant('player') as participant:
        player = Player(bag, participant, PlayOptions(**options))
        assert player.wait(wait_s) == ()
        return player.play()


def assert_in_time(heard: list[tuple[str, float, bytes]], stamps_ns: list[int],
                   rate: float = 1.0) -> None:
    """Assert that nothing came before its time, and half of it soon after: machines are busy."""
    late_s = [at_s - (stamp_ns - stamps_ns[0]) / rate / S
              for (_, at_s, _), stamp_ns in zip(heard, stamps_ns, strict=True)]
    after_s = sorted(late - min(late_s) for late in late_s)
    assert after_s[len(after_s) // 2] < 0.05
    began_s = heard[0][1]
    assert min(at_s - began_s - (stamp_ns - stamps_ns[0]) / rate / S
               for (_, at_s, _), stamp_ns in zip(heard, stamps_ns, strict=True)) > -0.05


def test_another_process_hears_all_as_it_was_recorded_and_in_time(texts, listen):
    heard = listen(50, ('/one', STRING), ('/two', STRING))
    played = play(texts)
    messages = heard()
    for topic in ('/one', '/two'):
        expected = recorded(texts, topic)
        own = [message for message in messages if message[0] == topic]
        assert [data for _, _, data in own] == [data for _, _, data in expected]
        assert_in_time(own, [stamp_ns for _, stamp_ns, _ in expected])
    assert played.messages == {'/one': 25, '/two': 25}
    assert played.count == 50
    assert played.turns == 1
    assert played.behind == ()
    assert played.seconds == pytest.approx(1.2, abs=0.1)
    assert 0 < played.late_s <= played.late_p99_s <= played.latest_s
    assert played.late_s < 0.02


@pytest.mark.parametrize('rate', [0.5, 4])
def test_a_rate_makes_time_go_slower_or_faster(texts, listen, rate):
    heard = listen(10, ('/one', STRING))
    played = play(texts, rate=rate, topics=('/one',), start_s=0.5, duration_s=0.46)
    messages = heard()
    expected = recorded(texts, '/one')[10:20]
    assert [data for _, _, data in messages] == [data for _, _, data in expected]
    assert_in_time(messages, [stamp_ns for _, stamp_ns, _ in expected], rate)
    assert played.seconds == pytest.approx(0.45 / rate, abs=0.1)


def test_large_images_go_out_without_loss(tmp_path, listen):
    with BagWriter(tmp_path / 'in.mcap') as bag:
        for number in range(10):  # as many as a publisher keeps for who is slow
            stamp_ns = START_NS + number * S // 30
            bag.write('/image', IMAGE, image(bag, stamp_ns, (640, 480)), stamp_ns)
    heard = listen(10, ('/image', IMAGE))
    played = play(tmp_path / 'in.mcap')
    assert [data for _, _, data in heard()] == [
        data for _, _, data in recorded(tmp_path / 'in.mcap')]
    assert played.count == 10


@pytest.fixture
def stopped(spawn) -> Iterator[Callable[[Player, str, str], None]]:
    """Return what has a process listen that takes nothing, and does not even acknowledge it."""
    processes = []

    def listen_not(player: Player, topic: str, type_name: str) -> None:
        process = spawn(LISTENER, json.dumps([[topic, type_name, True, False]]), '1')
        processes.append(process)
        assert player.wait(20) == ()
        process.send_signal(signal.SIGSTOP)

    yield listen_not
    for process in processes:
        process.send_signal(signal.SIGCONT)


def test_who_lags_behind_at_the_end_is_told(texts, stopped, monkeypatch):
    monkeypatch.setattr('vpr_ros.dds.play._ACKNOWLEDGE_S', 0.3)
    with BagReader(texts) as bag, Participant('player') as participant:
        player = Player(bag, participant, PlayOptions(rate=20))
        stopped(player, '/one', STRING)
        played = player.play()
    assert played.count == 50
    assert played.behind == ('/one',)


def test_who_cannot_follow_holds_nobody_up(tmp_path, stopped, monkeypatch):
    monkeypatch.setattr('vpr_ros.dds.play._ACKNOWLEDGE_S', 0.3)
    with BagWriter(tmp_path / 'in.mcap') as bag:
        for number in range(20):
            stamp_ns = START_NS + number * S // 50
            bag.write('/image', IMAGE, image(bag, stamp_ns, (640, 480)), stamp_ns)
    with BagReader(tmp_path / 'in.mcap') as bag, Participant('player') as participant:
        player = Player(bag, participant)
        stopped(player, '/image', IMAGE)
        played = player.play()
    assert played.count == 20
    assert played.late_s < 0.05
    assert played.behind == ('/image',)


def clock_ns(data: bytes) -> int:
    clock = typestore().deserialize_cdr(data, CLOCK).clock
    return clock.sec * S + clock.nanosec


def test_a_loop_begins_again_and_its_time_goes_back(texts, listen):
    heard = listen(60, ('/one', STRING), ('/clock', CLOCK), reliable=False)
    with BagReader(texts) as bag, Participant('player') as participant:
        player = Player(bag, participant, PlayOptions(
            topics=('/one',), duration_s=0.3, loop=True, clock_hz=50))
        assert player.wait(20) == ()
        results: list[Played] = []
        thread = threading.Thread(target=lambda: results.append(player.play()))
        thread.start()
        messages = heard()
        began_s = time.monotonic()
        player.stop()
        thread.join()
        assert time.monotonic() - began_s < 1
    played, = results
    expected = recorded(texts, '/one')[:7]
    ones = [data for topic, _, data in messages if topic == '/one']
    assert ones == (4 * [data for _, _, data in expected])[:len(ones)]
    assert len(ones) > 14
    times_ns = [clock_ns(data) for topic, _, data in messages if topic == '/clock']
    turns = [at for at, (before, after) in enumerate(
        zip(times_ns, times_ns[1:], strict=False), 1) if after < before]
    assert len(turns) >= 2
    for at in turns:
        assert times_ns[at] == START_NS
        assert times_ns[at - 1] == pytest.approx(START_NS + 0.3 * S, abs=0.02 * S)
    assert played.turns >= 3
    assert set(played.messages) == {'/one'}


def times_s(player: Player, count: int) -> list[float]:
    """Play until so many messages were sent, and return when."""
    at_s: list[float] = []

    def reached(bag_s: float) -> None:
        at_s.append(time.monotonic())
        if len(at_s) == count:
            player.stop()

    player.play(reached)
    return at_s


def test_a_loop_of_one_moment_leaves_time_between_turns(tmp_path):
    with BagWriter(tmp_path / 'in.mcap') as bag:
        bag.write('/one', STRING, string(bag, 'x'), START_NS)
    with BagReader(tmp_path / 'in.mcap') as bag, Participant('player') as participant:
        at_s = times_s(Player(bag, participant, PlayOptions(loop=True)), 5)
    assert at_s[-1] - at_s[0] == pytest.approx(0.4, abs=0.09)


def test_a_delay_comes_before_each_turn(texts):
    with BagReader(texts) as bag, Participant('player') as participant:
        player = Player(bag, participant, PlayOptions(
            topics=('/one',), duration_s=0.12, loop=True, delay_s=0.4))
        began_s = time.monotonic()
        at_s = times_s(player, 4)
    # Messages are due at 0, 0.06 and 0.12 s.
    assert at_s[0] - began_s > 0.4
    assert at_s[3] - at_s[0] == pytest.approx(0.52, abs=0.09)


def test_what_is_late_makes_nothing_after_it_late(texts):
    with BagReader(texts) as bag, Participant('player') as participant:
        player = Player(bag, participant, PlayOptions(topics=('/one',)))
        slow = iter([0.2])
        played = player.play(lambda bag_s: time.sleep(next(slow, 0)))
    assert played.latest_s > 0.1
    assert played.late_s < 0.02
    assert played.seconds == pytest.approx(1.2, abs=0.1)


def test_who_comes_late_gets_static_transforms(tmp_path, listen):
    with BagWriter(tmp_path / 'in.mcap') as bag:
        for name in ('left', 'right'):
            bag.write('/tf_static', 'std_msgs/msg/String', string(bag, name), START_NS)
            bag.write('/one', STRING, string(bag, name), START_NS)
    with BagReader(tmp_path / 'in.mcap') as bag, Participant('player') as participant:
        played = Player(bag, participant).play()
        heard = listen(2, ('/tf_static', STRING), latched=True)()
    assert [data for _, _, data in heard] == [
        data for _, _, data in recorded(tmp_path / 'in.mcap', '/tf_static')]
    assert played.count == 4


def write_offered(path: Path, reliability: QosReliability) -> Path:
    """Write a bag of which a publisher offered this."""
    forever = QosTime(9223372036, 854775807)
    profile = RecordedQos(QosHistory.UNKNOWN, 0, reliability, QosDurability.VOLATILE, forever,
                          forever, QosLiveliness.AUTOMATIC, forever, False)
    with Rosbag2Writer(path, version=9, storage_plugin=StoragePlugin.SQLITE3) as bag:
        topic = bag.add_connection('/one', STRING, typestore=typestore(),
                                   offered_qos_profiles=[profile])
        bag.write(topic, START_NS, typestore().serialize_cdr(
            typestore().types[STRING]('x'), STRING))
    return path


@pytest.mark.parametrize(('reliability', 'misfit'), [
    (QosReliability.RELIABLE, ''), (QosReliability.BEST_EFFORT, 'RELIABILITY')])
def test_topics_are_offered_as_they_were_recorded(tmp_path, eventually, reliability, misfit):
    with BagReader(write_offered(tmp_path / 'bag', reliability)) as bag, Participant(
            'player') as participant, Participant('listener') as other:
        reader = other.reader('/one', STRING, ALL)
        player = Player(bag, participant)
        if misfit:
            assert eventually(reader.requested_incompatible) == misfit
            assert player.wait(0.1) == ('/one',)
        else:
            assert player.wait(20) == ()


@pytest.fixture
def cameras(tmp_path: Path) -> Path:
    """Return a bag of two cameras, one of them also as JPEG images, and texts."""
    with BagWriter(tmp_path / 'cameras.mcap') as bag:
        for number in range(3):
            stamp_ns = START_NS + number
            small = image(bag, stamp_ns, (8, 8))
            bag.write('/left', IMAGE, small, stamp_ns)
            bag.write('/right', IMAGE, small, stamp_ns)
            bag.write('/right/compressed', JPEG, bag.factory.new(
                JPEG, header=small.header, format='jpeg', data=small.data), stamp_ns)
            bag.write('/one', STRING, string(bag, 'x'), stamp_ns)
    return tmp_path / 'cameras.mcap'


def test_play_waits_for_a_listener_to_each_camera(cameras):
    with BagReader(cameras) as bag, Participant('player') as participant, Participant(
            'listener') as other:
        player = Player(bag, participant)
        assert player.wait(0) == ('/left', '/right')
        other.reader('/one', STRING, ALL)
        assert player.wait(0.3) == ('/left', '/right')
        other.reader('/right/compressed', JPEG, ALL)
        left = other.reader('/left', IMAGE, ALL)
        assert player.wait(20) == ()
        left.close()
        assert player.wait(0.3) == ('/left',)


def test_of_cameras_that_are_not_played_none_is_waited_for(cameras):
    with BagReader(cameras) as bag, Participant('player') as participant, Participant(
            'listener') as other:
        player = Player(bag, participant, PlayOptions(topics=('/one',)))
        assert player.wait(0) == ('/one',)
        other.reader('/one', STRING, ALL)
        assert player.wait(20) == ()


def test_topics_have_new_names(texts, listen):
    heard = listen(25, ('/robot/text', STRING))
    played = play(texts, topics=('/one',), remap=(('/one', '/robot/text'),), rate=10)
    assert [data for _, _, data in heard()] == [data for _, _, data in recorded(texts, '/one')]
    assert played.messages == {'/robot/text': 25}


def test_types_of_ones_own_are_played(tmp_path, listen, eventually):
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg('my_msgs/Inner[] inners', 'my_msgs/msg/Odd'))
    store.register(get_types_from_msg('string text\nfloat64 value', 'my_msgs/msg/Inner'))
    odd = store.types['my_msgs/msg/Odd']([store.types['my_msgs/msg/Inner']('seven', 7.0)])
    data = bytes(store.serialize_cdr(odd, odd.__msgtype__))
    with Rosbag2Writer(tmp_path / 'bag', version=8, storage_plugin=StoragePlugin.MCAP) as bag:
        bag.write(bag.add_connection('/odd', odd.__msgtype__, typestore=store), START_NS, data)
    with BagReader(tmp_path / 'bag') as bag, Participant('player') as participant, Participant(
            'listener') as other:
        reader = other.reader('/odd', odd.__msgtype__, ALL, store)
        player = Player(bag, participant)
        assert player.wait(20) == ()
        assert player.play().count == 1
        assert eventually(reader.take) == [data]


def test_topics_of_unknown_types_are_left_out_and_the_others_played(tmp_path):
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg('int32 number', 'my_msgs/msg/Odd'))
    store.register(get_types_from_msg('wstring text', 'my_msgs/msg/Wide'))
    with Rosbag2Writer(tmp_path / 'bag', version=8, storage_plugin=StoragePlugin.SQLITE3) as bag:
        for topic, name in (('/odd', 'my_msgs/msg/Odd'), ('/one', STRING)):
            bag.write(bag.add_connection(topic, name, typestore=store), START_NS,
                      bytes([0, 1, 0, 0, 1, 0, 0, 0, 0]))
    with sqlite3.connect(tmp_path / 'bag' / 'bag.db3') as database:
        database.execute('DELETE FROM message_definitions')
    with BagReader(tmp_path / 'bag') as bag, Participant('player') as participant:
        player = Player(bag, participant)
        assert player.topics == ('/one',)
        assert 'my_msgs/msg/Odd, which neither' in player.left_out['/odd']
        assert player.play().messages == {'/one': 1}
        with pytest.raises(VprError, match='no topic can be played: .*my_msgs/msg/Odd'):
            Player(bag, participant, PlayOptions(topics=('/odd',)))


@pytest.fixture
def rosbag1(tmp_path: Path) -> Path:
    """Return what ROS 1 recorded, one topic of it under a name that ROS 2 does not take."""
    store = get_typestore(Stores.ROS1_NOETIC)
    with Rosbag1Writer(tmp_path / 'in.bag') as bag:
        for topic in ('text', '/camera-1/text'):
            connection = bag.add_connection(topic, STRING, typestore=store)
            bag.write(connection, START_NS, store.serialize_ros1(
                store.types[STRING](topic), STRING))
    return tmp_path / 'in.bag'


def test_what_ros1_recorded_is_played(rosbag1, listen):
    heard = listen(2, ('/text', STRING), ('/camera_1/text', STRING))
    play(rosbag1, remap=(('/camera-1/text', '/camera_1/text'),))
    assert {topic: typestore().deserialize_cdr(data, STRING).data
            for topic, _, data in heard()} == {
        '/text': 'text', '/camera_1/text': '/camera-1/text'}


def test_names_that_only_ros1_takes_are_left_out(rosbag1):
    with BagReader(rosbag1) as bag, Participant('player') as participant:
        player = Player(bag, participant)
    assert player.topics == ('/text',)
    assert 'is no name of a topic' in player.left_out['/camera-1/text']


def test_damage_is_told_where_it_is_reached(texts):
    data = bytearray(texts.read_bytes())
    length = data.rindex(b'one 24') - 8 - 22 - 8  # of the record: before its head and that of CDR
    data[length:length + 8] = b'\xff' * 8
    texts.write_bytes(data)
    with BagReader(texts) as bag, Participant('player') as participant:
        with pytest.raises(VprError, match='cannot be read to its end.*mcap recover'):
            Player(bag, participant, PlayOptions(rate=20)).play()
