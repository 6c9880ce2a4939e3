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

"""Exact search wherever it runs."""

import numpy as np
import pytest
import torch
from vpr_ros.maps.index.exact_search import ExactSearch
from vpr_ros.maps.index.exact_search import TorchSearch
from vpr_ros.maps.index.flat_index import FlatIndex
from vpr_ros.maps.index.live_index import LiveIndex
from vpr_ros.maps.index.opening import gpu_for
from vpr_ros.maps.index.views import Views
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import IndexSettings

ON_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU here')


@pytest.mark.parametrize('device', ['cpu', pytest.param('cuda', marks=ON_GPU)])
def test_torch_finds_what_faiss_finds(large, device):
    with PlaceMap.open(large) as place_map:
        snapshot = place_map.snapshot()
    views = Views.of(snapshot)
    flat = FlatIndex(snapshot)
    rounding = 1e-6 if device == 'cpu' else 2e-3
    with LiveIndex(views, TorchSearch(views, device), lambda *_: None) as index:
        for row in range(0, 4000, 400):
            query = views.read(np.array([row]))[0] + 0.05
            query /= np.linalg.norm(query)
            for k in (1, 20, 5000):
                found, wanted = index.search(query, k), flat.search(query, k)
                assert np.abs(found.similarities - wanted.similarities).max() < rounding
                if device == 'cpu':
                    assert found.place_ids[:20].tolist() == wanted.place_ids[:20].tolist()
                    assert found.cameras[:20].tolist() == wanted.cameras[:20].tolist()
                assert len(found.place_ids) == min(k, 2000)
        assert index.search(query, 1).similarities.dtype == np.float32


def test_the_types_and_order_of_both(views):
    query = views.read(np.array([7]))[0]
    for search in (ExactSearch(views), TorchSearch(views, 'cpu')):
        similarities, found = search.search(query, 5)
        assert (similarities.dtype, found.dtype) == (np.float32, np.int64)
        assert found[0] == 7
        assert (np.diff(similarities) <= 0).all()
        assert len(search.search(query, 10 ** 6)[0]) == 3000


def test_where_exact_search_runs(views):
    assert gpu_for(views, IndexSettings(device='cpu')) == ''
    assert gpu_for(views, IndexSettings(kind='pq')) == ''
    assert gpu_for(views, IndexSettings()) == ''  # a small map
    found = gpu_for(views, IndexSettings(exact_views=0))
    assert found == ('cuda' if torch.cuda.is_available() else '')


@pytest.mark.skipif(torch.cuda.is_available(), reason='a GPU is there')
def test_a_gpu_that_is_asked_for_and_missing(views):
    from vpr_ros.errors import VprError
    with pytest.raises(VprError, match="index.device is 'cuda:3', and PyTorch finds no such GPU"):
        gpu_for(views, IndexSettings(device='cuda:3'))
