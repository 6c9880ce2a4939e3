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

"""All similarities of a query, and maps that are too large for them."""

import dataclasses

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.poses import Poses
from vpr_ros.matching.localizer import Localizer
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.similarities import LARGEST_MAP
from vpr_ros.matching.similarities import Similarities


@pytest.mark.parametrize('cameras', [('front',), ('front', 'rear', 'left')])
def test_of_each_place_the_best_view(world, cameras):
    snapshot = world(lengths=(40, 3), cameras=cameras).snapshot
    # Views may come in any order.
    order = np.random.default_rng(1).permutation(len(snapshot.descriptors))
    shuffled = dataclasses.replace(
        snapshot, view_rows=snapshot.view_rows[order], view_cameras=snapshot.view_cameras[order],
        descriptors=snapshot.descriptors[order].astype(np.float16))
    query = snapshot.descriptors[7]
    wanted = [max(float(snapshot.descriptors[v] @ query)
                  for v in np.flatnonzero(snapshot.view_rows == row)) for row in range(43)]
    found = Similarities(snapshot).of(query)
    assert found.dtype == np.float32
    assert found == pytest.approx(wanted, abs=1e-6)
    assert Similarities(shuffled).of(query) == pytest.approx(wanted, abs=2e-3)


@pytest.mark.parametrize('kind', ['seqslam', 'sequence_sum'])
def test_a_map_that_is_too_large_is_refused(world, extractor, kind):
    n = LARGEST_MAP + 1
    rows = np.arange(n)
    large = dataclasses.replace(
        world(lengths=(3,)).snapshot, place_ids=rows + 1, stamps_ns=rows, view_rows=rows,
        session_of=np.zeros(n, np.int64), poses=Poses.of((None,) * n),
        view_cameras=np.zeros(n, np.int64), descriptors=np.zeros((n, 64), np.float16))
    with pytest.raises(VprError, match='200001: set the filter to "forward"'):
        Localizer(large, extractor, MatchingSettings(filter=kind))
