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

"""The main job from end to end, in a town where all is known: a day is mapped, a night asked."""

from collections.abc import Callable
from pathlib import Path
import re
import subprocess

import numpy as np
import pytest
from vpr_ros.bags.reader import BagReader
from vpr_ros.datasets.town.drive import mounted_camera
from vpr_ros.datasets.town.routes import ROUTES
from vpr_ros.datasets.town.town import DRIVES
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.messages.depth_images import decode_depth
from vpr_ros.messages.results import localization_from_message
from vpr_ros.types import Localization

Run = Callable[..., subprocess.CompletedProcess]
RADIUS_M = 10.0


@pytest.fixture(scope='module')
def town(command: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Do what the demo does: map a day, localize a night in the snow that takes a detour."""
    folder = tmp_path_factory.mktemp('town')
    for arguments in (
            ('bag', 'make', 'town', '--traverse', 'day', '-o', 'day.mcap'),
            ('bag', 'make', 'town', '--traverse', 'night_snow', '-o', 'night.mcap'),
            ('map', 'build', '--bag', 'day.mcap', '--pose-topic', '/ground_truth/pose', '-o',
             'town.vprmap'),
            ('localize', '--bag', 'night.mcap', '--map', 'town.vprmap', '--out', 'answers.mcap')):
        done = command(folder, *arguments)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope='module')
def answers(town: Path) -> list[Localization]:
    with BagReader(town / 'answers.mcap') as bag:
        return [localization_from_message(m.message)
                for m in bag.messages(['/localizer/place_match'])]


def true_positions(bag_path: Path) -> dict[int, np.ndarray]:
    with BagReader(bag_path) as bag:
        return {p.stamp_ns: p.pose.position for p in bag.poses('/ground_truth/pose')}


@pytest.fixture(scope='module')
def right(town: Path, answers: list[Localization]) -> np.ndarray:
    """Return for each answer whether its best place is where the robot was."""
    truth = true_positions(town / 'night.mcap')
    best = np.array([a.candidates[0].T_map_base.position for a in answers])
    return np.linalg.norm(best - [truth[a.stamp_ns] for a in answers], axis=1) <= RADIUS_M


@pytest.fixture(scope='module')
def in_map(town: Path, answers: list[Localization]) -> np.ndarray:
    """Return for each answer whether the day saw its place."""
    truth = true_positions(town / 'night.mcap')
    mapped = np.array(list(true_positions(town / 'day.mcap').values()))
    return np.array([np.linalg.norm(mapped - truth[a.stamp_ns], axis=1).min() <= RADIUS_M
                     for a in answers])


def test_places_of_the_day_are_found_at_night(answers, right, in_map):
    assert len(answers) > 300
    assert right[in_map].mean() > 0.78


def test_known_means_right(answers, right):
    known = np.array([a.known for a in answers])
    assert known.mean() > 0.33
    assert right[known].mean() > 0.88


def test_streets_that_the_day_never_saw_are_mostly_unknown(answers, in_map):
    known = np.array([a.known for a in answers])
    assert 0.1 < 1.0 - in_map.mean() < 0.2
    assert known[~in_map].mean() < 0.15


def test_a_drive_becomes_a_bag_with_all_that_a_car_records(town):
    with BagReader(town / 'night.mcap') as bag:
        counts = {topic.name: topic.count for topic in bag.topics()}
        frames = counts.pop('/camera/image_raw/compressed')
        static = list(bag.transforms('/tf_static'))
        fixes = list(bag.fixes('/gps/fix'))
        first = next(iter(bag.frames(pose_topic='/ground_truth/pose', odometry_topic='/odom')))
    seconds = frames - 1
    assert counts.pop('/odom') == counts.pop('/tf') == pytest.approx(20 * seconds, abs=20)
    assert counts.pop('/gps/fix') == len(fixes) == pytest.approx(seconds, abs=1)
    assert counts == {'/camera/camera_info': frames, '/ground_truth/pose': frames,
                      '/tf_static': 1}
    assert {(edge.parent, edge.child) for edge in static} == {
        ('base_link', 'front_optical_frame'), ('base_link', 'gps_link')}
    camera = mounted_camera(DRIVES['night_snow'])
    assert first.image.shape == (480, 640, 3)
    np.testing.assert_allclose(first.calibration.matrix, camera.matrix)
    np.testing.assert_allclose(first.calibration.T_base_optical.matrix(),
                               camera.T_base_optical.matrix(), atol=1e-9)
    np.testing.assert_allclose(first.T_odom_base.position, 0.0, atol=1e-9)
    assert 47.9 < fixes[0].latitude_deg < 48.1


def test_the_same_drive_makes_the_same_bag(command, tmp_path):
    for name in 'one.mcap', 'two.mcap':
        done = command(tmp_path, 'bag', 'make', 'town', '--route', 'terraces', '--rate', 0.1,
                       '--condition', 'fog', '-o', name)
        assert done.returncode == 0, done.stderr
    images = []
    for name in 'one.mcap', 'two.mcap':
        with BagReader(tmp_path / name) as bag:
            images.append([frame.image for frame in bag.frames()])
    np.testing.assert_array_equal(*images)


def test_the_help_names_all_routes(command, tmp_path):
    said = command(tmp_path, 'bag', 'make', '--help').stdout
    assert all(route in said for route in ROUTES)


@pytest.mark.parametrize(('arguments', 'said'), [
    (('town', '--route', 'lop'), "unknown route through the town 'lop'; did you mean 'loop'?"),
    (('town', '--condition', 'day+night'), 'a condition has one light'),
    (('town', '--condition', 'nihgt'), "did you mean 'night'?"),
    (('town', '--condition', 'night+'), 'a condition is one or more of day, low_sun'),
    (('town', '--traverse', 'nigth'), "did you mean 'night'?"),
    (('town', '--rate', '0'), 'the rate (hz) of a drive through the town must lie between'),
    (('pictures', '--lane-offset', '1'), '--lane-offset belongs to the generated town'),
])
def test_what_cannot_be_driven_is_said(command, tmp_path, arguments, said):
    (tmp_path / 'pictures').mkdir()
    (tmp_path / 'pictures' / 'a.png').write_bytes(b'')
    done = command(tmp_path, 'bag', 'make', *arguments, '-o', 'x.mcap')
    assert done.returncode != 0
    assert said in done.stderr
    assert 'Traceback' not in done.stderr
    assert not (tmp_path / 'x.mcap').exists()


def test_depth_of_a_camera_stays_with_the_features_of_a_map(command, tmp_path):
    def said(*arguments, code=0):
        done = command(tmp_path, *arguments)
        assert done.returncode == code, done.stdout + done.stderr
        return ' '.join((done.stdout + done.stderr).split())

    said('bag', 'make', 'town', '--route', 'terraces', '--rate', 0.1, '--depth', '-o', 'in.mcap')
    build = ('map', 'build', '--bag', 'in.mcap', '--network', 'thumbnail')
    sift = ('-p', 'extraction.local_features:=sift')
    said(*build, *sift, '--depth-topic', '/camera/depth', '-o', 'deep.vprmap')
    with PlaceMap.open(tmp_path / 'deep.vprmap') as place_map, BagReader(
            tmp_path / 'in.mcap') as bag:
        assert place_map.local_kind == 'sift'
        for place_id, message in zip(place_map.place_ids(), bag.messages(['/camera/depth']),
                                     strict=True):
            features = place_map.place(place_id).views[0].local_features
            depth = decode_depth(message.message)
            x, y = np.rint(features.points).astype(int).T
            known = np.isfinite(features.depths) & np.isfinite(depth[y, x])
            assert known.mean() > 0.5
            assert np.median(np.abs(features.depths / depth[y, x] - 1.0)[known]) < 0.01
        views = len(place_map)
    assert re.search(rf'local features sift, \d+ a view, 1\d\.\d KB a place, {views} views with '
                     'depth', said('map', 'info', 'deep.vprmap'))
    said(*build, '-o', 'flat.vprmap')
    assert 'local features none' in said('map', 'info', 'flat.vprmap')
    assert 'has the type sensor_msgs/msg/CameraInfo' in said(
        *build, '--depth-topic', '/camera/camera_info', '-o', 'x.vprmap', code=1)
    assert '--depth-topic front=/depth; got --depth-topic rear=/camera/depth' in said(
        *build, '--depth-topic', 'rear=/camera/depth', '-o', 'x.vprmap', code=1)
