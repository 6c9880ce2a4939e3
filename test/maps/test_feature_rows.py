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

"""Local features come back as they were, but for what fewer bits cannot tell."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.feature_rows import bytes_per_feature
from vpr_ros.maps.feature_rows import features_from
from vpr_ros.maps.feature_rows import features_row
from vpr_ros.maps.feature_rows import LARGEST_FEATURES
from vpr_ros.types import LocalFeatures


@pytest.fixture
def rng():
    return np.random.default_rng(5)


def made(rng, descriptors, depths=None):
    n = len(descriptors)
    return LocalFeatures((rng.random((n, 2)) * 500).astype(np.float32), descriptors,
                         rng.random(n).astype(np.float16), depths)


def units(rng, n, dimension):
    rows = rng.standard_normal((n, dimension))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize('dimension', [1, 7, 64, 128, 500])
def test_eight_bits_keep_similarities(rng, dimension):
    given = made(rng, units(rng, 200, dimension))
    row = features_row(given)
    assert (len(row[2]), row[4], row[5]) == (200 * dimension, 1, None)
    found = features_from(row)
    assert np.linalg.norm(found.descriptors, axis=1) == pytest.approx(1.0, abs=1e-6)
    before, after = (f.descriptors @ f.descriptors.T for f in (given, found))
    assert np.abs(before - after).max() < 0.01
    assert (found.points == given.points).all()
    assert (found.scores == given.scores).all()
    assert found.depths is None


@pytest.mark.parametrize('dimension', [8, 256])
def test_signs_take_a_bit_each_and_lose_nothing(rng, dimension):
    signs = rng.integers(0, 2, (50, dimension)) * 2.0 - 1.0
    given = made(rng, signs / dimension ** 0.5)
    row = features_row(given)
    assert (len(row[2]), row[4]) == (50 * dimension // 8, 2)
    assert np.allclose(features_from(row).descriptors, given.descriptors, rtol=1e-6)


def test_signs_that_fill_no_bytes_are_numbers(rng):
    signs = rng.integers(0, 2, (50, 12)) * 2.0 - 1.0
    row = features_row(made(rng, signs / 12 ** 0.5))
    assert row[4] == 1
    assert np.allclose(features_from(row).descriptors, signs / 12 ** 0.5, rtol=1e-6)


@pytest.mark.parametrize('dimension', [16, 128])
def test_a_second_time_changes_nothing(rng, dimension):
    """Maps are merged, copied and salvaged over and over."""
    row = features_row(made(rng, units(rng, 300, dimension), rng.uniform(1, 90, 300)))
    assert features_row(features_from(row)) == row


def test_depths(rng):
    depths = np.array([1.25, np.nan, 100.0, np.inf, -1.0, 0.0, 1e9, 0.5])
    found = features_from(features_row(made(rng, units(rng, 8, 16), depths)))
    nan = np.nan
    np.testing.assert_array_equal(found.depths, [1.25, nan, 100, nan, nan, nan, nan, 0.5])


def test_half_precision_of_version_2_is_read(rng):
    descriptors = rng.random((9, 16)).astype('<f2')
    row = (9, np.zeros((9, 2), '<f4').tobytes(), descriptors.tobytes(),
           np.zeros(9, '<f2').tobytes(), 0, None)
    assert (features_from(row).descriptors == descriptors).all()


def test_none_and_zeros(rng):
    empty = features_from(features_row(made(rng, np.zeros((0, 64)))))
    assert (len(empty.points), len(empty.descriptors)) == (0, 0)
    assert (features_from(features_row(made(rng, np.zeros((3, 8))))).descriptors == 0).all()


@pytest.mark.parametrize('signs, depths, size', [
    (False, None, 74), (False, 1.0, 76), (True, None, 18), (True, 1.0, 20)])
def test_the_bytes_of_a_feature(rng, signs, depths, size):
    descriptors = np.sign(units(rng, 10, 64)) / 8 if signs else units(rng, 10, 64)
    given = made(rng, descriptors, None if depths is None else np.full(10, depths))
    assert bytes_per_feature(given) == size
    assert sum(len(blob) for blob in features_row(given) if isinstance(blob, bytes)) == 10 * size


@pytest.mark.parametrize('name', ['points', 'descriptors', 'scores'])
def test_what_is_not_finite_is_refused(rng, name):
    arrays = {'points': np.zeros((4, 2)), 'descriptors': units(rng, 4, 16), 'scores': np.zeros(4)}
    arrays[name].flat[3] = np.nan
    with pytest.raises(VprError, match='finite points, descriptors and scores'):
        features_row(LocalFeatures(**arrays))


@pytest.mark.parametrize('change', [
    {'count': -1}, {'count': '4'}, {'count': 5}, {'count': 2 ** 40}, {'points': b'x'},
    {'points': 7}, {'descriptors': None}, {'descriptors': b'1234567'}, {'scores': b''},
    {'encoding': 3}, {'encoding': 'a'}, {'encoding': None}, {'depths': b'12'}, {'depths': 1.5},
    {'descriptors': bytes(LARGEST_FEATURES // 8 + 4), 'encoding': 2},
    {'descriptors': bytes(LARGEST_FEATURES + 4)},
], ids=lambda change: str(change)[:60])
def test_damaged_rows(rng, change):
    row = dict(zip(('count', 'points', 'descriptors', 'scores', 'encoding', 'depths'),
                   features_row(made(rng, units(rng, 4, 16), np.ones(4))), strict=True))
    features_from(tuple(row.values()))
    with pytest.raises((ValueError, TypeError)):
        features_from(tuple({**row, **change}.values()))
