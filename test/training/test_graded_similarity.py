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

"""Graded similarity against points thrown at sectors, and the pairs drawn by it."""

import logging

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.training.graded_similarity import graded_similarity
from vpr_ros.training.graded_similarity import GradedPairs
from vpr_ros.training.places import PlaceImages


class Blank:
    """As many images as are asked for; nobody looks."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count


def random_poses(count, seed=0, spread=35.0):
    rng = np.random.default_rng(seed)
    return (rng.uniform(-spread, spread, (count, 2)), rng.uniform(-10, 10, count),
            rng.uniform(-spread, spread, (count, 2)), rng.uniform(-10, 10, count))


def thrown(position_a, heading_a, position_b, heading_b, angle, radius, rng, points=100_000):
    """Return the intersection over union by points of the first sector, and its error."""
    direction = heading_a + angle * (rng.random(points) - 0.5)
    reach = radius * np.sqrt(rng.random(points))
    x = position_a[0] + reach * np.cos(direction) - position_b[0]
    y = position_a[1] + reach * np.sin(direction) - position_b[1]
    turned = np.angle(np.exp(1j * (np.arctan2(y, x) - heading_b)))
    share = np.mean((np.hypot(x, y) <= radius) & (np.abs(turned) <= angle / 2.0))
    error = np.sqrt(max(share * (1.0 - share), 1.0 / points) / points)
    return share / (2.0 - share), error * 2.0 / (2.0 - share) ** 2


@pytest.mark.parametrize(('angle', 'radius'), [(90, 50), (30, 50), (120, 20), (180, 50),
                                               (200, 50), (300, 40), (360, 50)])
def test_it_is_the_share_of_points_in_both_sectors(angle, radius):
    poses = random_poses(40, seed=angle)
    found = graded_similarity(*poses, angle_deg=angle, radius_m=radius)
    rng = np.random.default_rng(1)
    for k in range(40):
        wanted, error = thrown(*(part[k] for part in poses), np.radians(angle), radius, rng)
        assert found[k] == pytest.approx(wanted, abs=5 * error + 5e-4)
    assert 0.0 < found.max() < 1.0


@pytest.mark.parametrize('angle', [1, 90, 180, 270, 360])
def test_one_pose_is_one(angle):
    positions, headings, _, _ = random_poses(10)
    assert graded_similarity(positions, headings, positions, headings + 2 * np.pi,
                             angle_deg=angle) == pytest.approx(np.ones(10), abs=1e-9)


def test_from_twice_the_radius_on_nothing_is_shared():
    a, b = np.zeros((3, 2)), np.array([[99.0, 0.0], [100.0, 0.0], [1e6, 0.0]])
    psi = graded_similarity(a, np.zeros(3), b, np.full(3, np.pi))
    assert psi[0] > 0
    assert psi[1:].tolist() == [0.0, 0.0]


def test_opposite_views_of_one_place_share_nothing():
    assert graded_similarity(np.zeros((1, 2)), np.zeros(1), np.zeros((1, 2)),
                             np.array([np.pi])).tolist() == [0.0]


def test_turning_at_one_place_is_the_overlap_of_angles():
    turns = np.radians([0, 10, 45, 80, 90, 135])
    zeros = np.zeros(6)
    found = graded_similarity(np.zeros((6, 2)), zeros, np.zeros((6, 2)), turns)
    overlap = np.clip(np.pi / 2 - turns, 0, None)
    assert found == pytest.approx(overlap / (np.pi - overlap), abs=5e-4)


@pytest.mark.parametrize('angle', [90, 200])
def test_symmetry(angle):
    a, ha, b, hb = random_poses(200)
    there = graded_similarity(a, ha, b, hb, angle_deg=angle)
    back = graded_similarity(b, hb, a, ha, angle_deg=angle)
    assert there == pytest.approx(back, abs=1e-9)


def test_moving_both_changes_nothing():
    a, ha, b, hb = random_poses(200)
    turn = 1.234
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    there = np.array([654_321.0, 5_432_109.0])  # as in a map projection
    moved = graded_similarity(a @ matrix.T + there, ha + turn, b @ matrix.T + there, hb + turn)
    assert moved == pytest.approx(graded_similarity(a, ha, b, hb), abs=1e-7)


@pytest.mark.parametrize(('angle', 'radius'), [(0, 50), (361, 50), (90, 0), (np.nan, 50)])
def test_impossible_fields_of_view_are_refused(angle, radius):
    with pytest.raises(VprError, match='field of view'):
        graded_similarity(*random_poses(2), angle_deg=angle, radius_m=radius)


def test_headings_are_needed_but_for_all_around():
    a, _, b, _ = random_poses(5)
    unknown = np.full(5, np.nan)
    with pytest.raises(VprError, match='360'):
        graded_similarity(a, unknown, b, unknown)
    zeros = np.zeros(5)
    assert (graded_similarity(a, unknown, b, unknown, angle_deg=360)
            == graded_similarity(a, zeros, b, zeros, angle_deg=360)).all()


def posed_images(count=120, spread=150.0, **columns):
    rng = np.random.default_rng(0)
    rows = {'regions': rng.integers(2, size=count), 'traverses': rng.integers(3, size=count),
            'positions': rng.uniform(0, spread, (count, 2)),
            'headings': rng.uniform(-np.pi, np.pi, count), **columns}
    return PlaceImages.of(Blank(count), **rows)


def literal_psi(images, i, j, **view):
    if images.regions[i] != images.regions[j]:
        return 0.0
    return graded_similarity(images.positions[[i]], images.headings[[i]], images.positions[[j]],
                             images.headings[[j]], **view)[0]


@pytest.mark.parametrize('across', [True, False])
def test_drawn_pairs_have_their_similarity_and_shares(across):
    images = posed_images()
    pairs, psi = GradedPairs(images, angle_deg=100, radius_m=40, across=across).draw(
        np.random.default_rng(0), 2000)
    assert (pairs.dtype, psi.dtype) == (np.int64, np.float32)
    for (i, j), value in zip(pairs, psi, strict=True):
        assert i != j
        assert value == pytest.approx(literal_psi(images, i, j, angle_deg=100, radius_m=40),
                                      abs=1e-6)
    assert [(psi >= 0.5).sum(), ((psi > 0) & (psi < 0.5)).sum(), (psi == 0).sum()] == [
        1000, 500, 500]
    left, right = pairs.T
    same_region = images.regions[left] == images.regions[right]
    same_drive = same_region & (images.traverses[left] == images.traverses[right])
    assert same_drive.any() != across
    # half of those that share nothing are near
    apart = np.linalg.norm(images.positions[left] - images.positions[right], axis=1)
    near = (psi == 0) & same_region & (apart < 80)
    assert near.sum() / 500 == pytest.approx(0.5, abs=0.1)
    assert ((psi == 0) & ~same_region).any()
    assert ((psi == 0) & same_region & (apart > 80)).any()


def test_every_pair_of_a_class_may_come_and_each_example_as_often():
    images = posed_images(count=40, spread=90.0, regions=0)
    view = {'angle_deg': 120, 'radius_m': 40}
    wanted = {(i, j): literal_psi(images, i, j, **view) for i in range(40) for j in range(40)
              if images.traverses[i] != images.traverses[j]}
    drawn = GradedPairs(images, **view)
    pairs, psi = drawn.draw(np.random.default_rng(0), 60_000)
    unlike = {p for p, v in wanted.items() if v == 0.0}
    assert {tuple(p) for p in pairs[psi == 0].tolist()} == unlike
    for low, high in ((0.5, 2.0), (1e-9, 0.5)):
        members = {p for p, v in wanted.items() if low <= v < high}
        found = pairs[(psi >= low) & (psi < high)]
        assert {tuple(p) for p in found.tolist()} == members
        anchors = sorted({i for i, _ in members})
        counts = np.bincount(found[:, 0], minlength=40)[anchors]
        share = 1.0 / len(anchors)
        error = np.sqrt(share * (1 - share) / len(found))
        assert np.abs(counts / len(found) - share).max() < 4.5 * error


@pytest.mark.parametrize('count', [0, 1, 3, 7])
def test_shares_are_right_on_average_of_any_count(count):
    drawn = GradedPairs(posed_images())
    rng = np.random.default_rng(0)
    psi = np.concatenate([drawn.draw(rng, count)[1] for _ in range(3000)])
    assert len(psi) == 3000 * count
    if count:
        shares = [(psi >= 0.5).mean(), ((psi > 0) & (psi < 0.5)).mean(), (psi == 0).mean()]
        assert shares == pytest.approx([0.5, 0.25, 0.25], abs=0.04)


def test_draws_follow_the_generator():
    drawn = GradedPairs(posed_images())
    first, again, other = (drawn.draw(np.random.default_rng(s), 16)[0] for s in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any()


def test_places_are_the_same_or_not(caplog):
    rng = np.random.default_rng(0)
    places = rng.integers(12, size=60)
    places[:2] = [50, 51]  # alone in their places
    # A number of two regions is two places.
    images = PlaceImages.of(Blank(60), places=places, regions=rng.integers(2, size=60))
    with caplog.at_level(logging.INFO):
        drawn = GradedPairs(images)
    assert 'psi = 0 are drawn for them' in caplog.text
    pairs, psi = drawn.draw(rng, 4000)
    keys = np.stack([images.regions, images.places], axis=1)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert (psi == (keys[pairs[:, 0]] == keys[pairs[:, 1]]).all(axis=1)).all()
    assert (psi == 1).sum() == 2000
    wanted = {(i, j) for i in range(60) for j in range(60)
              if i != j and (keys[i] == keys[j]).all()}
    assert {tuple(p) for p in pairs[psi == 1].tolist()} <= wanted
    assert len({tuple(p) for p in pairs[psi == 1].tolist()}) > 0.9 * len(wanted)
    # One camera is one traverse: `across` is for positions.
    assert (images.traverses == 0).all()


def test_without_unlike_pairs_the_partly_alike_take_their_share(caplog):
    images = PlaceImages.of(Blank(12), traverses=range(12), headings=0.0,
                            positions=[[4.0 * k, 0.0] for k in range(12)])
    with caplog.at_level(logging.INFO):
        drawn = GradedPairs(images)
    assert '0 < psi < 0.5 are drawn for them' in caplog.text
    _, psi = drawn.draw(np.random.default_rng(0), 100)
    assert ((psi > 0) & (psi < 0.5)).sum() == 50


@pytest.mark.parametrize(('columns', 'settings', 'text'), [
    ({'traverses': 0, 'regions': 0}, {}, 'no two of 120 .*across: false'),
    ({'spread': 1e6}, {}, r'enlarge the radius \(50 m\)'),
    ({'places': range(120)}, {}, 'a place needs two images'),
    ({'places': 0, 'regions': 0}, {}, 'add images of other places'),
    ({'positions': 0.0, 'regions': 0, 'headings': 0.0}, {'across': False}, 'add images'),
    ({'headings': np.nan}, {}, '120 of 120 examples have no pose'),
    ({'places': [-1] * 100 + [1] * 20}, {}, '20 of 120'),
])
def test_what_teaches_nothing_is_refused(columns, settings, text):
    with pytest.raises(VprError, match=text):
        GradedPairs(posed_images(**columns), **settings)


def test_no_examples_are_refused():
    with pytest.raises(VprError, match='no two of 0 examples'):
        GradedPairs(posed_images(count=0))


def test_without_headings_positions_tell():
    images = posed_images(headings=np.nan)
    pairs, psi = GradedPairs(images, angle_deg=360.0).draw(np.random.default_rng(0), 200)
    apart = np.linalg.norm(images.positions[pairs[:, 0]] - images.positions[pairs[:, 1]], axis=1)
    same = images.regions[pairs[:, 0]] == images.regions[pairs[:, 1]]
    half = np.arccos(np.clip(apart / 100.0, 0, 1))
    lens = (2 * half - np.sin(2 * half)) / np.pi
    assert psi == pytest.approx(np.where(same, lens / (2 - lens), 0.0), abs=1e-3)
