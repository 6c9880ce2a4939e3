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


"""Heads: a feature map and its attention to a descriptor."""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.heads import finish
from vpr_ros.networks.heads import Head
from vpr_ros.networks.heads import HEADS
from vpr_ros.networks.heads import projection
from vpr_ros.networks.vlad import locations

CHANNELS, GRID = 6, (4, 5)
SIZES = {'flatten': 6 * 20, 'gem': 6, 'spp': 6 * 30, 'spp_max': 6 * 30, 'vlad': 6 * 3,
         'average': 6, 'max': 6}


def head(kind, **options):
    return Head(kind, CHANNELS, grid=GRID, clusters=3, **options).double()


@pytest.fixture
def features():
    return torch.rand(2, CHANNELS, *GRID, dtype=torch.float64) + 0.1


@pytest.fixture
def attention():
    made = torch.rand(2, *GRID, dtype=torch.float64)
    return made / made.sum(dim=(1, 2), keepdim=True)


def literal(made, features, attention):
    """Pool one location after the other; attention counts as w_i, its mean being 1."""
    rows = []
    for image, weights in zip(features, attention, strict=True):
        places = [(image[:, y, x], float(weights[y, x] / weights.mean()))
                  for y in range(GRID[0]) for x in range(GRID[1])]
        if made.kind == 'flatten':
            row = torch.stack([w * x for x, w in places], dim=1).flatten()
        elif made.kind == 'average':
            row = sum(w * x for x, w in places) / len(places)
        elif made.kind == 'max':
            row = torch.stack([w * x for x, w in places]).max(dim=0).values
        elif made.kind == 'gem':
            row = (sum((w * x) ** 3 for x, w in places) / len(places)) ** (1 / 3)
        elif made.kind == 'vlad':
            vlad, row = made.vlad, torch.zeros(3, CHANNELS, dtype=torch.float64)
            for x, w in places:
                x = x / math.sqrt(float(x @ x))
                weight = [math.exp(float(a @ x)) for a in vlad.assignment]
                for k in range(3):
                    row[k] += w * weight[k] / sum(weight) * (x - vlad.centroids[k])
            row = torch.cat([r / r.norm() for r in row])
        else:
            row = torch.cat([torch.stack([
                (torch.amax if made.kind == 'spp_max' else torch.mean)(torch.stack(
                    [w * x for number, (x, w) in enumerate(places)
                     if cell_start(i, g, 0) <= number // GRID[1] < cell_end(i, g, 0)
                     and cell_start(j, g, 1) <= number % GRID[1] < cell_end(j, g, 1)]), dim=0)
                for i in range(g) for j in range(g)], dim=1).flatten() for g in (4, 3, 2, 1)])
        rows.append(row / row.norm())
    return torch.stack(rows)


def cell_start(number, cells, axis):
    return math.floor(number * GRID[axis] / cells)


def cell_end(number, cells, axis):
    return math.ceil((number + 1) * GRID[axis] / cells)


@pytest.mark.parametrize('kind', HEADS)
def test_heads_are_the_loop(kind, features, attention):
    made = head(kind)
    with torch.no_grad():
        result = made(features, attention)
        assert result.shape == (2, SIZES[kind]) == (2, made.dimension)
        torch.testing.assert_close(result, literal(made, features, attention), rtol=1e-9,
                                   atol=1e-12)


@pytest.mark.parametrize('kind', HEADS)
def test_no_attention_is_even_attention(kind, features):
    made = head(kind)
    with torch.no_grad():
        plain = made(features)
        torch.testing.assert_close(plain.norm(dim=1), torch.ones(2, dtype=torch.float64))
        for level in (1.0, 0.05):
            even = torch.full((2, *GRID), level, dtype=torch.float64)
            torch.testing.assert_close(made(features, even), plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('kind', HEADS)
def test_attention_changes_the_descriptor(kind, features, attention):
    made = head(kind)
    with torch.no_grad():
        assert float((made(features, attention) - made(features)).abs().max()) > 1e-3


@pytest.mark.parametrize('kind', HEADS)
def test_projection(kind, features, attention):
    made = head(kind, dimension=7)
    assert made.dimension == 7
    assert made.project.weight.shape == (7, SIZES[kind])
    whole = head(kind)
    whole.load_state_dict({n: t for n, t in made.state_dict().items() if 'project' not in n})
    with torch.no_grad():
        pooled = made._pool(features, attention)
        wanted = F.normalize(pooled @ made.project.weight.T + made.project.bias)
        torch.testing.assert_close(made(features, attention), wanted)


@pytest.mark.parametrize('kind', HEADS)
def test_each_image_by_itself(kind, features, attention):
    made = head(kind, dimension=5)
    with torch.no_grad():
        together = made(features, attention)
        torch.testing.assert_close(made(features[1:], attention[1:])[0], together[1], rtol=1e-9,
                                   atol=1e-12)


@pytest.mark.parametrize('kind', [k for k in HEADS if k != 'flatten'])
@pytest.mark.parametrize('size', [(3, 9), (1, 1), (8, 8)])
def test_maps_of_any_size(kind, size):
    with torch.no_grad():
        result = head(kind)(torch.rand(1, CHANNELS, *size).double(), torch.rand(1, *size).double())
    assert result.shape == (1, SIZES[kind])
    assert torch.isfinite(result).all()


@pytest.mark.parametrize('dimension', [0, 5])
@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
@pytest.mark.parametrize('kind', HEADS)
def test_half_precision(kind, dtype, dimension):
    made = Head(kind, CHANNELS, grid=GRID, clusters=3, dimension=dimension)
    # The cube of 60 overflows float16; attention sums to 1 over the image.
    features = 60.0 * torch.rand(2, CHANNELS, *GRID)
    attention = torch.softmax(torch.randn(2, 20), dim=1).reshape(2, *GRID)
    with torch.no_grad():
        exact = made(features, attention)
        rounded = made.to(dtype)(features.to(dtype), attention.to(dtype))
    assert rounded.dtype == dtype
    cosines = F.cosine_similarity(exact, rounded.float())
    assert float(cosines.min()) > (0.9999 if dtype == torch.float16 else 0.99)


@pytest.mark.parametrize('dtype', [torch.float32, torch.float16])
@pytest.mark.parametrize('kind', HEADS)
def test_a_black_map_is_no_nan(kind, dtype):
    made = Head(kind, CHANNELS, grid=GRID, clusters=3).to(dtype)
    zeros = torch.zeros(1, CHANNELS, *GRID, dtype=dtype)
    with torch.no_grad():
        assert torch.isfinite(made(zeros)).all()
        assert torch.isfinite(made(zeros + 1, zeros[:, 0])).all()


@pytest.mark.parametrize('kind', ['vlad', 'gem'])
def test_gradients(kind, features, attention):
    made = head(kind, dimension=3)
    inputs = (features[:1].requires_grad_(), attention[:1].requires_grad_(), *made.parameters())
    assert torch.autograd.gradcheck(lambda x, w, *_: made(x, w), inputs)


def test_a_flattened_map_keeps_its_grid():
    with pytest.raises(ValueError, match=r'of 4 x 5 locations cannot be made of \(4, 6\)'):
        head('flatten')(torch.rand(1, CHANNELS, 4, 6).double())
    with pytest.raises(ValueError, match=r'needs the grid of the map, got \(0, 0\)'):
        Head('flatten', CHANNELS)


def test_unknown_heads():
    with pytest.raises(VprError, match="unknown head 'gam'; did you mean 'gem'"):
        Head('gam', CHANNELS)


def test_projections():
    assert projection(5, 0) is None
    assert projection(5, 3).weight.shape == (3, 5)
    with pytest.raises(ValueError, match='0 .no projection. or more, got -1'):
        projection(5, -1)


def test_finishing():
    pooled, project = torch.randn(2, 5), nn.Linear(5, 3)
    with torch.no_grad():
        wanted = pooled @ project.weight.T + project.bias
        torch.testing.assert_close(finish(pooled, project, torch.float32),
                                   wanted / wanted.norm(dim=1, keepdim=True))
    rounded = finish(pooled, None, torch.float16)
    assert rounded.dtype == torch.float16
    torch.testing.assert_close(rounded.float(), F.normalize(pooled), rtol=1e-3, atol=1e-3)


def test_vlad_looks_at_directions_alone(features):
    made = head('vlad')
    with torch.no_grad():
        lengths = torch.rand(2, 1, *GRID, dtype=torch.float64) + 0.5
        torch.testing.assert_close(locations(features * lengths), locations(features))
        torch.testing.assert_close(made(features * lengths), made(features))
