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

"""The localizer on traverses that were described before."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from vpr_ros.datasets.images import ImageFiles
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.evaluation.comparison.description_cache import DescriptionCache
from vpr_ros.evaluation.comparison.over_time import localize_over_time
from vpr_ros.evaluation.comparison.over_time import over_time_digest
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.matching.localizer import open_localizer
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.types import Camera
from vpr_ros.types import Pose

PLACES = 10
SETTINGS = ExtractionSettings(network='compact', device='cpu')
CAMERA = Camera('front', 320, 160, np.array([[200.0, 0, 160], [0, 200, 80], [0, 0, 1]]))


@pytest.fixture(scope='module')
def drives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Traverse, Traverse]:
    """Return two drives along the same places, the second darker, shifted and with odometry."""
    found = []
    for name, light, shift in (('day', 1.0, 0), ('dusk', 0.5, 4)):
        folder = tmp_path_factory.mktemp(name)
        for place in range(PLACES):
            coarse = np.random.default_rng(place).integers(0, 256, (8, 16, 3), np.uint8)
            image = cv2.resize(coarse, (320, 160), interpolation=cv2.INTER_CUBIC) * light
            cv2.imwrite(str(folder / f'{place:02d}.png'), np.roll(
                image, shift, 1).astype(np.uint8))
        poses = tuple(Pose.from_xy_yaw(10.0 * i, 0.0, 0.0) for i in range(PLACES))
        odometry = tuple(StampedPose((i + 1) * 10 ** 9, 'odom', 'base_link', pose)
                         for i, pose in enumerate(poses))
        found.append(Traverse.of(ImageFiles(sorted(folder.glob('*.png'))), name=name, poses=poses,
                                 odometry=odometry, calibration=CAMERA))
    return found[0], found[1]


@pytest.fixture(scope='module')
def described(drives, tmp_path_factory):
    extractor = make_extractor(SETTINGS)
    cache = DescriptionCache(tmp_path_factory.mktemp('kept'), frames=4)
    return (extractor, *(cache.describe(extractor, SETTINGS, drive) for drive in drives))


@pytest.mark.parametrize('odometry', [False, True])
def test_it_answers_as_the_localizer_does_in_a_map_of_the_same_images(drives, described, tmp_path,
                                                                      odometry):
    day, dusk = drives
    extractor, mapping, asking = described
    found = localize_over_time(extractor, mapping, asking, odometry=odometry)
    path = Path(tmp_path / 'day.vprmap')
    with PlaceMap.create(path, extractor.identity) as place_map:
        list(build_session(place_map, 'day', day.frames(), extractor, MapSettings(),
                           source='test'))
    with open_localizer(path, ExtractionSettings(device='cpu'), MatchingSettings(
            motion='odometry' if odometry else 'image')) as localizer:
        answers = [localizer.localize(frame)[1] for frame in dusk.frames()]
        rows = [localizer.snapshot.rows_of(np.array([a.candidates[0].place_id]))[0]
                for a in answers]
    assert len(rows) == PLACES
    np.testing.assert_array_equal(found.matches.best, rows)
    np.testing.assert_allclose(found.matches.probabilities, [a.probability for a in answers],
                               atol=1e-3)
    assert found.matches.known.tolist() == [a.known for a in answers]
    np.testing.assert_array_equal(found.matches.best_scores, found.matches.probabilities)
    for query, answer in enumerate(answers):
        there = found.matches.references[query] >= 0
        assert there.sum() == len(answer.candidates)
    assert {'match', 'search', 'geometry', 'answer'} <= set(found.times_ms)
    whole = sum(times for stage, times in found.times_ms.items() if stage != 'match')
    np.testing.assert_allclose(found.times_ms['match'], whole)


def test_references_are_numbered_in_their_traverse_when_some_are_no_places(described):
    extractor, mapping, asking = described
    places = [1, 2, 3, 5, 7, 9]
    told = []
    found = localize_over_time(extractor, mapping, asking, places=places,
                               told=lambda done, total: told.append((done, total)))
    assert found.matches.references.shape == (PLACES, MatchingSettings().candidates)
    assert set(found.matches.references.ravel()) <= {-1, *places}
    assert (found.matches.best[places] == places).mean() >= 0.8
    assert told == [(i + 1, PLACES) for i in range(PLACES)]


def test_odometry_is_told_only_when_it_is_asked_for(described):
    extractor, mapping, asking = described
    without, told = (localize_over_time(extractor, mapping, asking, odometry=odometry).matches
                     for odometry in (False, True))
    assert not np.array_equal(without.probabilities, told.probabilities)


def test_what_answers_over_time_depend_on_is_in_the_digest(drives, described, monkeypatch):
    day, dusk = drives
    extractor, _, _ = described
    digest = over_time_digest(extractor, day, dusk)
    assert over_time_digest(extractor, day, dusk) == digest
    camera = replace(CAMERA, matrix=np.array([[210.0, 0, 160], [0, 210, 80], [0, 0, 1]]))
    others = [over_time_digest(extractor, day, replace(dusk, odometry=dusk.odometry[1:])),
              over_time_digest(extractor, day, replace(dusk, calibration=camera)),
              over_time_digest(extractor, replace(day, poses=None), dusk),
              over_time_digest(extractor, dusk, day)]
    monkeypatch.setattr('vpr_ros.evaluation.comparison.over_time.__version__', 'another')
    others.append(over_time_digest(extractor, day, dusk))
    assert len({digest, *others}) == 6
