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

"""Holding out: nothing that is held out, or near to it, is trained on."""

from dataclasses import replace

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule
from vpr_ros.training.sources.places import windowed
from vpr_ros.training.splits import hold_out
from vpr_ros.training.splits import hold_out_regions


class Blank:
    """Images of which only the number matters."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def read(self, index):
        return np.zeros((4, 4, 3), np.uint8)

    def label(self, index):
        return str(index)


def cameras(counts):
    numbers = np.repeat(np.arange(len(counts)), counts)
    return PlaceImages.of(Blank(len(numbers)), regions=numbers, traverses=numbers, places=numbers,
                          region_names=[f'camera{n}' for n in range(len(counts))])


def loops(regions=1, traverses=2, count=200, radius=100.0):
    """Return drives around ellipses, somewhere in their own map each."""
    angle = np.tile(np.linspace(0.0, 2.0 * np.pi, count, endpoint=False), regions * traverses)
    turn = 0.7
    x, y = radius * 1.5 * np.cos(angle), radius * np.sin(angle)
    positions = np.stack([x * np.cos(turn) - y * np.sin(turn) + 1e6,
                          x * np.sin(turn) + y * np.cos(turn) - 1e5], axis=1)
    traverse = np.repeat(np.arange(regions * traverses), count)
    return PlaceImages.of(Blank(len(angle)), positions=positions, traverses=traverse,
                          regions=traverse // traverses)


def check(images, training, held, rule):
    """Look at all pairs: both parts are there, and no image of one shows a place of the other."""
    assert len(training) > 0
    assert len(held) > 0
    for part in (training, held):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
    for i in training:
        for j in held:
            assert not set(images.frames[i]) & set(images.frames[j])
            if images.regions[i] != images.regions[j]:
                continue
            if images.places[i] >= 0 and images.places[j] >= 0:
                assert images.places[i] != images.places[j]
            elif images.posed:
                apart = np.linalg.norm(images.positions[i] - images.positions[j])
                assert apart > rule.negative


@settings(deadline=None)
@given(st.lists(st.integers(1, 9), min_size=4, max_size=12), st.floats(0.01, 0.99),
       st.integers(0, 100), st.booleans())
def test_places_are_held_out_whole(counts, share, seed, cut):
    images = windowed(cameras(counts), 2) if cut else cameras(counts)
    training, held = hold_out(images, share, seed=seed, rule=PlaceRule())
    check(images, training, held, PlaceRule())
    assert len(training) + len(held) == len(images)
    for part in (training, held):
        assert len(np.unique(images.places[part])) >= 2
    assert not set(images.regions[training]) & set(images.regions[held])  # cameras stay whole


def test_the_share_is_met_where_places_are_small():
    images = cameras([3] * 100)
    parts = [hold_out(images, 0.2, seed=seed, rule=PlaceRule()) for seed in (0, 0, 1)]
    assert [len(held) for _, held in parts] == [60, 60, 60]
    assert parts[0][1].tolist() == parts[1][1].tolist() != parts[2][1].tolist()


def test_places_of_one_city_are_held_out_one_by_one():
    places = np.repeat(np.arange(50), 4)
    images = PlaceImages.of(Blank(200), places=places)
    training, held = hold_out(images, 0.2, seed=0, rule=PlaceRule())
    check(images, training, held, PlaceRule())
    assert len(held) == 40


@pytest.mark.parametrize(('images', 'message'), [
    (cameras([4, 4, 4]), '3 places in 3 groups'),
    (windowed(cameras([4]), 3), '9 places in 1 groups'),
    (PlaceImages.of(Blank(5)), 'neither places nor positions'),
    (PlaceImages.of(Blank(0)), 'no images'),
    (loops(radius=5.0), r'a gap of 25 m .*nothing is left; give longer traverses')])
def test_what_cannot_be_divided(images, message):
    with pytest.raises(VprError, match=message):
        hold_out(images, 0.2, seed=0, rule=PlaceRule())


@pytest.mark.parametrize('share', [0.0, 1.0, -0.5])
def test_shares_that_are_none(share):
    with pytest.raises(VprError, match='between 0 and 1'):
        hold_out(cameras([3] * 5), share, seed=0, rule=PlaceRule())


@pytest.mark.parametrize('seed', range(4))
def test_a_stretch_of_every_region_is_held_out(seed):
    images, rule = loops(regions=2), PlaceRule(10.0, 25.0)
    training, held = hold_out(images, 0.2, seed=seed, rule=rule)
    check(images, training, held, rule)
    assert len(held) == pytest.approx(0.2 * len(images), abs=4)
    assert len(training) > 0.65 * len(images)
    assert set(images.regions[held]) == set(images.regions[training]) == {0, 1}
    # A stretch: what is held out of a traverse of 200 frames is one run around the loop.
    for traverse in range(4):
        inside = np.isin(np.flatnonzero(images.traverses == traverse), held)
        assert (inside != np.roll(inside, 1)).sum() == 2


def test_the_seed_chooses_the_end():
    images, rule = loops(), PlaceRule(10.0, 25.0)
    assert len({tuple(hold_out(images, 0.2, seed=s, rule=rule)[1]) for s in range(8)}) == 2


def test_the_last_of_aligned_frames_are_held_out():
    number = np.tile(np.arange(100), 2)
    images = PlaceImages.of(Blank(200), traverses=np.repeat([0, 1], 100), unit='frames',
                            positions=np.stack([number, 0 * number], axis=1))
    rule = PlaceRule(2.0, 10.0)
    for seed in range(4):
        training, held = hold_out(images, 0.2, seed=seed, rule=rule)
        check(images, training, held, rule)
        assert sorted(set(number[held])) == list(range(80, 100))
        assert sorted(set(number[training])) == list(range(70))


def test_sequences_share_no_image():
    images, rule = loops(traverses=2, count=60), PlaceRule(5.0, 8.0)
    runs = images.sequences(5)  # images are 8 to 16 m apart, so runs reach over the gap
    training, held = hold_out(runs, 0.3, seed=0, rule=rule)
    check(runs, training, held, rule)
    gap_alone = np.isin(runs.frames, runs.frames[held]).any(axis=1)
    assert gap_alone.sum() > len(held)


def test_unknown_images_and_other_kinds_beside_them():
    joined = PlaceImages.joined([cameras([4] * 5), loops(), PlaceImages.of(Blank(7))])
    training, held = hold_out(joined, 0.2, seed=0, rule=PlaceRule())
    check(joined, training, held, PlaceRule())
    assert {int(joined.regions[i]) for i in range(len(joined) - 7, len(joined))} == {6}
    assert set(range(len(joined) - 7, len(joined))) <= set(training.tolist())
    assert (joined.places[held] >= 0).sum() == 8
    assert (joined.places[held] < 0).sum() == pytest.approx(80, abs=2)


def singles(count):
    numbers = np.repeat(np.arange(count), 2)
    return PlaceImages.of(Blank(count), frames=numbers, traverses=numbers, places=numbers)


@pytest.mark.parametrize('seed', range(4))
def test_single_images_are_trained_on(seed):
    """They would find themselves; and the share is one of the others."""
    joined = PlaceImages.joined([singles(30), cameras([4] * 10), loops()])
    training, held = hold_out(joined, 0.2, seed=seed, rule=PlaceRule())
    check(joined, training, held, PlaceRule())
    assert set(range(60)) <= set(training.tolist())
    assert (joined.places[held] >= 0).sum() == 8
    with pytest.raises(VprError, match=r'\(singles\).*other images for validation'):
        hold_out(singles(9), 0.2, seed=seed, rule=PlaceRule())
    training, held = hold_out(PlaceImages.joined([singles(9), loops()]), 0.2, seed=seed,
                              rule=PlaceRule())
    assert held.min() >= 18 and set(range(18)) <= set(training.tolist())


def test_a_region_too_small_is_trained_on():
    small = loops(radius=5.0)
    images = PlaceImages.joined([small, loops()])
    training, held = hold_out(images, 0.2, seed=0, rule=PlaceRule())
    assert set(range(len(small))) <= set(training.tolist())
    assert set(images.regions[held]) == {1}


def test_regions_by_name():
    images = cameras([2, 3, 4])
    training, held = hold_out_regions(images, ['camera1'])
    assert training.tolist() == [0, 1, 5, 6, 7, 8]
    assert held.tolist() == [2, 3, 4]
    with pytest.raises(VprError, match=r"unknown region 'camera7'; did you mean"):
        hold_out_regions(images, ['camera7'])
    with pytest.raises(VprError, match='leave no images to train on'):
        hold_out_regions(images, images.region_names)
    with pytest.raises(VprError, match='leave all images to train on'):
        hold_out_regions(images, [])
    with pytest.raises(VprError, match=r'\(known: none\)'):
        hold_out_regions(replace(images, region_names=()), ['camera1'])
