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

"""The loops of a recording, as a user finds them."""

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
import subprocess

import cv2
import numpy as np
import pytest
from vpr_ros.bags.make import write_frames
from vpr_ros.bags.reader import BagReader
from vpr_ros.bags.writer import BagWriter
from vpr_ros.cli.loop_report import loop_truth
from vpr_ros.cli.loop_report import make_loop_report
from vpr_ros.cli.loop_report import write_loop_run_report
from vpr_ros.cli.loop_run import find_loops
from vpr_ros.cli.sources import open_source
from vpr_ros.cli.sources import PoseOptions
from vpr_ros.errors import VprError
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.messages.images import image_message
from vpr_ros.messages.results import loop_closure_from_message
from vpr_ros.settings import LoopsSettings
from vpr_ros.types import Frame
from vpr_ros.types import Pose

SECOND = 10 ** 9
PLACES = 60  # around a circle, 5 m apart
SETTINGS = LoopsSettings(extraction=ExtractionSettings(network='thumbnail', device='cpu'))
DRIFT = Pose.from_xy_yaw(3.0, -2.0, 0.01)


def pose_at(place: float) -> Pose:
    angle = 2.0 * np.pi * place / PLACES
    radius = 5.0 * PLACES / (2.0 * np.pi)
    return Pose.from_xy_yaw(radius * np.sin(angle), radius * (1.0 - np.cos(angle)), angle)


def picture(place: int, noise: int) -> np.ndarray:
    coarse = np.random.default_rng(place).integers(0, 256, (6, 8, 3))
    image = cv2.resize(coarse.astype(np.uint8), (80, 60), interpolation=cv2.INTER_CUBIC)
    shade = np.random.default_rng(1000 + noise).normal(0.0, 20.0, (60, 80, 3))
    return np.clip(image + shade, 0, 255).astype(np.uint8)


def drive(count: int, *, camera: str = 'front', behind: int = 0) -> Iterator[Frame]:
    """Drive round and round, with odometry that has drifted after the first round."""
    for n in range(count):
        drift = DRIFT if n >= PLACES else Pose.identity()
        yield Frame((n + 1) * SECOND, picture(n % PLACES + behind, n + 7 * behind), camera=camera,
                    T_map_base=pose_at(n), T_odom_base=drift @ pose_at(n))


@pytest.fixture(scope='module')
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp('loops') / 'rounds.mcap'
    write_frames(path, drive(PLACES + 40))
    return path


def test_the_command_writes_closures_keyframes_and_a_report(
        recording: Path, tmp_path: Path,
        command: Callable[..., subprocess.CompletedProcess]) -> None:
    done = command(tmp_path, 'loops', '--bag', recording, '--odometry-topic', '/odom',
                   '--pose-topic', '/ground_truth/pose', '--out', 'loops.mcap', '--map',
                   'rounds.vprmap', '--report', 'loops.html', '-p',
                   'extraction.network:=thumbnail')
    assert done.returncode == 0, done.stderr
    with BagReader(tmp_path / 'loops.mcap') as bag:
        closures = [loop_closure_from_message(m.message)
                    for m in bag.messages(['/loop_detector/loop_closure'])]
    assert f'{len(closures)} loop closures among 100 keyframes' in done.stdout
    assert len(closures) > 30
    with PlaceMap.open(tmp_path / 'rounds.vprmap') as place_map:
        assert place_map.frame == 'odom'
        places = {p.id: p for p in place_map.places()}
        assert [s.name for s in place_map.sessions()] == ['rounds']
        for closure in closures:
            assert closure.map_id == place_map.id
            query, match = places[closure.query_place_id], places[closure.match_place_id]
            assert (query.session, match.session) == ('rounds', 'rounds')
            assert (closure.query_session, closure.match_session) == ('rounds', 'rounds')
            assert query.stamp_ns == closure.query_stamp_ns
            assert query.stamp_ns - match.stamp_ns == PLACES * SECOND
            assert match.stamp_ns == closure.match_stamp_ns
        assert place_map.thumbnail(closures[0].match_place_id)
        assert places[closures[0].query_place_id].T_map_base is not None
    page = (tmp_path / 'loops.html').read_text(encoding='utf-8')
    assert 'Loops of rounds' in page
    assert 'the last 30 s and 50 m' in page


def test_what_is_found_is_told_with_truth(recording: Path) -> None:
    source = open_source(recording, None, odometry='/odom',
                         poses=PoseOptions('/ground_truth/pose'))
    run = find_loops(source, SETTINGS)
    truth = loop_truth(run)
    assert truth is not None
    # Within 10 m are two places more on either side.
    assert truth.revisits.sum() == 40 + 2
    report = make_loop_report(run, SETTINGS, images=source.count)
    assert report.images == 100
    assert report.right_closures == len(run.closures) > 30
    assert report.found == (len(run.closures), 42)
    assert report.positions_from == 'truth'
    assert report.curve is not None
    assert report.curve.precision[0] == 1.0
    # Nobody says where it truly was: then it was where odometry says.
    blind = replace(run, keyframes=[replace(k, T_map_base=None) for k in run.keyframes])
    assert loop_truth(blind) is None
    told = make_loop_report(blind, SETTINGS)
    assert (told.correct, told.positions_from) == (None, 'odometry')


def test_a_folder_of_images_has_loops_too(tmp_path: Path) -> None:
    folder = tmp_path / 'walk'
    folder.mkdir()
    rows = ['file,stamp_ns,x,y,yaw']
    for n, frame in enumerate(drive(PLACES + 30)):
        cv2.imwrite(str(folder / f'{n:03d}.png'), frame.image[..., ::-1])
        pose = frame.T_map_base
        assert pose is not None
        rows.append(f'{n:03d}.png,{frame.stamp_ns},{pose.position[0]},{pose.position[1]},'
                    f'{pose.yaw()}')
    (folder / 'poses.csv').write_text('\n'.join(rows) + '\n')
    source = open_source(None, folder)
    run = find_loops(source, SETTINGS)
    assert all(k.T_odom_base is None for k in run.keyframes)  # truth is no odometry
    report = write_loop_run_report(run, source, SETTINGS, tmp_path / 'walk.html')
    assert report.right_closures == len(run.closures) > 20
    assert len(report.examples) == 12
    for example in report.examples:
        closure = report.closures[example.closure]
        for stamp_ns, image in ((closure.query_stamp_ns, example.query_image),
                                (closure.match_stamp_ns, example.match_image)):
            taken = picture((stamp_ns // SECOND - 1) % PLACES, stamp_ns // SECOND - 1)
            assert isinstance(image, np.ndarray)
            assert np.abs(image.astype(float) - taken).mean() < 1.0
    assert (tmp_path / 'walk.html').exists()


def test_several_cameras_see_one_keyframe(tmp_path: Path) -> None:
    path = tmp_path / 'both.mcap'
    both = zip(drive(PLACES + 20), drive(PLACES + 20, camera='rear', behind=100), strict=True)
    write_frames(path, (frame for pair in both for frame in pair),
                 image_topic='/{camera}/image_raw')
    source = open_source(path, None, odometry='/odom',
                         cameras=['front=/front/image_raw', 'rear=/rear/image_raw'])
    run = find_loops(source, SETTINGS, map_path=tmp_path / 'both.vprmap')
    assert len(run.keyframes) == PLACES + 20
    assert [d.camera for d in run.keyframes[5].detection.descriptions] == ['front', 'rear']
    assert len(run.closures) > 10
    with PlaceMap.open(tmp_path / 'both.vprmap') as place_map:
        assert place_map.cameras() == ['front', 'rear']
        assert place_map.view_count() == 2 * (PLACES + 20)


def test_cameras_of_the_parameter_file_are_those_of_the_bag(
        tmp_path: Path, command: Callable[..., subprocess.CompletedProcess]) -> None:
    both = zip(drive(12), drive(12, camera='rear', behind=100), strict=True)
    write_frames(tmp_path / 'both.mcap', (frame for pair in both for frame in pair),
                 image_topic='/{camera}/image_raw')
    (tmp_path / 'robot.yaml').write_text(
        'loop_detector:\n  ros__parameters:\n    image: /nowhere\n    cameras: '
        "['rear=/rear/image_raw', 'front=/front/image_raw']\n")
    done = command(tmp_path, 'loops', '--bag', 'both.mcap', '--config', 'robot.yaml', '--map',
                   'both.vprmap', '-p', 'extraction.network:=thumbnail')
    assert done.returncode == 0, done.stderr
    with PlaceMap.open(tmp_path / 'both.vprmap') as place_map:
        assert place_map.cameras() == ['rear', 'front']
        assert place_map.view_count() == 24


def test_local_features_are_kept_in_the_map_alone(recording: Path, tmp_path: Path) -> None:
    orb = SETTINGS.model_copy(update={'extraction': SETTINGS.extraction.model_copy(
        update={'local_features': 'orb'})})
    run = find_loops(open_source(recording, None, odometry='/odom'), orb,
                     map_path=tmp_path / 'kept.vprmap')
    # Of a long run those in memory would be gigabytes.
    assert {d.local_features for k in run.keyframes for d in k.detection.descriptions} == {None}
    with PlaceMap.open(tmp_path / 'kept.vprmap') as place_map:
        assert place_map.local_features().views == len(run.keyframes)


def test_two_runs_in_one_recording_are_refused(tmp_path: Path) -> None:
    path = tmp_path / 'twice.mcap'
    with BagWriter(path) as bag:
        for n, frame in enumerate([*drive(12), *drive(12)]):
            bag.write('/image', 'sensor_msgs/msg/Image', image_message(
                bag.factory, frame.image, stamp_ns=frame.stamp_ns, frame_id='camera'), n * SECOND)
    with pytest.raises(VprError, match='time goes back in .*twice.mcap, which makes it two runs'):
        find_loops(open_source(path, None), SETTINGS, out=tmp_path / 'loops.mcap')
    assert not (tmp_path / 'loops.mcap').exists()


def test_files_that_exist_are_refused_before_the_work(
        recording: Path, tmp_path: Path,
        command: Callable[..., subprocess.CompletedProcess]) -> None:
    (tmp_path / 'loops.mcap').write_bytes(b'mine')
    done = command(tmp_path, 'loops', '--bag', recording, '--out', 'loops.mcap')
    assert done.returncode == 1
    assert 'loops.mcap exists already' in done.stderr
    assert (tmp_path / 'loops.mcap').read_bytes() == b'mine'
