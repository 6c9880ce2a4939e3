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

"""The localizer beside a bag that plays, each in a process of its own, over DDS."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import os
from pathlib import Path
import signal
import subprocess
import sys
from threading import Thread
import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip('cyclonedds', reason='DDS is an extra')

from vpr_ros.answers import ANSWER_TYPES  # noqa: E402
from vpr_ros.bags.make import write_frames  # noqa: E402
from vpr_ros.bags.reader import BagReader  # noqa: E402
from vpr_ros.bags.writer import BagWriter  # noqa: E402
from vpr_ros.dds.participant import Participant  # noqa: E402
from vpr_ros.extraction.extractor import make_extractor  # noqa: E402
from vpr_ros.extraction.settings import ExtractionSettings  # noqa: E402
from vpr_ros.live.interface import Qos  # noqa: E402
from vpr_ros.maps.builder import build_session  # noqa: E402
from vpr_ros.maps.datum import Datum  # noqa: E402
from vpr_ros.maps.place_map import PlaceMap  # noqa: E402
from vpr_ros.maps.settings import MapSettings  # noqa: E402
from vpr_ros.messages.geometry import StampedPose  # noqa: E402
from vpr_ros.messages.images import image_message  # noqa: E402
from vpr_ros.messages.rosbags_factory import RosbagsFactory  # noqa: E402
from vpr_ros.messages.rosbags_factory import typestore  # noqa: E402
from vpr_ros.types import Frame  # noqa: E402
from vpr_ros.types import Pose  # noqa: E402

SECOND = 10 ** 9
PLACES = 30
IMAGE, JPEGS, ODOMETRY = '/camera/image_raw', '/camera/image_raw/compressed', '/odom'
LOSSLESS = [word for topic in (IMAGE, JPEGS, ODOMETRY)
            for word in ('-p', f'qos_overrides.{topic}.subscription.reliability:=reliable',
                         '-p', f'qos_overrides.{topic}.subscription.depth:=1000')] + [
            '-p', 'queue_size:=1000', '-p', 'odometry_wait_s:=5.0']
# A best effort subscription may not know a publisher yet that knows it, and miss what it says.
RELIABLE = ['-p', f'qos_overrides.{IMAGE}.subscription.reliability:=reliable']
HEARD = Qos(reliable=True, depth=1000)
# What is of the one run, and not of what was seen.
OF_THE_RUN = {'stage_names', 'stage_times_ns', 'query_session'}


def picture(number: int) -> np.ndarray:
    """Return what a place looks like: (120, 160, 3)."""
    coarse = np.random.default_rng(number).integers(0, 256, (8, 16, 3), np.uint8)
    return np.ascontiguousarray(coarse.repeat(15, axis=0).repeat(10, axis=1))


def drive(count: int, *, first: int = 0) -> Iterator[Frame]:
    """Yield what a robot sees that drives from place to place, ten metres and a second apart."""
    for n in range(count):
        yield Frame((n + 1) * SECOND, picture(first + n),
                    T_map_base=Pose(np.array([10.0 * n, 0.0, 0.0])))


@pytest.fixture(scope='module')
def map_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('map') / 'places.vprmap'
    extractor = make_extractor(ExtractionSettings(network='thumbnail', device='cpu'))
    with PlaceMap.create(path, extractor.identity, datum=Datum(51.75, -1.25, 100.0)) as places:
        list(build_session(places, 'first drive', drive(PLACES), extractor, MapSettings(),
                           source='test'))
    return path


@pytest.fixture(scope='module')
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bag of the same way, and ten places beyond, with odometry."""
    path = tmp_path_factory.mktemp('bag') / 'drive.mcap'
    odometry = [StampedPose(round(s * SECOND), 'odom', 'base_link',
                            Pose(np.array([10.0 * (s - 1.0), 2.0, 0.0])))
                for s in np.arange(0.5, PLACES + 12.0, 0.1)]
    write_frames(path, drive(PLACES + 10), image_topic=IMAGE, encoding='jpeg', odometry=odometry)
    return path


class Process:
    """The command in a process of its own; what it says on one stream is read as it comes."""

    def __init__(self, *words: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'vpr_ros.cli.main', *map(str, words)], stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
            env={**os.environ, 'COLUMNS': '200', 'NO_COLOR': '1', 'OMP_NUM_THREADS': '1'})
        self._lines: list[str] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        self._lines.extend(self._process.stdout)

    @property
    def said(self) -> str:
        return ''.join(self._lines)

    def is_ready(self) -> bool:
        assert self._process.poll() is None, self.said
        return 'Ctrl-C ends it' in self.said

    def end(self, number: signal.Signals = signal.SIGINT) -> tuple[int, float, str]:
        """Send a signal; return the status, how many seconds the end took, and what was said."""
        began_s = time.monotonic()
        for _ in range(5):  # as "ros2 launch" and a terminal do together
            self._process.send_signal(number)
            time.sleep(0.01)
        return self.wait(), time.monotonic() - began_s, self.said

    def wait(self) -> int:
        status = self._process.wait(timeout=60.0)
        self._reader.join()
        return status

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    """Return what starts the command in a process of its own, which is ended with the test."""
    started: list[Process] = []

    def run(*words: object) -> Process:
        started.append(Process(*words))
        return started[-1]

    yield run
    for process in started:
        process.kill()


@pytest.fixture
def live(start, eventually, map_path) -> Callable[..., Process]:
    """Return what starts the localizer, and returns when it listens."""
    def run(*words: object, image: str = IMAGE) -> Process:
        process = start('live', '--map', map_path, '--image', image, *words)
        eventually(process.is_ready, timeout_s=60.0)
        return process
    return run


class Ear:
    """Hears what a localizer says."""

    def __init__(self, participant: Participant, node: str = '/localizer') -> None:
        self._readers = {topic: participant.reader(f'{node}/{topic}', kind, HEARD)
                         for topic, kind in ANSWER_TYPES.items()}
        self._readers['diagnostics'] = participant.reader(
            '/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', HEARD)
        self.messages: dict[str, list[Any]] = {topic: [] for topic in self._readers}

    def is_ready(self) -> bool:
        return all(reader.matched() for reader in self._readers.values())

    def listen(self) -> dict[str, list[Any]]:
        """Return what has come so far."""
        for topic, reader in self._readers.items():
            self.messages[topic] += [typestore().deserialize_cdr(data, reader.type_name)
                                     for data in reader.take()]
        return self.messages

    def diagnosed_ns(self) -> int:
        """Return the stamp of the last diagnostics, -1 before the first."""
        return stamp_of(self.messages['diagnostics'][-1]) if self.listen()['diagnostics'] else -1

    def status(self) -> Any:
        """Return the last status of localization."""
        statuses = [status for array in self.listen()['diagnostics'] for status in array.status
                    if status.name.endswith(': localization')]
        return statuses[-1] if statuses else None


@pytest.fixture
def participant() -> Iterator[Participant]:
    with Participant('test') as joined:
        yield joined


@pytest.fixture
def ear(participant) -> Ear:
    return Ear(participant)


def plain(message: Any) -> Any:
    """Return a message as values that compare, without what is of the one run."""
    if hasattr(message, '__dataclass_fields__'):
        return {name: plain(getattr(message, name)) for name in message.__dataclass_fields__
                if name not in OF_THE_RUN}
    if isinstance(message, np.ndarray):
        return message.tolist()
    return [plain(part) for part in message] if isinstance(message, list) else message


def test_a_bag_played_to_it_gets_the_answers_of_the_command(
        live, start, ear, eventually, bag, map_path, tmp_path):
    process = live('--compressed', '--odom', ODOMETRY, *LOSSLESS)
    eventually(ear.is_ready)
    assert start('bag', 'play', bag, '--rate', 1000, '--wait', 30).wait() == 0
    eventually(lambda: len(ear.listen()['place_match']) == PLACES + 10)
    status, _, said = process.end()
    assert status == 0
    assert f'{PLACES + 10} answers, ' in said
    assert '0 images dropped' in said
    heard = ear.listen()
    offline = tmp_path / 'offline.mcap'
    assert start('localize', '--bag', bag, '--map', map_path, '--odometry-topic', ODOMETRY,
                 '--out', offline).wait() == 0
    with BagReader(offline) as answers:
        assert {topic.name for topic in answers.topics()} == {
            f'/localizer/{topic}' for topic in ANSWER_TYPES}
        for topic in ANSWER_TYPES:
            wanted = [plain(m.message) for m in answers.messages([f'/localizer/{topic}'])]
            assert len(wanted) > PLACES // 2
            assert [plain(message) for message in heard[topic]] == wanted


def test_without_a_map_it_tells_of_the_one_that_it_makes(start, ear, eventually, bag):
    process = start('live', '--online', '--image', IMAGE, '--compressed', '--odom', ODOMETRY,
                    *LOSSLESS, '-p', 'extraction.network:=thumbnail')
    eventually(process.is_ready, timeout_s=60.0)
    assert 'a map that is made on the way, described by thumbnail' in process.said
    eventually(ear.is_ready)
    assert start('bag', 'play', bag, '--rate', 20, '--wait', 30).wait() == 0
    eventually(lambda: ear.status() is not None
               and dict_of(ear.status())['answers'] == str(PLACES + 10))
    _, _, said = process.end()
    assert f'{PLACES + 10} places made of {PLACES + 10} images; ' in said


def dict_of(status: Any) -> dict[str, str]:
    return {value.key: value.value for value in status.values}


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_it_ends_at_once_when_it_is_told_to(live, number):
    status, seconds, said = live().end(number)
    assert status == 0
    assert seconds < 5.0
    assert '0 answers, 0 at a known place; 0 images dropped' in said
    assert 'Traceback' not in said


def test_the_latest_image_alone_is_looked_at(live, participant, ear, eventually):
    live(*RELIABLE)
    writer = participant.writer(IMAGE, 'sensor_msgs/msg/Image', Qos(reliable=True, depth=500))
    eventually(lambda: ear.is_ready() and writer.matched())
    for n in range(400):
        writer.write(raw(SECOND + n * 1_000_000, picture(n % PLACES)))
    eventually(lambda: ear.listen()['place_match'] and stamp_of(
        ear.messages['place_match'][-1]) == SECOND + 399 * 1_000_000)
    assert len(ear.messages['place_match']) < 400


def raw(stamp_ns: int, pixels: np.ndarray) -> bytes:
    return bytes(typestore().serialize_cdr(image_message(
        RosbagsFactory(), pixels, stamp_ns=stamp_ns, frame_id='camera'), 'sensor_msgs/msg/Image'))


def stamp_of(message: Any) -> int:
    return int(message.header.stamp.sec * SECOND + message.header.stamp.nanosec)


def test_a_clock_that_goes_back_begins_anew(live, participant, ear, eventually):
    process = live('-p', 'use_sim_time:=true', *LOSSLESS)
    clock = participant.writer('/clock', 'rosgraph_msgs/msg/Clock', Qos(reliable=True, depth=10))
    images = participant.writer(IMAGE, 'sensor_msgs/msg/Image', HEARD)
    eventually(lambda: ear.is_ready() and images.matched())

    def tell(seconds: int) -> None:
        stamp = RosbagsFactory().new('builtin_interfaces/msg/Time', sec=seconds, nanosec=0)
        message = RosbagsFactory().new('rosgraph_msgs/msg/Clock', clock=stamp)
        data = bytes(typestore().serialize_cdr(message, 'rosgraph_msgs/msg/Clock'))
        eventually(lambda: clock.write(data) and ear.diagnosed_ns() == seconds * SECOND)

    def chances(first_s: int) -> list[float]:
        before = len(ear.listen()['place_match'])
        for n in range(12):
            images.write(raw((first_s + n) * SECOND, picture(n)))
        eventually(lambda: len(ear.listen()['place_match']) == before + 12)
        return [m.probability for m in ear.messages['place_match'][before:]]

    tell(100)
    first = chances(1)
    tell(1)
    # Evidence is gathered again, as at first, though the stamps of images go on.
    assert chances(13) == pytest.approx(first)
    process.end()


def test_silence_and_a_publisher_that_does_not_fit_are_told_and_explained(
        live, participant, ear, eventually):
    live('-p', 'silence_s:=0.5', *RELIABLE)
    eventually(lambda: ear.status() is not None and 'nobody publishes it' in ear.status().message)
    assert f'no image on {IMAGE} for' in ear.status().message
    assert ear.status().level == 1
    writer = participant.writer(IMAGE, 'sensor_msgs/msg/Image', Qos(reliable=False, depth=1))
    eventually(lambda: ear.status().message.endswith('A publisher does not fit: RELIABILITY'))
    assert not writer.matched()


def test_what_is_no_image_is_left_out_and_said(live, participant, ear, eventually):
    process = live(*RELIABLE)
    writer = participant.writer(IMAGE, 'sensor_msgs/msg/Image', Qos(reliable=True, depth=10))
    eventually(lambda: ear.is_ready() and writer.matched())
    writer.write(raw(SECOND, picture(0)).replace(b'rgb8', b'gbr8'))
    eventually(lambda: 'an image was left out' in process.said)
    writer.write(raw(2 * SECOND, picture(1)))
    eventually(lambda: ear.listen()['place_match'])
    assert stamp_of(ear.messages['place_match'][0]) == 2 * SECOND
    status, _, said = process.end()
    assert status == 0
    assert "'gbr8'" in said


def test_a_robot_has_a_namespace(live, participant, eventually, tmp_path):
    fleet = tmp_path / 'fleet.yaml'
    fleet.write_text(
        '/robot1/eyes:\n  ros__parameters:\n    qos_overrides./robot1/image.subscription.'
        'reliability: reliable\n/robot2/eyes:\n  ros__parameters: {map_frame: of_another}\n')
    live('--namespace', 'robot1', '--name', 'eyes', '--config', fleet, image='image')
    ear = Ear(participant, '/robot1/eyes')
    writer = participant.writer('/robot1/image', 'sensor_msgs/msg/Image',
                                Qos(reliable=True, depth=10))
    eventually(lambda: ear.is_ready() and writer.matched())
    writer.write(raw(SECOND, picture(0)))
    eventually(lambda: ear.listen()['place_match'])
    assert ear.messages['place_match'][0].header.frame_id == 'map'
    eventually(lambda: ear.status() is not None)
    assert ear.status().name == 'robot1/eyes: localization'


@pytest.mark.parametrize(('words', 'sentence'), [
    ((), 'name the map: --map FILE'),
    (('--map', 'none.vprmap'), 'none.vprmap'),
    (('--map', 'MAP', '--online'), 'leave one of them out'),
    (('--map', 'MAP', '--image', '/camera/1raw'), "'/camera/1raw' is no name of a topic"),
    (('--map', 'MAP', '--name', 'my-node'), "'my-node' is no name of a node"),
    (('--map', 'MAP', '--ros-distro', 'humbel'), "'humble'"),
    (('--map', 'MAP', '-p', 'qos_overrides./image.subscription.depht:=3'), "'depth'"),
    (('--map', 'MAP', '-p', 'publish_tf:=true'), 'publish_tf needs odometry'),
    (('--map', 'MAP', '-p', 'use_simtime:=true'), "unknown parameter 'use_simtime'"),
])
def test_what_cannot_be_is_said_in_one_sentence(start, map_path, words, sentence):
    process = start('live', *[map_path if word == 'MAP' else word for word in words])
    assert process.wait() == 1
    assert sentence in process.said
    assert 'Traceback' not in process.said
    assert len(process.said.splitlines()) == 1


def test_without_the_library_the_extra_is_named(tmp_path):
    (tmp_path / 'cyclonedds.py').write_text('raise ImportError("not installed")')
    done = subprocess.run(
        [sys.executable, '-m', 'vpr_ros.cli.main', 'live', '--map', 'day.vprmap'],
        env={**os.environ, 'PYTHONPATH': str(tmp_path)}, capture_output=True, text=True,
        timeout=60.0)
    assert done.returncode == 1
    assert "pip install 'vpr_ros[dds]'" in done.stderr
    assert 'Traceback' not in done.stderr


def test_the_program_of_the_page_hears_answers(live, participant, eventually, spawn):
    page = (Path(__file__).parents[2] / 'docs/live_without_ros.md').read_text(encoding='utf-8')
    program = page.partition('```python\n')[2].partition('```')[0]
    process = spawn(program, PYTHONUNBUFFERED='1')
    live(*LOSSLESS)
    writer = participant.writer(IMAGE, 'sensor_msgs/msg/Image', HEARD)
    eventually(writer.matched)
    lines: list[str] = []
    reading = Thread(target=lambda: lines.append(process.stdout.readline()), daemon=True)
    reading.start()
    for n in range(400):
        writer.write(raw((n + 1) * SECOND, picture(0)))
        reading.join(0.1)
        if lines:
            break
    assert lines, 'nothing was heard'
    stamp_s, decision, probability = lines[0].split()
    assert int(stamp_s) >= 1
    assert decision in ('known', 'unknown')
    assert 0.0 <= float(probability) <= 1.0


def test_raw_images_of_an_odd_width_come_through_as_a_bag_holds_them(
        live, start, ear, eventually, tmp_path):
    path = tmp_path / 'raw.mcap'
    with BagWriter(path) as writer:
        writer.write(IMAGE, 'sensor_msgs/msg/Image', image_message(
            writer.factory, picture(3)[:, :157], stamp_ns=SECOND, frame_id='camera'), SECOND)
    live(*LOSSLESS)
    eventually(ear.is_ready)
    assert start('bag', 'play', path, '--wait', 30).wait() == 0
    eventually(lambda: ear.listen()['place_match'])
    assert stamp_of(ear.messages['place_match'][0]) == SECOND
