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

"""What stands out of a map, against the textbook."""

import numpy as np
import pytest
from vpr_ros.matching.background import Background
from vpr_ros.matching.background import sample_rows


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def map_of(views, dimension, seed=0):
    """Return descriptors with much in common, and more along some directions than others."""
    rng = np.random.default_rng(seed)
    mixed = rng.standard_normal((views, dimension)) * np.geomspace(3.0, 0.1, dimension)
    return unit(mixed @ np.linalg.qr(rng.standard_normal((dimension, dimension)))[0]
                + 2.0 * rng.standard_normal(dimension))


def textbook(query, descriptors):
    """Return s(q, d) by a dense covariance and its inverse."""
    d = descriptors.astype(np.float64)
    mean = d.mean(axis=0)
    scatter = (d - mean).T @ (d - mean)
    # A sample has no more eigenvalues than views.
    even = np.trace(scatter) / min(d.shape)
    a = np.linalg.inv(scatter + even * np.eye(d.shape[1]))
    return np.array([(query - mean) @ a @ (x - mean) / np.sqrt((x - mean) @ a @ (x - mean))
                     for x in d])


def scores(background, query, views=None):
    direction = background.direction(query)
    views = np.arange(len(background.descriptors)) if views is None else views
    products = np.asarray(background.descriptors[views], np.float32) @ direction
    return background.contrasts(direction, views, products)


@pytest.mark.parametrize('views, dimension', [(2, 16), (12, 64), (100, 16), (128, 40)])
def test_like_the_textbook_up_to_a_factor_of_the_query(views, dimension):
    descriptors = map_of(views, dimension)
    background = Background.of(descriptors)
    for query in map_of(5, dimension, seed=1):
        wanted, found = textbook(query, descriptors), scores(background, query)
        factor = (found @ wanted) / (wanted @ wanted)
        assert factor > 0
        assert found == pytest.approx(factor * wanted, abs=2e-3 * np.abs(found).max())


def test_what_all_places_share_counts_for_nothing():
    """A query that has more of the clutter of the map looks like the same places still."""
    rng = np.random.default_rng(0)
    own, clutter = np.eye(64)[:40], rng.standard_normal(64)
    amounts = rng.uniform(0.0, 3.0, 40)
    descriptors = unit(own + amounts[:, None] * clutter / np.linalg.norm(clutter))
    background = Background.of(descriptors)
    right = plain = 0
    for row in range(40):
        query = unit(own[row] + 10.0 * clutter / np.linalg.norm(clutter))
        right += int(scores(background, query).argmax()) == row
        plain += int((descriptors @ query).argmax()) == row
    assert plain < 25
    assert right >= 38


def test_queries_are_judged_whatever_their_length_and_unit_direction():
    descriptors = map_of(60, 32)
    background = Background.of(descriptors)
    query = map_of(1, 32, seed=1)[0]
    direction = background.direction(query)
    assert direction.dtype == np.float32
    assert np.linalg.norm(direction) == pytest.approx(1.0, abs=1e-6)
    # Along the line through the mean only the length of q - m changes.
    further = background.mean + 3.0 * (query - background.mean)
    assert background.direction(further) == pytest.approx(direction, abs=1e-5)


def test_scores_turn_with_the_axes_and_follow_the_order_of_places():
    descriptors, query = map_of(60, 32), map_of(1, 32, seed=1)[0]
    found = scores(Background.of(descriptors), query)
    turn = np.linalg.qr(np.random.default_rng(2).standard_normal((32, 32)))[0].astype(np.float32)
    turned = scores(Background.of(descriptors @ turn), query @ turn)
    assert turned == pytest.approx(found, abs=1e-3 * np.abs(found).max())
    order = np.random.default_rng(3).permutation(60)
    assert scores(Background.of(descriptors[order]), query) == pytest.approx(
        found[order], abs=1e-3 * np.abs(found).max())


@pytest.mark.parametrize('views', [1, 2, 30])
def test_equal_places_are_equally_good(views):
    descriptors = np.repeat(map_of(1, 16), views, axis=0)
    background = Background.of(descriptors)
    for query in (descriptors[0], map_of(1, 16, seed=1)[0]):
        found = scores(background, query)
        assert np.isfinite(found).all()
        assert np.ptp(found) < 1e-5
        assert np.linalg.norm(background.direction(query)) == pytest.approx(1.0, abs=1e-6)


def test_rounded_descriptors_in_a_mapped_file(tmp_path):
    descriptors = map_of(300, 32)
    mapped = np.memmap(tmp_path / 'd', np.float16, 'w+', shape=descriptors.shape)
    mapped[:] = descriptors
    mapped.flush()
    rounded = Background.of(np.memmap(tmp_path / 'd', np.float16, 'r', shape=descriptors.shape))
    exact = Background.of(descriptors)
    for query in map_of(5, 32, seed=1):
        found, wanted = scores(rounded, query), scores(exact, query)
        assert found.dtype == np.float64
        assert found == pytest.approx(wanted, abs=0.01 * np.abs(wanted).max())


def test_norms_are_read_when_needed_and_are_the_same():
    class Counted(np.ndarray):
        read = []

        def __getitem__(self, rows):
            if isinstance(rows, np.ndarray):
                self.read.extend(rows.tolist())
            return np.asarray(super().__getitem__(rows))

    descriptors = map_of(2000, 16)
    eager, query = Background.of(descriptors), map_of(1, 16, seed=1)[0]
    wanted = scores(eager, query)
    lazy = Background.of(descriptors.view(Counted))
    Counted.read.clear()
    direction = lazy.direction(query)
    for views in ([7, 7, 1999], [3, 1999], [7], list(range(50, 60)), [7, 3, 55]):
        asked = np.array(views)
        found = lazy.contrasts(direction, asked, descriptors[asked] @ direction)
        assert found == pytest.approx(wanted[asked], rel=1e-5, abs=1e-6)
    assert set(Counted.read) == {7, 1999, 3, *range(50, 60)}
    # Once each, but for a view that is asked for twice in one breath.
    assert len(Counted.read) <= len(set(Counted.read)) + 1


def test_without_a_background_it_is_the_cosine():
    descriptors, query = map_of(80, 32), map_of(1, 32, seed=1)[0]
    background = Background.none(descriptors)
    assert background.direction(query) == pytest.approx(query, abs=1e-6)
    assert scores(background, query) == pytest.approx(descriptors @ query, abs=1e-5)


def test_a_large_map_is_sampled_evenly_and_always_alike():
    rows = sample_rows(5000)
    assert len(rows) == 1024
    assert (rows[0], rows[-1]) == (0, 4999)
    assert set(np.diff(rows).tolist()) == {4, 5}
    assert sample_rows(1024).tolist() == list(range(1024))
    assert sample_rows(3).tolist() == [0, 1, 2]
    assert sample_rows(1).tolist() == [0]
    assert sample_rows(100, 10).tolist() == np.linspace(0, 99, 10).round().tolist()
    descriptors = map_of(3000, 16)
    one, other = Background.of(descriptors), Background.of(descriptors)
    assert (one.directions == other.directions).all()
    assert one.mean == pytest.approx(descriptors.mean(axis=0), abs=0.02)


def test_directions_are_orthonormal_and_no_direction_is_taken_away_wholly():
    background = Background.of(map_of(1500, 256))
    assert len(background.directions) == 128
    assert background.directions @ background.directions.T == pytest.approx(
        np.eye(128), abs=1e-3)
    assert ((background.shrinkage >= 0) & (background.shrinkage < 1)).all()
    assert (np.diff(background.shrinkage) <= 0).all()
