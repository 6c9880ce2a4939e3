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
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule
from vpr_ros.training.validation import Validation


class Numbered:
    """Images that are their number."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def read(self, index):
        return np.full((2, 2, 3), index, np.uint8)

    def label(self, index):
        return str(index)


def directions(labels, width):
    found = np.zeros((len(labels), width), np.float32)
    found[np.arange(len(labels)), labels] = 1.0
    return found


def test_places_by_every_time_against_every_other():
    places = np.repeat([4, 7, 9], 5)
    images = PlaceImages.of(Numbered(15), places=places)
    validation = Validation(images, PlaceRule(), times=3)
    perfect = validation(lambda rows: directions(np.searchsorted([4, 7, 9], places[rows]), 3))
    assert (perfect.hits, perfect.queries) == (18, 18)  # 3 times, 3 places x 2 other times
    # What tells the time and not the place finds the wrong one of three, but for the first.
    wrong = validation(lambda rows: directions(np.arange(15)[rows] % 5, 5))
    assert 0 <= wrong.hits <= 6


def test_descriptors_are_those_of_the_examples_asked_for():
    """Were index spaces mixed, a descriptor that is the place would not find it."""
    rng = np.random.default_rng(0)
    places = rng.permutation(np.repeat(np.arange(6), 7))
    validation = Validation(PlaceImages.of(Numbered(42), places=places), PlaceRule(), times=4)
    asked = []

    def describe(rows):
        asked.append(rows)
        return directions(places[rows], 6)

    assert validation(describe).value == 1.0
    assert len(asked) == 1 and len(np.unique(asked[0])) == len(asked[0]) == 24


def test_positions_by_the_first_traverse_of_each_region():
    x = np.tile(np.arange(10) * 20.0, 3)
    positions = np.stack([x, np.zeros(30)], axis=1)
    positions[29] = (1000.0, 0.0)  # nothing to be found there
    images = PlaceImages.of(Numbered(30), positions=positions,
                            traverses=np.repeat([0, 1, 2], 10))
    validation = Validation(images, PlaceRule(positive=5.0), times=2)
    perfect = validation(lambda rows: directions((positions[rows, 0] / 20).astype(int), 60))
    assert (perfect.hits, perfect.queries) == (19, 19)
    constant = validation(lambda rows: np.ones((len(rows), 1), np.float32))
    assert constant.hits == 2  # the first of the map is right for the first of each


def test_places_seen_once_cannot_be_validated():
    images = PlaceImages.of(Numbered(3), places=np.arange(3))
    with pytest.raises(VprError, match='seen twice'):
        Validation(images, PlaceRule(), times=8)


def test_single_images_tell_nothing():
    images = PlaceImages.of(Numbered(5), frames=[0, 1, 2, 3, 4, 4], places=[0, 0, 1, 1, 2, 2])
    with pytest.raises(VprError, match=r'1 images stand for .*leave them out of validation'):
        Validation(images, PlaceRule(), times=8)
    Validation(images.select(np.arange(4)), PlaceRule(), times=8)


def test_hits_tell_which_query_was_right():
    places = np.repeat([4, 7, 9], 5)
    validation = Validation(PlaceImages.of(Numbered(15), places=places), PlaceRule(), times=3)
    # Place 9 looks like place 4, which is before it in the map.
    alike = np.array([0, 1, 0])
    asked, right = validation.hits(
        lambda rows: directions(alike[np.searchsorted([4, 7, 9], places[rows])], 2))
    assert right.tolist() == [bool(places[row] != 9) for row in asked]
    assert sorted(set(places[asked].tolist())) == [4, 7, 9] and len(asked) == 18


def test_cameras_and_drives_are_both_validated():
    places = np.concatenate([np.repeat([0, 1, 2], 4), np.full(20, -1)])
    x = np.concatenate([np.full(12, np.nan), np.tile(np.arange(10) * 20.0, 2)])
    images = PlaceImages.of(
        Numbered(32), places=places, positions=np.stack([x, 0.0 * x], axis=1),
        regions=np.where(places >= 0, places, 3),
        traverses=np.concatenate([places[:12], np.repeat([3, 4], 10)]))
    validation = Validation(images, PlaceRule(positive=5.0), times=4)
    true = np.where(places >= 0, places, 3 + np.nan_to_num(x) / 20).astype(int)
    perfect = validation(lambda rows: directions(true[rows], 13))
    assert (perfect.hits, perfect.queries) == (4 * 3 * 3 + 10, 46)
    # Who knows no place along the drive finds the first for all.
    cameras = validation(lambda rows: directions(np.minimum(true, 3)[rows], 4))
    assert cameras.hits == 36 + 1
