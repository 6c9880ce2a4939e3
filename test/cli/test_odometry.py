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

"""Odometry of bags and data sets on its way to the localizer."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from vpr_ros.bags.make import write_frames
from vpr_ros.bags.writer import BagWriter
from vpr_ros.cli.map import build_map
from vpr_ros.cli.run import localize_source
from vpr_ros.cli.run import Run
from vpr_ros.cli.sources import open_source
from vpr_ros.cli.sources import PoseOptions
from vpr_ros.datasets.registry import open_dataset
from vpr_ros.errors import VprError
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.messages.geometry import odometry_message
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.images import image_message
from vpr_ros.settings import BuildSettings
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Frame
from vpr_ros.types import Pose

SECOND = 10 ** 9
THUMBNAIL = ExtractionSettings(network='thumbnail')
PLACES = 60
# Metres from image to image: as on the first drive, then a red light, then in a hurry.
DRIVEN = [10.0] * 10 + [0.0] * 12 + [20.0] * 10


def scene(x: float, noise: int = 0) -> np.ndarray:
    """Return what is seen at ``x``: it changes from each 10 m to the next."""
    place, share = divmod(x / 10.0, 1.0)
    ends = [np.random.default_rng(int(place) + end).integers(0, 256, (6, 8, 3)) for end in (0, 1)]
    seen = (1.0 - share) * ends[0] + share * ends[1]
    if noise:
        seen = seen + np.random.default_rng(1000 + noise).normal(0.0, 110.0, seen.shape)
    return np.clip(seen, 0, 255).astype(np.uint8).repeat(20, axis=0).repeat(20, axis=1)


def second_drive() -> Iterator[Frame]:
    """Drive it again in bad light, with odometry that started elsewhere."""
    start = Pose.from_xy_yaw(-40.0, 7.0, 2.0)
    x = 50.0
    for step, metres in enumerate(DRIVEN):
        x += metres
        yield Frame((step + 1) * SECOND, scene(x, noise=step + 1),
                    T_map_base=Pose.from_xy_yaw(x, 0.0, 0.0),
                    T_odom_base=start @ Pose.from_xy_yaw(x, 0.0, 0.0))


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('odometry')
    write_frames(folder / 'first.mcap', (
        Frame((n + 1) * SECOND, scene(10.0 * n), T_map_base=Pose.from_xy_yaw(10.0 * n, 0.0, 0.0))
        for n in range(PLACES)))
    build_map(open_source(folder / 'first.mcap', None, poses=PoseOptions('/ground_truth/pose')),
              folder / 'town.vprmap', BuildSettings(extraction=THUMBNAIL))
    write_frames(folder / 'second.mcap', second_drive())
    return folder


def localized(made: Path, odometry: str) -> Run:
    source = open_source(made / 'second.mcap', None, poses=PoseOptions('/ground_truth/pose'),
                         odometry=odometry)
    return localize_source(source, LocalizeSettings(map=str(made / 'town.vprmap')))


def errors(run: Run) -> list[float]:
    """Return how far the best answer is from the truth, image by image."""
    found = []
    for answer in run.answers:
        best = answer.localization.candidates[0].T_map_base
        assert best is not None
        assert answer.T_map_base is not None
        found.append(float(np.linalg.norm(best.position - answer.T_map_base.position)))
    return found


def test_odometry_in_a_bag_makes_answers_better(made):
    with_odometry, without = errors(localized(made, '/odom')), errors(localized(made, ''))
    print(with_odometry, without)
    assert len(with_odometry) == len(DRIVEN)
    assert np.mean(with_odometry) < np.mean(without)


def test_frames_of_a_bag_have_odometry_only_when_it_is_named(made):
    frames = list(open_source(made / 'second.mcap', None, odometry='odom').frames())
    for read, written in zip(frames, second_drive(), strict=True):
        assert read.T_odom_base is not None
        assert written.T_odom_base is not None
        assert np.allclose(read.T_odom_base.matrix(), written.T_odom_base.matrix(), atol=1e-12)
    assert all(f.T_odom_base is None for f in open_source(made / 'second.mcap', None).frames())


def test_a_traverse_gives_what_it_knows():
    traverse = open_dataset('town').traverse('night')
    source = open_source(None, None, data='town', traverse='night')
    frame = next(iter(source.frames()))
    assert frame.T_odom_base is not None
    assert np.allclose(frame.T_odom_base.matrix(), traverse.odometry[0].pose.matrix(), atol=0.1)


def test_a_topic_without_odometry_is_refused_before_the_work(made, tmp_path):
    with pytest.raises(VprError, match="unknown topic '/odometry'; did you mean '/odom'"):
        open_source(made / 'second.mcap', None, odometry='/odometry')
    with pytest.raises(VprError, match='has the type sensor_msgs/msg/Image, expected'):
        open_source(made / 'second.mcap', None, odometry='/camera/image_raw')
    with BagWriter(tmp_path / 'lost.mcap') as bag:
        bag.write('/image', 'sensor_msgs/msg/Image', image_message(
            bag.factory, scene(0.0), stamp_ns=SECOND, frame_id='camera'), SECOND)
        lost = odometry_message(bag.factory, StampedPose(SECOND, 'odom', 'base_link',
                                                         Pose.identity()))
        lost.pose.pose.orientation.w = 0.0
        bag.write('/odom', 'nav_msgs/msg/Odometry', lost, SECOND)
    with pytest.raises(VprError, match='no odometry on /odom'):
        open_source(tmp_path / 'lost.mcap', None, odometry='/odom')


def test_odometry_topics_belong_to_bags(traverses):
    with pytest.raises(VprError, match='belong to --bag'):
        open_source(None, traverses / 'morning', odometry='/odom')
