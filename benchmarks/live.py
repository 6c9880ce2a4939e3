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

"""
Measure ``vpr_ros live``: images that are lost, and how long an answer takes beside its work.

Examples; the first needs a sourced ROS 2, the others do not::

    python benchmarks/live.py rclpy --minutes 5
    python benchmarks/live.py play --minutes 5
    python benchmarks/live.py dds --minutes 1

Images come at 30 Hz, or as ``--rate`` says: raw ones of 640 x 480 pixels from a publisher of
rclpy (``rclpy``) or of DDS without ROS (``dds``), compressed ones of 1280 x 720 pixels from
``vpr_ros bag play`` (``play``). A third process hears images and answers. What an answer takes
beside its work is the time from when that process has the image to when it has the answer, less
the stages that the answer tells of. A network that does not keep up leaves images out, and answers
to others wait for their turn. ``thumbnail`` keeps up anywhere.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing
import json
import multiprocessing
import os
from pathlib import Path
import subprocess
import sys
import tempfile
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.bags.writer import BagWriter
from vpr_ros.dds.loop import Loop
from vpr_ros.dds.participant import Participant
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.live.interface import ANSWER_QOS
from vpr_ros.live.interface import Qos
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.messages.images import compressed_image_message
from vpr_ros.messages.images import image_message
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.messages.rosbags_factory import typestore
from vpr_ros.messages.stamps import stamp_of_serialized
from vpr_ros.types import Frame
from vpr_ros.types import Pose

SCENES, QUIET_S = 60, 5.0
TOPIC = '/camera/image_raw'
SIZES = {'rclpy': (640, 480), 'dds': (640, 480), 'play': (1280, 720)}
RAW, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
MATCH = 'vpr_msgs/msg/PlaceMatch'
CAMERA_QOS = Qos(reliable=False, depth=5)


def main() -> None:
    """Print what was measured."""
    parser = argparse.ArgumentParser(description='What vpr_ros live loses, and how late it is.')
    parser.add_argument('source', choices=SIZES)
    parser.add_argument('--minutes', type=float, default=5.0)
    parser.add_argument('--rate', type=float, default=30.0)
    parser.add_argument('--network', default='compact')
    parser.add_argument('--queue', type=int, default=1, help='Images that may wait their turn.')
    given = parser.parse_args()
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    count = int(given.minutes * 60.0 * given.rate)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        map_path = _write_map(folder / 'scenes.vprmap', SIZES[given.source], given.network)
        results: Any = multiprocessing.get_context('spawn').Queue()
        listener = multiprocessing.get_context('spawn').Process(
            target=_listen, args=(results, given.source == 'play'))
        topic = [TOPIC, '--compressed'] if given.source == 'play' else [TOPIC]
        heard_on = f'{TOPIC}/compressed' if given.source == 'play' else TOPIC
        live = subprocess.Popen([
            sys.executable, '-m', 'vpr_ros.cli.main', 'live', '--map', str(map_path), '--image',
            *topic, '-p', 'extraction.threads:=1', '-p', f'queue_size:={given.queue}', '-p',
            f'qos_overrides.{heard_on}.subscription.depth:={given.queue}'], stdout=sys.stderr)
        try:
            listener.start()
            told = _send(given.source, count, given.rate, folder)
            heard = results.get(timeout=60.0)
            listener.join()
        finally:
            live.terminate()
            live.wait()
    _report(given, count, heard, told)


def _scene(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return (H, W, 3) RGB: clouds at all scales, of which no two are alike."""
    rng = np.random.default_rng(number)
    width, height = size
    scene = np.zeros((height, width, 3), np.float32)
    for octave in range(1, 7):
        grain = rng.standard_normal((9 << octave >> 1, 16 << octave >> 1, 3)).astype(np.float32)
        scene += cv2.resize(grain, (width, height), interpolation=cv2.INTER_CUBIC) / octave ** 1.5
    return np.asarray(np.clip(128.0 + 45.0 * scene, 0.0, 255.0), np.uint8)


def _write_map(path: Path, size: tuple[int, int], network: str) -> Path:
    extractor = make_extractor(ExtractionSettings(network=network))
    frames = (Frame((number + 1) * 10 ** 9, _scene(number, size),
                    T_map_base=Pose(np.array([10.0 * number, 0.0, 0.0])))
              for number in range(SCENES))
    with PlaceMap.create(path, extractor.identity) as place_map:
        for _ in build_session(place_map, 'scenes', frames, extractor, MapSettings(),
                               source='clouds'):
            pass
    return path


def _messages(size: tuple[int, int]) -> list[bytearray]:
    """Return raw images as they are serialized, whose stamps are yet to be written."""
    store, factory = typestore(), RosbagsFactory()
    return [bytearray(store.serialize_cdr(
        image_message(factory, _scene(number, size), stamp_ns=0, frame_id='camera'), RAW))
        for number in range(SCENES)]


def _stamped(scenes: list[bytearray], count: int, rate_hz: float) -> Iterator[bytes]:
    """Yield raw images when they are due, each scene for a second, stamped with the time."""
    began = time.monotonic()
    for number in range(count):
        time.sleep(max(0.0, began + number / rate_hz - time.monotonic()))
        scene = scenes[int(number / rate_hz) % len(scenes)]
        seconds, nanoseconds = divmod(time.time_ns(), 10 ** 9)
        # The stamp stands after the encapsulation.
        scene[4:12] = seconds.to_bytes(4, 'little') + nanoseconds.to_bytes(4, 'little')
        yield bytes(scene)


def _send(source: str, count: int, rate_hz: float, folder: Path) -> str:
    if source == 'play':
        return _play(count, rate_hz, folder)
    scenes = _messages(SIZES[source])
    if source == 'rclpy':
        return _send_by_rclpy(scenes, count, rate_hz)
    with Participant('camera') as participant:
        writer = participant.writer(TOPIC, RAW, CAMERA_QOS)
        while writer.matched() < 2:
            time.sleep(0.1)
        for message in _stamped(scenes, count, rate_hz):
            writer.write(message)
        time.sleep(QUIET_S)
    return ''


def _send_by_rclpy(scenes: list[bytearray], count: int, rate_hz: float) -> str:
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from sensor_msgs.msg import Image

    rclpy.init()
    publisher = rclpy.create_node('camera').create_publisher(Image, TOPIC,
                                                             qos_profile_sensor_data)
    while publisher.get_subscription_count() < 2:
        time.sleep(0.1)
    for message in _stamped(scenes, count, rate_hz):
        publisher.publish(message)
    time.sleep(QUIET_S)
    rclpy.shutdown()
    return str(rclpy.get_rmw_implementation_identifier())


def _play(count: int, rate_hz: float, folder: Path) -> str:
    bag_path = folder / 'scenes.mcap'
    pictures = [_scene(number, SIZES['play']) for number in range(SCENES)]
    with BagWriter(bag_path) as bag:
        messages = [compressed_image_message(bag.factory, picture, stamp_ns=0, frame_id='camera',
                                             quality=80) for picture in pictures]
        for number in range(count):
            stamp_ns = round((number + 1) / rate_hz * 1e9)
            message = messages[int(number / rate_hz) % SCENES]
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10 ** 9)
            bag.write(f'{TOPIC}/compressed', COMPRESSED, message, stamp_ns)
    played = subprocess.run([
        sys.executable, '-m', 'vpr_ros.cli.main', 'bag', 'play', str(bag_path), '--wait', '60'],
        check=True, capture_output=True, text=True)
    return played.stdout.strip().splitlines()[-1]


def _listen(results: Any, compressed: bool) -> None:
    """Note when each image was there, and its answer, by their stamps."""
    images: dict[int, float] = {}
    answers: dict[int, tuple[float, float]] = {}
    topic, kind = (f'{TOPIC}/compressed', COMPRESSED) if compressed else (TOPIC, RAW)
    last = [time.monotonic()]

    with Participant('listener') as participant, closing(Loop(participant)) as loop:
        pictures = participant.reader(topic, kind, CAMERA_QOS)
        matches = participant.reader('/localizer/place_match', MATCH, ANSWER_QOS)

        def seen() -> None:
            for data in pictures.take():
                images[stamp_of_serialized(data)] = last[0] = time.monotonic()

        def answered() -> None:
            for data in matches.take():
                now = time.monotonic()
                match: Any = typestore().deserialize_cdr(data, MATCH)
                answers[stamp_of_serialized(data)] = (
                    now, float(match.stage_times_ns.sum()) * 1e-6)

        def end_when_quiet() -> None:
            if images and time.monotonic() > last[0] + QUIET_S:
                loop.stop()

        loop.attach(pictures, seen)
        loop.attach(matches, answered)
        loop.every(1.0, end_when_quiet)
        loop.run()
    results.put((images, answers))


def _report(given: argparse.Namespace, count: int, heard: Any, told: str) -> None:
    images, answers = heard
    beside_ms = np.array([(answers[stamp][0] - images[stamp]) * 1e3 - answers[stamp][1]
                          for stamp in answers if stamp in images])
    work_ms = np.array([work for _, work in answers.values()])
    print(json.dumps({
        'source': given.source, 'rate, Hz': given.rate, 'network': given.network, 'sender': told,
        'images sent': count, 'images heard': len(images), 'answers': len(answers),
        'work, ms: median, 95 %, largest': _spread(work_ms),
        'beside the work, ms: median, 95 %, largest': _spread(beside_ms),
    }, indent=2))


def _spread(values: NDArray[np.float64]) -> list[float]:
    return [round(float(v), 1) for v in (*np.percentile(values, [50, 95]), values.max())]


if __name__ == '__main__':
    main()
