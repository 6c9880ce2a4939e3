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

"""The table of training images and the rule of places, against loops over all pairs."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.training.places import JoinedImages
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule
from vpr_ros.training.sources.places import windowed


class Numbered:
    """Images whose pixels say where they lie and which image they are of."""

    def __init__(self, count, height=60, width=90):
        self.shape = (count, height, width)

    def __len__(self):
        return self.shape[0]

    def read(self, index):
        y, x = np.mgrid[0:self.shape[1], 0:self.shape[2]]
        return np.stack([x, y, 0 * x + index], axis=2).astype(np.uint8)

    def label(self, index):
        return f'{index}.png'


def some_table(rng, count=40, *, posed=0.6, labelled=0.5):
    """Return examples of which some have a place, some a pose, some both and some neither."""
    positions = rng.integers(-3, 4, (count, 2)) * 5.0
    positions[rng.random(count) >= posed] = np.nan
    positions[rng.random(count) < 0.05, 1] = np.nan  # half a position is none
    headings = np.radians(rng.integers(-4, 8, count) * 45.0)
    headings[rng.random(count) < 0.2] = np.nan
    return PlaceImages.of(
        Numbered(count), regions=rng.integers(0, 2, count), traverses=rng.integers(0, 3, count),
        places=np.where(rng.random(count) < labelled, rng.integers(0, 4, count), -1),
        positions=positions, headings=headings)


def looks(images, i, j, rule):
    """Return 'same', 'other' or 'neither' by the words of the documentation."""
    if images.regions[i] != images.regions[j]:
        return 'other'
    if images.places[i] >= 0 and images.places[j] >= 0:
        return 'same' if images.places[i] == images.places[j] else 'other'
    distance = np.linalg.norm(images.positions[i] - images.positions[j])
    if not np.isfinite(distance):
        return 'neither'
    if distance > rule.negative:
        return 'other'
    if distance > rule.positive or (rule.across and images.traverses[i] == images.traverses[j]):
        return 'neither'
    a, b = images.headings[[i, j]]
    if np.isfinite(a) and np.isfinite(b):
        cosine = np.clip(np.cos(a - b), -1.0, 1.0)
        if np.degrees(np.arccos(cosine)) > rule.heading_deg + 1e-3:
            return 'neither'
    return 'same'


RULES = [PlaceRule(5.0, 10.0), PlaceRule(5.0, 5.0, across=False),
         PlaceRule(0.0, 12.0, heading_deg=90.0, across=False), PlaceRule(10.0, 25.0, 45.0)]


@settings(deadline=None)  # the first example imports scipy
@given(st.integers(0, 10_000), st.sampled_from(RULES))
def test_the_rule_says_what_a_loop_over_all_pairs_says(seed, rule):
    images = some_table(np.random.default_rng(seed))
    everything = np.arange(len(images))
    positives = rule.positives(images)
    for i in range(len(images)):
        said = [looks(images, i, j, rule) for j in range(len(images))]
        assert positives[i].tolist() == [j for j in everything if j != i and said[j] == 'same']
        assert positives[i].dtype == np.int64
        others = rule.negatives(images, i, everything)
        assert others.tolist() == [word == 'other' for word in said]


def test_the_loop_meets_every_answer():
    rng = np.random.default_rng(0)
    said = {looks(some_table(rng), 0, j, rule) for rule in RULES for j in range(1, 40)}
    assert said == {'same', 'other', 'neither'}


def test_the_radius_itself_is_near():
    images = PlaceImages.of(Numbered(3), positions=[[0.0, 0.0], [3.0, 4.0], [0.3, 0.0]],
                            traverses=[0, 1, 2])
    assert [p.tolist() for p in PlaceRule(5.0, 5.0).positives(images)] == [[1, 2], [0, 2], [0, 1]]
    assert PlaceRule(5.0, 5.0).negatives(images, 0, np.arange(3)).tolist() == [False] * 3
    assert [p.tolist() for p in PlaceRule(0.3, 4.9).positives(images)] == [[2], [], [0]]
    assert PlaceRule(0.3, 4.9).negatives(images, 0, np.arange(3)).tolist() == [False, True, False]


def test_parts_of_a_large_table_are_as_the_whole(monkeypatch):
    images = some_table(np.random.default_rng(2), 200)
    whole = PlaceRule().positives(images)
    monkeypatch.setattr('vpr_ros.training.places._AT_ONCE', 7)
    parts = PlaceRule().positives(images)
    assert [p.tolist() for p in parts] == [p.tolist() for p in whole]
    assert sum(map(len, whole)) > 200


def test_an_empty_table_has_no_positives():
    assert PlaceRule().positives(PlaceImages.of(Numbered(0))) == []


@pytest.mark.parametrize(('values', 'message'), [
    ((10.0, 5.0), 'got 10 and 5'), ((-1.0, 5.0), 'got -1 and 5'),
    ((1.0, 2.0, 0.0), 'got 0'), ((1.0, 2.0, 181.0), 'got 181')])
def test_rules_that_contradict_themselves(values, message):
    with pytest.raises(VprError, match=message):
        PlaceRule(*values)


def test_one_value_holds_for_all_examples():
    images = PlaceImages.of(Numbered(3), places=[4, 5, 4], headings=0.5)
    assert len(images) == 3
    assert images.length == 1
    assert images.frames.tolist() == [[0], [1], [2]]
    assert images.regions.tolist() == [0, 0, 0]
    assert images.headings.tolist() == [0.5, 0.5, 0.5]
    assert np.isnan(images.positions).all()
    assert images.labelled
    assert not images.posed
    with pytest.raises(ValueError, match='read-only'):
        images.places[0] = 7


def test_one_example_without_a_place_or_position():
    places, positions = np.arange(3), np.zeros((3, 2))
    images = PlaceImages.of(Numbered(3), places=places, positions=positions)
    assert images.labelled
    assert images.posed
    places[1], positions[2, 1] = -1, np.nan
    images = PlaceImages.of(Numbered(3), places=places, positions=positions)
    assert not images.labelled
    assert not images.posed


def test_what_one_image_alone_shows_twice_is_single():
    images = PlaceImages.of(
        Numbered(9), frames=[0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6],
        places=[0, 0, 1, 1, 2, 3, 3, -1, -1, 5, 5, 5])
    # A place of two images, one seen once, two windows of an image, images of no known place.
    boxes = images.boxes.copy()
    boxes[6, 2] = 0.5
    images = replace(images, boxes=boxes)
    assert np.flatnonzero(images.single).tolist() == [0, 1, 9, 10, 11]
    assert images.select([1, 0]).single.all()
    assert not images.select([0, 2]).single.any()
    runs = PlaceImages.of(Numbered(9), frames=[[0, 1], [0, 2], [3, 4], [3, 4]],
                          places=[0, 0, 1, 1])
    assert runs.single.tolist() == [False, False, True, True]


@pytest.mark.parametrize(('columns', 'message'), [
    ({'frames': np.array([[0, 3]])}, 'asked for 0 to 3'),
    ({'frames': np.array([[-1]])}, 'asked for -1'),
    ({'unit': 'feet'}, "got 'feet'"),
    ({'regions': [0, -1, 0]}, 'numbers from 0'),
    ({'traverses': -1}, 'numbers from 0'),
    ({'parts': -1}, 'numbers from 0'),
    ({'places': 2 ** 31}, 'to 2147483647'),
    ({'regions': [0, 1, 2], 'region_names': ('a', 'b')}, 'number 2'),
    ({'boxes': (0.5, 0.0, 0.6, 1.0)}, 'lie inside'),
    ({'boxes': (0.5, 0.0, 0.0, 1.0)}, 'lie inside'),
    ({'boxes': (-0.1, 0.0, 0.5, 1.0)}, 'lie inside')])
def test_tables_that_are_wrong(columns, message):
    with pytest.raises(ValueError, match=message):
        PlaceImages.of(Numbered(3), **columns)


def test_columns_of_another_type():
    with pytest.raises(ValueError, match=r'places must be int64 of shape \(3,\)'):
        replace(PlaceImages.of(Numbered(3)), places=np.zeros(3))


def test_a_box_is_the_part_of_the_image_that_is_read():
    images = PlaceImages.of(Numbered(2), boxes=[[0.5, 0.25, 0.5, 0.5], [0.0, 0.0, 1.0, 1.0]])
    part, = images.read(0)
    assert np.array_equal(part, Numbered(2).read(0)[15:45, 45:90])
    whole, = images.read(1)
    assert np.array_equal(whole, Numbered(2).read(1))
    assert images.label(1) == '1.png'


@given(st.integers(1, 12), st.integers(1, 60), st.integers(1, 60))
def test_windows_side_by_side_tile_the_image(count, height, width):
    edges = [i / count for i in range(count + 1)]
    boxes = [[x, 0.0, right - x, 1.0] for x, right in pairwise(edges)]
    images = PlaceImages.of(Numbered(1, height, width), frames=np.zeros(count, int), boxes=boxes)
    parts = [images.read(i)[0] for i in range(count)]
    assert all(part.shape[0] == height and part.shape[1] >= 1 for part in parts)
    if width >= count:
        assert np.array_equal(np.concatenate(parts, axis=1), Numbered(1, height, width).read(0))


def test_select_by_number_and_by_mask():
    images = some_table(np.random.default_rng(1), 10)
    mask = np.zeros(10, bool)
    mask[[2, 7]] = True
    for chosen in (images.select([2, 7]), images.select(mask)):
        assert chosen.frames.tolist() == [[2], [7]]
        for column in ('regions', 'traverses', 'places', 'positions', 'headings', 'boxes',
                       'parts'):
            np.testing.assert_array_equal(getattr(chosen, column), getattr(images, column)[[2, 7]])
        assert chosen.label(1) == '7.png'
    assert len(images.select([])) == 0


@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 4))
def test_sequences_are_the_runs_of_each_traverse(seed, length, stride):
    rng = np.random.default_rng(seed)
    images = some_table(rng, 30)
    wanted = []
    for traverse in range(3):
        rows = [i for i in range(30) if images.traverses[i] == traverse]
        wanted += [rows[s:s + length] for s in range(0, len(rows), stride)
                   if len(rows[s:s + length]) == length]
    if not wanted:
        with pytest.raises(VprError, match=f'no traverse has {length} images'):
            images.sequences(length, stride=stride)
        return
    runs = images.sequences(length, stride=stride)
    assert runs.frames.tolist() == wanted
    assert runs.length == length
    for i, rows in enumerate(wanted):
        centre = rows[length // 2]
        assert runs.places[i] == images.places[centre]
        np.testing.assert_array_equal(runs.positions[i], images.positions[centre])
        assert runs.label(i) == f'{rows[-1]}.png'
        assert [int(image[0, 0, 2]) for image in runs.read(i)] == rows


def test_no_sequence_leaps_over_a_gap():
    x = np.array([0.0, 1.0, 2.0, 9.0, 10.0, 11.0])
    images = PlaceImages.of(Numbered(6), positions=np.stack([x, 0 * x], axis=1))
    assert images.sequences(3, gap=2.0).frames.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(images.sequences(3)) == 4
    with pytest.raises(VprError, match='every run of 4 images has a gap of more than 2 m'):
        images.sequences(4, gap=2.0)
    nowhere = PlaceImages.of(Numbered(6))
    assert len(nowhere.sequences(3, gap=0.0)) == 4


def test_sequences_of_sequences():
    with pytest.raises(ValueError, match='sequences already'):
        PlaceImages.of(Numbered(6)).sequences(2).sequences(2)


def test_joined_tables_keep_apart_what_was_apart():
    rng = np.random.default_rng(3)
    tables = [some_table(rng, count, posed=1.0) for count in (7, 12, 3)]
    joined = PlaceImages.joined(tables)
    assert len(joined) == 22
    rows = np.concatenate([np.full(len(table), i) for i, table in enumerate(tables)])
    start = 0
    for number, table in enumerate(tables):
        mine = np.flatnonzero(rows == number)
        for column in ('positions', 'headings', 'boxes'):
            np.testing.assert_array_equal(getattr(joined, column)[mine], getattr(table, column))
        for column in ('regions', 'traverses', 'places'):
            before, after = getattr(table, column), getattr(joined, column)
            pairs = {(int(a), int(b)) for a, b in zip(before, after[mine], strict=True)}
            assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})
            assert (after[mine][before < 0] == -1).all()
            others = np.delete(after, mine)
            assert not set(after[mine][before >= 0]) & set(others)
        for i, row in enumerate(mine):
            assert joined.label(int(row)) == table.label(i)
            assert int(joined.read(int(row))[0][0, 0, 2]) == i
            assert joined.frames[row, 0] == start + i
        start += len(table)
    assert PlaceImages.joined(tables[:1]) is tables[0]


def test_parts_are_the_tables_that_were_joined():
    tables = [PlaceImages.of(Numbered(count)) for count in (2, 3, 1)]
    assert not tables[0].parts.any()
    joined = PlaceImages.joined(tables)
    assert joined.parts.tolist() == [0, 0, 1, 1, 1, 2]
    assert joined.select([5, 0, 4]).parts.tolist() == [2, 0, 1]
    assert PlaceImages.joined([tables[2], joined]).parts.tolist() == [0, 1, 1, 2, 2, 2, 3]
    drives = replace(joined, traverses=joined.parts)
    assert drives.sequences(2).parts.tolist() == [0, 1, 1]
    cut = windowed(replace(joined, places=joined.regions), 2)
    assert cut.parts.tolist() == np.repeat(joined.parts, 4).tolist()


def test_names_of_regions_follow_their_numbers():
    named = PlaceImages.of(Numbered(2), regions=[0, 2], region_names=('a', 'b', 'c'))
    unnamed = PlaceImages.of(Numbered(2), regions=[0, 1])
    joined = PlaceImages.joined([unnamed, named.select([0]), unnamed, named])
    assert [joined.region_names[r] for r in joined.regions] == ['', '', 'a', '', '', 'a', 'c']
    assert joined.regions.max() == 6 == len(joined.region_names) - 1
    assert PlaceImages.joined([unnamed, unnamed]).region_names == ()


def test_units_are_compared_where_there_are_positions():
    aligned = PlaceImages.of(Numbered(2), positions=np.zeros((2, 2)), unit='frames')
    posed = PlaceImages.of(Numbered(2), positions=np.zeros((2, 2)))
    labelled = PlaceImages.of(Numbered(2), places=0)
    assert PlaceImages.joined([labelled, aligned]).unit == 'frames'
    assert PlaceImages.joined([labelled, posed]).unit == 'm'
    assert PlaceImages.joined([labelled, labelled]).unit == 'm'
    with pytest.raises(VprError, match=r'one unit.*train on one kind'):
        PlaceImages.joined([posed, aligned])
    with pytest.raises(VprError, match=r'got 1 and 2; make sequences'):
        PlaceImages.joined([posed, posed.sequences(2)])
    with pytest.raises(ValueError, match='no tables'):
        PlaceImages.joined([])


def test_joined_images_are_named_by_their_source():
    images = JoinedImages([Numbered(2), Numbered(0), Numbered(3)], names=('day', 'none', 'night'))
    assert [images.label(i) for i in range(len(images))] == [
        'day/0.png', 'day/1.png', 'night/0.png', 'night/1.png', 'night/2.png']


def test_a_digest_changes_with_any_value_and_any_name():
    class Named(Numbered):

        def label(self, index):
            return f'{index}.jpg'

    table = some_table(np.random.default_rng(0))
    assert table.digest() == some_table(np.random.default_rng(0)).digest()
    others = [replace(table, source=Named(40)), replace(table, unit='frames'),
              replace(table, region_names=('a', 'b')), table.select(np.arange(39))]
    for name in ('frames', 'regions', 'traverses', 'places', 'positions', 'headings', 'boxes',
                 'parts'):
        values = getattr(table, name).copy()
        values[7] = 0.5 if values.dtype == np.float64 else 3
        others.append(replace(table, **{name: values}))
    assert len({table.digest(), *(other.digest() for other in others)}) == len(others) + 1
