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


"""A bag is played by a command that speaks as ROS does, and ends when it is told to."""

import os
from pathlib import Path
import re
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

pytest.importorskip('cyclonedds', reason='DDS is an extra')

from vpr_ros.bags.writer import BagWriter  # noqa: E402
from vpr_ros.cli.bag_play import _spelled_out  # noqa: E402
from vpr_ros.dds.participant import Participant  # noqa: E402
from vpr_ros.dds.reader import Reader  # noqa: E402
from vpr_ros.live.interface import Qos  # noqa: E402
from vpr_ros.messages.rosbags_factory import typestore  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
S = 1_000_000_000
STRING, CLOCK = 'std_msgs/msg/String', 'rosgraph_msgs/msg/Clock'


@pytest.fixture(autouse=True)
def domain(monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the number of a domain that is alone on this machine."""
    number = 102 + os.getpid() % 100
    for name in ('ROS_STATIC_PEERS', 'ROS_LOCALHOST_ONLY', 'CYCLONEDDS_URI'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    monkeypatch.setenv('ROS_DOMAIN_ID', str(number))
    return number


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Return a bag of two topics, of ten texts each in 0.9 s."""
    with BagWriter(tmp_path / 'texts.mcap') as bag:
        for number in range(10):
            for topic in ('/one', '/two'):
                bag.write(topic, STRING, bag.factory.new(STRING, data=f'{topic} {number}'),
                          1_700_000_000 * S + number * S // 10)
    return tmp_path / 'texts.mcap'


def heard(reader: Reader, count: int, messages: list[bytes] | None = None) -> list[bytes]:
    """Return the first messages; they come, or it is the end of this test."""
    messages, end_s = messages or [], time.monotonic() + 30
    while len(messages) < count:
        assert time.monotonic() < end_s, messages
        messages += reader.take()
        time.sleep(0.002)
    return messages


def text(data: bytes) -> str:
    return typestore().deserialize_cdr(data, STRING).data


def start(folder: Path, *words: object) -> 'subprocess.Popen[str]':
    return subprocess.Popen(
        [sys.executable, '-m', 'vpr_ros.cli.main', 'bag', 'play', *map(str, words)], cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # Who starts a process in the background may have told it to pass over Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        env={**os.environ, 'PYTHONPATH': f'{ROOT}:{os.environ.get("PYTHONPATH", "")}',
             'COLUMNS': '200', 'NO_COLOR': '1'})


def test_a_bag_is_played_to_whom_it_waited_for(texts, tmp_path, domain):
    with Participant('listener') as participant:
        reader = participant.reader('/one', STRING, Qos(reliable=True, depth=100))
        with start(tmp_path, texts, '--wait', '30', '-r', '2') as process:
            messages = heard(reader, 10)
            said, complained = process.communicate()
    assert [text(data) for data in messages] == [f'/one {number}' for number in range(10)]
    assert process.returncode == 0, complained
    assert f'Playing 2 topics on domain {domain}.' in said
    line = said.splitlines()[-1]
    found = re.fullmatch(
        r'20 messages in (.*) s; late by (.*) ms at the median, (.*) ms for 99 of 100, '
        r'(.*) ms at most', line)
    assert found, said
    assert 0.3 < float(found[1]) < 0.6
    assert float(found[2]) <= float(found[3]) <= float(found[4])


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_loop_ends_at_once_with_its_closing_line(texts, tmp_path, number):
    with Participant('listener') as participant:
        clock = participant.reader('/clock', CLOCK, Qos(reliable=False, depth=100))
        with start(tmp_path, texts, '--loop', '--clock', '-r', '5') as process:
            heard(clock, 20)
            began_s = time.monotonic()
            for _ in range(5):  # as "ros2 launch" and a terminal do together
                process.send_signal(number)
                time.sleep(0.01)
            said, complained = process.communicate()
            assert time.monotonic() - began_s < 5
    assert process.returncode == 130, complained
    assert 'Traceback' not in complained
    assert re.search(r'\d+ messages in .* s, \d+ turns; late by', said.splitlines()[-1]), said


def test_topics_are_listed_as_ros_users_do(texts, tmp_path, vpr_ros):
    said = vpr_ros('bag', 'play', texts, '--topics', '/one', '/two', '-r', '20').stdout
    assert 'Playing 2 topics' in said
    said = vpr_ros('bag', 'play', '--topics', '/one', texts, '-r', '20', '--domain', '101').stdout
    assert 'Playing 1 topic on domain 101' in said
    assert '\n10 messages' in said


def test_options_without_their_words_are_spelled_out():
    def spelled(line: str) -> str:
        return ' '.join(_spelled_out(line.split()))

    assert spelled('BAG --clock') == 'BAG --clock 40'
    assert spelled('--clock BAG') == '--clock 40 BAG'
    assert spelled('BAG --clock --loop') == 'BAG --clock 40 --loop'
    assert spelled('BAG --clock 7.5 --loop') == 'BAG --clock 7.5 --loop'
    assert spelled('BAG --topics /a /b /c -l') == 'BAG --topics /a --topics /b --topics /c -l'
    assert spelled('--topic /a BAG /b') == '--topic /a BAG /b'
    assert spelled(f'--topics /a {ROOT}') == f'--topics /a {ROOT}'
    assert spelled('BAG -m /a:=/b c:=d --exclude-topics /e /f --rate 2') == (
        'BAG -m /a:=/b -m c:=d --exclude-topics /e --exclude-topics /f --rate 2')
    assert spelled('BAG --topics /a --topics /b') == 'BAG --topics /a --topics /b'


def test_what_nobody_listens_to_is_said_and_played(texts, vpr_ros):
    done = vpr_ros('bag', 'play', texts, '--wait', '0.1', '-r', '20', '--exclude-topic', 'two',
                   '--remap', 'one:=text/one')
    assert 'nobody listens to /text/one after 0.1 s: played all the same' in done.stderr
    assert '\n10 messages' in done.stdout


def test_what_cannot_be_played_is_one_line(texts, tmp_path, vpr_ros):
    def error(*words: object) -> str:
        return vpr_ros('bag', 'play', *words, ok=False).stderr

    assert "unknown topic '/ome'; did you mean '/one'" in error(texts, '--topic', '/ome')
    assert 'there is no bag' in error(tmp_path / 'none.mcap')
    assert 'expected a rate above 0, got 0' in error(texts, '--rate', '0')
    assert 'above 0, got -4' in error(texts, '--clock', '-4')
    assert 'play cannot begin after 5 s' in error(texts, '--start-offset', '5')
    assert 'play cannot begin after inf s' in error(texts, '--start', 'inf')
    assert '86400' in error(texts, '--delay', 'inf')
    assert 'expected OLD:=NEW' in error(texts, '--remap', '/one')
    for line in (error(texts, '--topic', '/ome'), error(texts, '--rate', '0')):
        assert line.count('\n') == 1


def test_a_type_that_cannot_be_played_is_said(tmp_path, vpr_ros):
    with BagWriter(tmp_path / 'in.db3') as bag:
        bag.write('/one', STRING, bag.factory.new(STRING, data='x'), S)
        bag.write('/two', 'std_msgs/msg/Int8', bag.factory.new('std_msgs/msg/Int8', data=1), S)
    with sqlite3.connect(tmp_path / 'in.db3') as database:
        database.execute("UPDATE topics SET type = 'my_msgs/msg/Odd' WHERE name = '/two'")
    done = vpr_ros('bag', 'play', 'in.db3')
    assert re.search('/two is left out: .*my_msgs/msg/Odd', done.stderr.replace('\n', ' '))
    assert '\n1 message in' in done.stdout


def test_without_dds_it_says_what_to_install(texts, tmp_path):
    (tmp_path / 'cyclonedds.py').write_text(
        "raise ModuleNotFoundError('none', name='cyclonedds')\n")
    done = subprocess.run(
        [sys.executable, '-c', f'import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]\n'
         'from vpr_ros.cli.main import main\nmain()', 'bag', 'play', str(texts)],
        capture_output=True, text=True, env={**os.environ, 'COLUMNS': '200'})
    assert done.returncode == 1
    assert "pip install 'vpr_ros[dds]'" in done.stderr
    assert 'Traceback' not in done.stderr
