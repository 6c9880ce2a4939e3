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

"""One bag through the node and through the command, on a real ROS 2: skipped without one."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
import time
from typing import Any

import pytest
from rosbags.highlevel import AnyReader
from typer.testing import CliRunner
from vpr_ros.bags.make import write_frames
from vpr_ros.bags.reader import BagReader
from vpr_ros.cli.main import app
from vpr_ros.datasets.town.conditions import parse_condition
from vpr_ros.datasets.town.drive import Drive
from vpr_ros.datasets.town.town import Town
from vpr_ros.maps.datum import Datum
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.types import Frame

pytest.importorskip('rclpy', reason='no ROS 2 is sourced')
pytest.importorskip('vpr_msgs.msg', reason='vpr_msgs is not built and sourced')

MOMENTS = 40
CAMERAS = {'front': '/front/image_raw/compressed', 'rear': '/rear/image_raw/compressed'}
TOLD = ('/front/camera_info', '/rear/camera_info', '/tf_static')
# What is of the one run, and not of what was seen.
OF_THE_RUN = {'stage_names', 'stage_times_ns', 'query_session'}


def both_cameras(drive: Drive) -> Iterator[Frame]:
    town = Town()
    behind = town.drive(replace(drive, camera_yaw_deg=180.0))
    for front, rear in zip(town.drive(drive).frames(), behind.frames(), strict=True):
        yield front
        yield replace(rear, camera='rear')


def write_drive(path: Path, drive: Drive) -> Path:
    frames = list(islice(both_cameras(drive), 2 * MOMENTS))
    # Odometry at a rate of its own, as robots have it, to the end of the last image and beyond.
    odometry = [o for o in Town().drive(drive).odometry
                if o.stamp_ns < frames[-1].stamp_ns + 10 ** 9]
    write_frames(path, frames, image_topic='/{camera}/image_raw', encoding='jpeg',
                 odometry=odometry)
    return path


def run(*arguments: object) -> None:
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    assert done.exit_code == 0, done.output


@pytest.fixture(scope='module')
def drives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp('drives')
    cameras = [a for name, topic in CAMERAS.items() for a in ('--camera', f'{name}={topic}')]
    day = write_drive(folder / 'day.mcap', Drive(seed=1, rate_hz=2.0))
    dusk = write_drive(folder / 'dusk.mcap',
                       Drive(seed=2, rate_hz=2.0, condition=parse_condition('dusk')))
    run('map', 'build', '--bag', day, *cameras, '--pose-topic', '/ground_truth/pose',
        '-o', folder / 'day.vprmap')
    with PlaceMap.open(folder / 'day.vprmap', writeable=True) as place_map:
        place_map.locate('map', Datum(51.75, -1.25, 100.0))
    run('localize', '--bag', dusk, *cameras, '--odometry-topic', '/odom', '--map',
        folder / 'day.vprmap', '--out', folder / 'offline.mcap')
    return {name: folder / name for name in ('dusk.mcap', 'day.vprmap', 'offline.mcap')}


def numbers(message: Any) -> Any:
    """Return a message of either library as plain values that compare."""
    names = (message.get_fields_and_field_types() if hasattr(
        message, 'get_fields_and_field_types') else message.__dataclass_fields__)
    return {name: plain(getattr(message, name)) for name in names
            # Constants are in capitals; one of the libraries takes them for fields.
            if name not in OF_THE_RUN and name != '__msgtype__' and not name.isupper()}


def plain(value: Any) -> Any:
    if isinstance(value, str | bool | int | float):
        return value
    if hasattr(value, '__len__'):
        return [plain(v.item() if hasattr(v, 'item') else v) for v in value]
    return value.item() if hasattr(value, 'item') else numbers(value)


def test_all_records_are_the_same(robot, start, drives):
    overrides = [a for topic in (*CAMERAS.values(), '/odom') for policy, value in (
        ('reliability', 'reliable'), ('history', 'keep_last'), ('depth', 5000))
        for a in ('-p', f'qos_overrides.{topic}.subscription.{policy}:={value}')]
    cameras = ', '.join(f'{name}={topic}' for name, topic in CAMERAS.items())
    start('-p', f'cameras:=[{cameras}]', *overrides, map=drives['day.vprmap'], odometry='/odom',
          queue_size=5000, odometry_wait_s=5.0, camera_patience_s=1.0)
    with AnyReader([drives['dusk.mcap']]) as bag:
        kept = [c for c in bag.connections if c.topic in (*CAMERAS.values(), *TOLD, '/odom')]
        publishers = {c.topic: robot.publisher(c.msgtype, c.topic, latched(c.topic))
                      for c in kept}
        robot.wait(lambda: all(p.get_subscription_count() for p in publishers.values()),
                   'subscriptions')
        # What is told once comes first, as it does where a robot has been on for a while.
        for topics in (TOLD, (*CAMERAS.values(), '/odom')):
            for connection, _, data in bag.messages([c for c in kept if c.topic in topics]):
                publishers[connection.topic].publish(bytes(data))
                robot.spin(0.001)
            time.sleep(1.0)
    robot.wait(lambda: len(robot.matches) == MOMENTS, 'all answers', timeout_s=300.0)
    robot.spin(1.0)
    with BagReader(drives['offline.mcap']) as bag:
        topics = {t.name for t in bag.topics()}
        assert topics == {f'/localizer/{t}' for t in ('place_match', 'loop_closure', 'pose',
                                                      'fix')}
        for topic in sorted(topics):
            offline = [numbers(r.message) for r in bag.messages([topic])]
            live = [numbers(m) for m in robot.heard[topic.rpartition('/')[2]]]
            assert len(live) == len(offline) > MOMENTS // 4
            for got, expected in zip(live, offline, strict=True):
                assert got == expected


def latched(topic: str) -> Any:
    from rclpy.qos import DurabilityPolicy
    from rclpy.qos import QoSProfile

    return QoSProfile(depth=5000, durability=(
        DurabilityPolicy.TRANSIENT_LOCAL if topic == '/tf_static' else DurabilityPolicy.VOLATILE))


def test_relative_poses_are_among_them(drives):
    with BagReader(drives['offline.mcap']) as bag:
        matches = [r.message for r in bag.messages(['/localizer/place_match'])]
    assert any(m.rotation_valid and m.inliers > 0 for m in matches)
