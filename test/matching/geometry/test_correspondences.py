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

"""Right correspondences among those of two images."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.matching.geometry.correspondences import correspondences
from vpr_ros.types import LocalFeatures


def features(descriptors):
    descriptors = np.asarray(descriptors, np.float32)
    descriptors = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
    n = len(descriptors)
    return LocalFeatures(np.arange(2 * n).reshape(n, 2), descriptors, np.ones(n))


def naive(match, query, ratio):
    pairs = []
    for i, m in enumerate(match.descriptors):
        for j, q in enumerate(query.descriptors):
            apart = np.linalg.norm(m - q)
            others = [np.linalg.norm(m - o) for k, o in enumerate(query.descriptors) if k != j]
            others += [np.linalg.norm(o - q) for k, o in enumerate(match.descriptors) if k != i]
            if apart <= ratio * min(others):
                pairs.append((apart, i, j))
    return [[i, j] for _, i, j in sorted(pairs)]


@pytest.mark.parametrize('ratio', [1.0, 0.9, 0.7])
def test_pairs_are_each_others_nearest_the_most_alike_first(ratio):
    rng = np.random.default_rng(3)
    seen = rng.standard_normal((40, 8))
    match = features(seen)
    query = features(rng.permutation(seen)[:30] + 0.4 * rng.standard_normal((30, 8)))

    found = correspondences(match, query, ratio=ratio)

    pairs = np.stack([found.match_rows, found.query_rows], axis=1)
    assert pairs.tolist() == naive(match, query, ratio)
    assert 3 < len(found) < 30


def test_images_without_features_have_no_pairs():
    nothing = LocalFeatures(np.zeros((0, 2)), np.zeros((0, 8)), np.zeros(0))

    assert len(correspondences(nothing, features(np.eye(8)))) == 0
    assert len(correspondences(features(np.eye(8)), nothing)) == 0


def test_features_of_two_kinds_are_refused():
    with pytest.raises(VprError, match='8 and of 9 numbers; extract the kind that the map holds'):
        correspondences(features(np.eye(8)), features(np.eye(9)))
