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
Measure the node ``localizer`` beside a bare subscriber: memory, age of answers, cost.

Example, with a sourced ROS 2 and vpr_msgs built::

    python benchmarks/node.py --minutes 10
    python benchmarks/node.py --minutes 2 --network thumbnail

A camera sends JPEG images of 1280 x 720 pixels at 30 Hz, stamped when they are sent. Two processes
hear it: the node, with a map of the scenes that the camera shows, and a bare one that takes in the
same messages undecoded and decodes each that it has time for. A third listens to the answers.
Scenes are clouds at all scales, 250 kB each. What the network costs is the processor time of the
worker's thread while it describes, on one thread. Needs three gigabytes of memory.
"""

from __future__ import annotations

import argparse
from array import array
from collections import Counter
from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
import json
import multiprocessing
from pathlib import Path
import statistics
import tempfile
import time
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.runtime.idle_threads import let_idle_threads_sleep

WIDTH, HEIGHT, RATE_HZ, SCENES = 1280, 720, 30.0, 120
TOPIC = '/camera/image_raw/compressed'
WARM_UP_S = 10.0


def main() -> None:
    """Print a table, and say which bound does not hold."""
    parser = argparse.ArgumentParser(description='The node beside a bare subscriber.')
    parser.add_argument('--minutes', type=float, default=10.0)
    parser.add_argument('--network', default='compact')
    given = parser.parse_args()
    let_idle_threads_sleep()  # as the command that runs the node does
    processes = multiprocessing.get_context('spawn')
    with tempfile.TemporaryDirectory() as folder:
        jpegs = [_jpeg(number) for number in range(SCENES)]
        map_path = Path(folder) / 'scenes.vprmap'
        _write_map(map_path, jpegs, given.network)
        seconds = WARM_UP_S + 60.0 * given.minutes
        results = processes.Queue()
        roles = (
            processes.Process(target=_node, args=(results, str(map_path), seconds)),
            processes.Process(target=_bare, args=(results, seconds)),
            processes.Process(target=_listener, args=(results, seconds)),
            processes.Process(target=_camera, args=(jpegs, seconds)))
        for role in roles:
            role.start()
        told: dict[str, Any] = {}
        for _ in roles[:3]:
            told |= results.get(timeout=seconds + 120.0)
        for role in roles:
            role.join()
    _report(told, given.network)


def _jpeg(number: int) -> bytes:
    """Return a scene that looks like no other one."""
    rng = np.random.default_rng(number)
    scene = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    for octave in range(1, 9):
        grain = rng.standard_normal((9 << octave >> 1, 16 << octave >> 1, 3)).astype(np.float32)
        scene += cv2.resize(grain, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC) / octave ** 1.5
    pixels = np.clip(128.0 + 45.0 * scene, 0.0, 255.0).astype(np.uint8)
    return bytes(cv2.imencode('.jpg', pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def _write_map(path: Path, jpegs: list[bytes], network: str) -> None:
    from vpr_ros.extraction.extractor import make_extractor
    from vpr_ros.extraction.settings import ExtractionSettings
    from vpr_ros.maps.builder import build_session
    from vpr_ros.maps.place_map import PlaceMap
    from vpr_ros.maps.settings import MapSettings
    from vpr_ros.types import Frame
    from vpr_ros.types import Pose

    extractor = make_extractor(ExtractionSettings(network=network))
    frames = (Frame((number + 1) * 10 ** 9, _decoded(jpeg)[:, :, ::-1],
                    T_map_base=Pose(np.array([10.0 * number, 0.0, 0.0])))
              for number, jpeg in enumerate(jpegs))
    with PlaceMap.create(path, extractor.identity) as place_map:
        for _ in build_session(place_map, 'scenes', frames, extractor, MapSettings(),
                               source='clouds'):
            pass


def _decoded(jpeg: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def _camera(jpegs: list[bytes], seconds: float) -> None:
    """Send scenes one after the other, each for a second."""
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import CompressedImage
    from vpr_ros.messages.images import compressed_image_message
    from vpr_ros.messages.rclpy_factory import RclpyFactory

    rclpy.init()
    node = rclpy.create_node('camera')
    publisher = node.create_publisher(CompressedImage, TOPIC, qos_profile_sensor_data)
    scenes = []
    for jpeg in jpegs:
        message = compressed_image_message(RclpyFactory(), _decoded(jpeg)[:, :, ::-1], stamp_ns=0,
                                           frame_id='camera')
        message.data = array('B', jpeg)
        scenes.append(bytearray(serialize_message(message)))
    while publisher.get_subscription_count() < 2:
        time.sleep(0.1)
    began = time.monotonic()
    for number in range(int(seconds * RATE_HZ)):
        time.sleep(max(0.0, began + number / RATE_HZ - time.monotonic()))
        scene = scenes[int(number / RATE_HZ) % len(scenes)]
        # The stamp alone differs from time to time: it stands after the encapsulation.
        now_ns = time.time_ns()
        scene[4:12] = (now_ns // 10 ** 9).to_bytes(4, 'little') + (
            now_ns % 10 ** 9).to_bytes(4, 'little')
        publisher.publish(bytes(scene))
    time.sleep(2.0)
    rclpy.shutdown()


class _Load:
    """Processor time and memory of this process, from the end of the warm-up on."""

    def __init__(self) -> None:
        self.memory: list[float] = []
        self._began: tuple[float, float] | None = None

    def sample(self) -> None:
        """Note how much memory is in use; called once a second."""
        with open('/proc/self/status', encoding='ascii') as status:
            kilobytes = next(line for line in status if line.startswith('VmRSS')).split()[1]
        self.memory.append(int(kilobytes) / 1024.0)
        if self._began is None and len(self.memory) >= WARM_UP_S:
            self._began = time.monotonic(), time.process_time()

    def told(self) -> dict[str, Any]:
        """Return seconds, processor seconds, and megabytes second by second."""
        assert self._began is not None
        return {'seconds': time.monotonic() - self._began[0],
                'processor_s': time.process_time() - self._began[1],
                'memory': self.memory[int(WARM_UP_S):]}


def _spin(node: Any, seconds: float, load: _Load, begun: Callable[[], bool]) -> None:
    """Spin from the first image on."""
    from rclpy.executors import SingleThreadedExecutor

    executor = SingleThreadedExecutor()
    executor.add_node(node)
    while not begun():
        executor.spin_once(timeout_sec=0.1)
    began = time.monotonic()
    node.create_timer(1.0, load.sample)
    while time.monotonic() - began < seconds:
        executor.spin_once(timeout_sec=1.0)


def _node(results: Any, map_path: str, seconds: float) -> None:
    """Run the node, and note what its network costs."""
    import rclpy
    from vpr_ros.live.localizing import Answer
    from vpr_ros.live.localizing import LiveLocalizer
    from vpr_ros.live.localizing import Query
    from vpr_ros.matching.follower import StageTimes
    from vpr_ros.nodes.localizer import LocalizerNode

    # Stages tell how long they take; here they tell how much of a processor, too.
    spent_ns: Counter[str] = Counter()
    passed: Counter[str] = Counter()
    stage = StageTimes.stage

    @contextmanager
    def timed(self: StageTimes, name: str) -> Iterator[None]:
        began_ns = time.thread_time_ns()
        with stage(self, name):
            yield
        spent_ns[name] += time.thread_time_ns() - began_ns
        passed[name] += 1

    setattr(StageTimes, 'stage', timed)  # noqa: B010
    began_ms: list[float] = []
    answer = LiveLocalizer.answer

    def noted(self: LiveLocalizer, query: Query) -> Answer:
        began_ms.append(_age_ms(query.images[0].stamp_ns))
        return answer(self, query)

    setattr(LiveLocalizer, 'answer', noted)  # noqa: B010
    rclpy.init(args=['node', '--ros-args', '-p', f'map:={map_path}', '-p', f'image:={TOPIC}',
                     '-p', 'extraction.threads:=1'])
    node = LocalizerNode()
    node.trigger_configure()
    node.trigger_activate()
    load = _Load()
    _spin(node, seconds, load, lambda: bool(passed))
    told = load.told()
    # Those of the warm-up aside: nearly all cost the same.
    told['network_s'] = spent_ns['describe'] * 1e-9 * told['seconds'] / seconds
    told['answers'] = passed['describe'] * told['seconds'] / seconds
    told['began'] = began_ms
    told['stages'] = {name: round(ns * 1e-6 / passed['describe'], 2)
                      for name, ns in spent_ns.items()}
    assert node.host.worker is not None
    told['dropped'] = node.host.worker.dropped
    results.put({'node': told})
    node.on_shutdown(None)
    rclpy.shutdown()


def _bare(results: Any, seconds: float) -> None:
    """Take in the same images undecoded, and decode each."""
    import rclpy
    from rclpy.qos import QoSProfile
    from rclpy.qos import ReliabilityPolicy
    from rclpy.serialization import deserialize_message
    from sensor_msgs.msg import CompressedImage
    from vpr_ros.messages.images import decode_compressed_image
    from vpr_ros.messages.stamps import stamp_of_serialized

    rclpy.init()
    node = rclpy.create_node('bare')
    ages_ms: list[float] = []

    def heard(data: bytes) -> None:
        ages_ms.append(_age_ms(stamp_of_serialized(data)))
        decode_compressed_image(deserialize_message(data, CompressedImage))

    node.create_subscription(
        CompressedImage, TOPIC, heard,
        QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT), raw=True)
    load = _Load()
    _spin(node, seconds, load, lambda: bool(ages_ms))
    results.put({'bare': {**load.told(), 'ages': ages_ms}})
    rclpy.shutdown()


def _listener(results: Any, seconds: float) -> None:
    """Note how old each answer is, and how much of that was work."""
    import rclpy
    from vpr_ros.messages.rclpy_factory import message_class

    rclpy.init()
    node = rclpy.create_node('listener')
    answers: list[tuple[float, float]] = []

    def heard(answer: Any) -> None:
        stamp_ns = answer.header.stamp.sec * 10 ** 9 + answer.header.stamp.nanosec
        answers.append((_age_ms(stamp_ns), sum(answer.stage_times_ns) * 1e-6))

    node.create_subscription(message_class('vpr_msgs/msg/PlaceMatch'), '/localizer/place_match',
                             heard, 10)
    _spin(node, seconds, _Load(), lambda: bool(answers))
    results.put({'answers': answers})
    rclpy.shutdown()


def _age_ms(stamp_ns: int) -> float:
    return (time.time_ns() - stamp_ns) * 1e-6


def _spread(values: Any) -> list[float]:
    """Return the median, what one in a hundred exceeds, and the largest."""
    values = np.asarray(values)
    return [round(float(v), 1) for v in (*np.percentile(values, [50, 99]), values.max())]


def _first_and_last(values: Any) -> list[float]:
    """Return the medians of the first and of the last tenth."""
    tenth = max(1, len(values) // 10)
    return [round(statistics.median(part), 1) for part in (values[:tenth], values[-tenth:])]


def _report(told: dict[str, Any], network: str) -> None:
    node, bare, frame_ms = told['node'], told['bare'], 1e3 / RATE_HZ
    ages = np.array([age for age, _ in told['answers']])
    beyond = np.array([age - work for age, work in told['answers']])
    delivery_ms = statistics.median(bare['ages'])
    cost = (node['processor_s'] - node['network_s']) / node['seconds']
    bare_cost = bare['processor_s'] / bare['seconds']
    print(json.dumps({
        'network': network, 'minutes': round(node['seconds'] / 60.0, 1),
        'answers per second': round(node['answers'] / node['seconds'], 1),
        'memory, MiB: first and last tenth of the time': _first_and_last(node['memory']),
        'age of answers, ms: first and last tenth': _first_and_last(list(ages)),
        'age of answers, ms: median, 99 %, largest': _spread(ages),
        'of that not their work, ms': _spread(beyond),
        'age of images when work on them begins, ms': _spread(node['began']),
        'age of images when the bare subscriber has them, ms': _spread(bare['ages']),
        'share of images that waited longer than a frame': round(float(np.mean(
            np.array(node['began']) > frame_ms + delivery_ms)), 4),
        'processor, s/s: node without network': round(cost, 3),
        'processor, s/s: bare subscriber that decodes': round(bare_cost, 3),
        'ratio': round(cost / bare_cost, 2),
        'processor, ms an answer: stages of the node': node['stages'],
        'images per second that the bare subscriber decodes': round(
            len(bare['ages']) / (bare['seconds'] + WARM_UP_S), 1)}, indent=2))


if __name__ == '__main__':
    main()
