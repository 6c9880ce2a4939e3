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

"""Drawing the places of batches: from any step on, and from some of the examples alone."""

import numpy as np
import pytest
from vpr_ros.training.objectives.drawing import NumberedPlaces
from vpr_ros.training.objectives.drawing import PlacesApart
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule


class Blank:
    """Images that nobody reads."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count


def told(batches):
    """Return batches as lists, which can be compared."""
    return [[members.tolist() for members in batch] for batch in batches]


def test_numbered_places_are_the_same_from_any_step_on():
    rng = np.random.default_rng(0)
    numbers = rng.permutation(np.repeat(np.arange(14), [1, 2, 3, 4, 2, 3, 1, 3, 3, 3, 2, 2, 2, 2]))
    images = PlaceImages.of(Blank(len(numbers)), places=numbers)
    rows = np.flatnonzero(numbers != 13)
    drawer = NumberedPlaces(images, rows, places=3, seed=4)
    assert (len(drawer), drawer.steps_per_epoch) == (11, 3)
    whole = told(drawer.batches(0, 20, rng))
    assert len(whole) == 20
    for first, count in ((0, 1), (1, 1), (2, 5), (3, 17), (7, 4), (19, 1), (6, 0)):
        again = NumberedPlaces(images, rows, places=3, seed=4)
        assert told(again.batches(first, count, rng)) == whole[first:first + count]
    for batch in whole:
        for members in batch:
            # All that there are of a place, in order, and of the given rows.
            assert members == np.flatnonzero(numbers == numbers[members[0]]).tolist()
            assert len(members) > 1 and numbers[members[0]] != 13
    for seed, stream in ((5, ()), (4, (1,)), (4, (2,))):
        other = NumberedPlaces(images, rows, places=3, seed=seed, stream=stream)
        assert told(other.batches(0, 20, rng)) != whole


@pytest.mark.parametrize('rows', [np.arange(20, 60), np.arange(0, 60, 2)])
def test_places_apart_are_of_the_given_rows(rows):
    x = np.repeat(np.arange(30) * 20.0, 2)
    images = PlaceImages.of(Blank(60), positions=np.stack([x, 0.0 * x], axis=1),
                            traverses=np.arange(60) // 2 % 2 * 2 + np.arange(60) % 2)
    rule = PlaceRule(positive=45.0, negative=50.0)
    drawer = PlacesApart(images, rows, rule, places=2, per_place=2, fewer='fewer')
    assert (len(drawer), drawer.steps_per_epoch) == (len(rows), len(rows) // 4)
    seen = set()
    for batch in drawer.batches(5, 50, np.random.default_rng(0)):
        one, other = batch
        for centre, *others in batch:
            wanted = [row for row in rows if images.traverses[row] != images.traverses[centre]
                      and abs(x[row] - x[centre]) <= 45.0]
            assert others == wanted
        assert np.abs(x[one][:, None] - x[other]).min() > 50.0
        seen.update(one.tolist())
    assert len(seen) == len(rows)


def test_windows_of_one_camera_are_drawn_together():
    # 5 cameras of 4 windows and one of 3, each seen twice.
    places = np.repeat(np.arange(23), 2)
    images = PlaceImages.of(Blank(len(places)), places=places, regions=places // 4)
    drawer = NumberedPlaces(images, np.arange(46), places=8, seed=1, neighbours=2)
    beside = set()
    batches = drawer.batches(0, 60, np.random.default_rng(0))
    assert told(batches[7:20]) == told(drawer.batches(7, 13, np.random.default_rng(9)))
    together = 0
    for batch in batches:
        numbers = [int(places[members[0]]) for members in batch]
        assert len(set(numbers)) == 8
        cameras = np.array(numbers) // 4
        together += sum(int((cameras == camera).sum() > 1) for camera in cameras)
        beside |= {frozenset(pair) for pair in zip(numbers[::2], numbers[1::2], strict=True)
                   if pair[0] // 4 == pair[1] // 4}
    # But for the camera whose third window is alone, and groups that a batch's end divides.
    assert together > 0.8 * 60 * 8
    # Whoever are neighbours meet at some time, also the last and the first window.
    assert {frozenset((a, a + 1)) for a in range(20) if a % 4 < 3} | {
        frozenset((a, a + 3)) for a in range(0, 20, 4)} <= beside


def test_every_place_is_seen_in_an_epoch_of_neighbours():
    places = np.repeat(np.arange(24), 2)
    images = PlaceImages.of(Blank(48), places=places, regions=places // 6)
    drawer = NumberedPlaces(images, np.arange(48), places=6, seed=0, neighbours=4)
    for epoch in range(5):
        batches = drawer.batches(4 * epoch, 4, np.random.default_rng(0))
        assert sorted(int(places[m[0]]) for batch in batches for m in batch) == list(range(24))


def test_places_beside_each_other_are_apart_all_the_same():
    x = np.repeat(np.arange(200) * 5.0, 2)
    images = PlaceImages.of(Blank(400), positions=np.stack([x, 0.0 * x], axis=1),
                            traverses=np.arange(400) % 2)
    rule = PlaceRule(positive=6.0, negative=12.0)
    alone, grouped = (PlacesApart(images, np.arange(400), rule, places=6, per_place=2,
                                  fewer='fewer', neighbours=n) for n in (1, 3))
    gaps = {}
    for name, drawer in (('alone', alone), ('grouped', grouped)):
        gaps[name] = []
        for batch in drawer.batches(0, 60, np.random.default_rng(3)):
            assert len(batch) == 6
            for i, one in enumerate(batch):
                for other in batch[i + 1:]:
                    assert np.abs(x[one][:, None] - x[other]).min() > 12.0
            middles = np.array([x[members[0]] for members in batch])
            between = np.abs(middles[:, None] - middles) + 1e9 * np.eye(6)
            gaps[name] += between.min(axis=1).tolist()
    # Images match within 6 m of both, so that places are 24 m apart and neighbours within 36 m.
    assert np.mean(np.array(gaps['grouped']) <= 36.0) > 0.95
    assert np.mean(np.array(gaps['alone']) <= 36.0) < 0.5
