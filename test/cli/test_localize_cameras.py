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

"""Localizing with what several cameras saw at one moment, as a user does."""

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner
from vpr_ros.bags.make import write_frames
from vpr_ros.bags.reader import BagReader
from vpr_ros.bags.writer import BagWriter
from vpr_ros.cli.main import app
from vpr_ros.cli.sources import FrameSource
from vpr_ros.errors import VprError
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.messages.images import image_message
from vpr_ros.messages.results import localization_from_message
from vpr_ros.types import Camera
from vpr_ros.types import Frame
from vpr_ros.types import Localization
from vpr_ros.types import Pose

SECOND = 10 ** 9
PLACES = 24
BOTH = ('--camera', 'front=/front/image', '--camera', 'rear=/rear/image')
THUMBNAIL = ('-p', 'extraction.network:=thumbnail')


def scene(place: int, ahead: bool, *, light: int = 0) -> np.ndarray:
    """Return what is seen of a place along the way or against it."""
    coarse = np.random.default_rng([place, int(ahead)]).integers(0, 256, (6, 8, 3)).astype(float)
    if light:
        coarse += np.random.default_rng([light, place, int(ahead)]).normal(0.0, 150.0, (6, 8, 3))
    return cv2.resize(np.clip(coarse, 0, 255).astype(np.uint8), (80, 60),
                      interpolation=cv2.INTER_CUBIC)


def write(path: Path, looks: Iterator[tuple[int, np.ndarray, np.ndarray]]) -> None:
    """Write what both cameras saw; the rear one is 20 ms late, and fails now and then."""
    with BagWriter(path) as bag:
        for n, (stamp, front, rear) in enumerate(looks):
            for camera, image, stamp_ns in (('front', front, stamp * SECOND),
                                            ('rear', rear, stamp * SECOND + 20_000_000)):
                if camera == 'rear' and n % 8 == 7:
                    continue
                bag.write(f'/{camera}/image', 'sensor_msgs/msg/Image', image_message(
                    bag.factory, image, stamp_ns=stamp_ns, frame_id=camera), stamp_ns)


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of a map of two cameras, and a bag of the way back by another light."""
    root = tmp_path_factory.mktemp('cameras')
    write(root / 'there.mcap', ((n + 1, scene(n, True), scene(n, False))
                                for n in range(PLACES)))
    # Who comes back has ahead what was behind.
    write(root / 'back.mcap', ((100 + k, scene(n, False, light=1), scene(n, True, light=1))
                               for k, n in enumerate(reversed(range(PLACES)))))
    done = CliRunner().invoke(app, ['map', 'build', '--bag', str(root / 'there.mcap'), *BOTH,
                                    '-o', str(root / 'street.vprmap'), *THUMBNAIL])
    assert done.exit_code == 0, done.output
    return root


@pytest.fixture
def localize(folder: Path, tmp_path: Path,
             monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Localization]]:
    """Return what runs the command on the way back, and reads its answers."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> list[Localization]:
        done = CliRunner().invoke(app, [
            'localize', '--bag', str(folder / 'back.mcap'), '--map',
            str(folder / 'street.vprmap'), '--out', 'answers.mcap', '--overwrite',
            '-p', 'matching.filter:=none', *map(str, arguments)])
        if done.exception is not None:
            raise done.exception
        with BagReader(tmp_path / 'answers.mcap') as bag:
            answers = [localization_from_message(m.message)
                       for m in bag.messages(['/localizer/place_match'])]
        assert f'of {len(answers)} images at a known place' in done.output
        return answers

    return run


def right(answers: list[Localization]) -> np.ndarray:
    """Return whether each answer names the place, which the map saw first."""
    return np.array([a.candidates[0].stamp_ns == (PLACES - k) * SECOND
                     for k, a in enumerate(answers)])


def test_two_cameras_ask_one_question(folder: Path, localize: Callable) -> None:
    with PlaceMap.open(folder / 'street.vprmap') as place_map:
        assert place_map.cameras() == ['front', 'rear']
        assert len(place_map) == PLACES
        assert place_map.view_count() == 2 * PLACES - PLACES // 8
    both = localize(*BOTH)
    assert [a.stamp_ns for a in both] == [(100 + k) * SECOND for k in range(PLACES)]
    assert {a.camera for a in both} == {'front'}
    assert len(both) == PLACES
    front = localize('--camera', 'front=/front/image')
    assert [a.stamp_ns for a in front] == [a.stamp_ns for a in both]
    assert right(both).mean() > right(front).mean() + 0.1


def test_the_first_camera_leads(localize: Callable) -> None:
    turned = localize(*BOTH[2:], *BOTH[:2])
    assert {a.camera for a in turned} == {'rear'}
    # Where it failed there is no moment.
    assert [a.stamp_ns for a in turned] == [
        (100 + k) * SECOND + 20_000_000 for k in range(PLACES) if k % 8 != 7]


def test_cameras_need_names_and_topics_of_their_own(localize: Callable) -> None:
    with pytest.raises(VprError, match='cameras have different names'):
        localize('--camera', 'front=/front/image', '--camera', 'front=/rear/image')
    with pytest.raises(VprError, match='each needs a topic: --camera NAME=TOPIC'):
        localize('--camera', 'front=/front/image', '--camera', 'rear')
    with pytest.raises(VprError, match='two cameras cannot share the images'):
        localize('--camera', 'front=/front/image', '--camera', 'rear=/front/image')


def test_cameras_of_the_parameter_file_are_those_of_a_robot_and_of_a_bag(
        localize: Callable, tmp_path: Path) -> None:
    config = tmp_path / 'robot.yaml'
    config.write_text('localizer:\n  ros__parameters:\n    image: /nowhere\n    cameras: '
                      "['rear=/rear/image', 'front=/front/image']\n")
    told = localize('--config', config)
    assert {a.camera for a in told} == {'rear'}
    wanted = localize(*BOTH[2:], *BOTH[:2])
    assert [(a.stamp_ns, a.probability) for a in told] == [
        (a.stamp_ns, a.probability) for a in wanted]
    # What is said on the command line counts more, of either kind.
    front = localize('--camera', 'front=/front/image')
    for flags in ('--camera', 'front=/front/image'), ('--topic', '/front/image'):
        assert [(a.stamp_ns, a.probability) for a in localize('--config', config, *flags)] == [
            (a.stamp_ns, a.probability) for a in front]


def test_cameras_of_the_parameter_file_have_names_and_topics(localize: Callable) -> None:
    with pytest.raises(VprError, match='parameter cameras: each entry is NAME=TOPIC'):
        localize('-p', 'cameras:=[front=/front/image, rear]')


@pytest.mark.parametrize('command', ['localize', 'loops'])
def test_cameras_are_mounted_in_the_frame_of_the_robot(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    mounting = Pose([0.3, -0.1, 1.2], [-0.5, 0.5, -0.5, 0.5])
    camera = Camera('front', 80, 60, np.diag([50.0, 50.0, 1.0]), T_base_optical=mounting)
    write_frames(tmp_path / 'a.mcap', [Frame(SECOND, scene(0, True), calibration=camera)],
                 base_frame='body')
    opened: list[FrameSource] = []

    def refuse(source: FrameSource, *given: object, **more: object) -> None:
        opened.append(source)
        raise VprError('seen enough')

    monkeypatch.setattr(f'vpr_ros.cli.{command}.localize_source' if command == 'localize' else
                        'vpr_ros.cli.loop_run.find_loops', refuse)
    done = CliRunner().invoke(app, [
        command, '--bag', str(tmp_path / 'a.mcap'), '-p', 'base_frame:=body',
        *(('--map', 'any.vprmap') if command == 'localize' else ())])
    assert str(done.exception) == 'seen enough'
    frame, = opened[0].frames()
    assert np.allclose(frame.calibration.T_base_optical.matrix(), mounting.matrix())
