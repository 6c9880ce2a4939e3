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

"""MK-MMD against a literal sum of kernels."""

import math
import time

import numpy as np
import pytest
import torch
from vpr_ros.training.losses.mk_mmd import mk_mmd

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


def literal(source, target, factors=FACTORS, squared=False):
    """Return the sum over locations, features (B, N, C) each, by loops."""
    def apart(x, y):
        return sum(float(a - b) ** 2 for a, b in zip(x, y, strict=True))

    locations = source.shape[1]
    distances = []
    for i in range(locations):
        both = [*source[:, i], *target[:, i]]
        distances += [apart(both[a], both[b]) for b in range(len(both)) for a in range(b)]
    median = np.partition(distances, (len(distances) - 1) // 2)[(len(distances) - 1) // 2]

    def mean_kernel(left, right):
        terms = [math.exp(-apart(x, y) / (f * median))
                 for x in left for y in right for f in factors]
        return sum(terms) / len(terms)

    total = 0.0
    for i in range(locations):
        s, t = source[:, i], target[:, i]
        value = mean_kernel(s, s) + mean_kernel(t, t) - 2 * mean_kernel(s, t)
        total += value if squared else math.sqrt(value)
    return total


def random_domains(sources=4, targets=3, locations=2, channels=3, seed=0):
    torch.manual_seed(seed)
    return (torch.randn(sources, locations, channels).double(),
            torch.randn(targets, locations, channels).double() * 1.5 + 1.0)


@pytest.mark.parametrize('squared', [False, True])
@pytest.mark.parametrize('sizes', [(4, 3), (3, 3), (1, 1), (1, 4)])
def test_it_is_the_literal_sum(sizes, squared):
    source, target = random_domains(*sizes)
    found = mk_mmd(source, target, squared=squared)
    assert found.item() == pytest.approx(literal(source, target, squared=squared), rel=1e-10)
    mean = mk_mmd(source, target, squared=squared, reduction='mean')
    assert mean.item() == pytest.approx(found.item() / 2, rel=1e-12)


def test_other_kernels():
    source, target = random_domains()
    assert mk_mmd(source, target, factors=(0.7, 3.0)).item() == pytest.approx(
        literal(source, target, (0.7, 3.0)), rel=1e-10)


def test_maps_are_sets_of_locations():
    source, target = random_domains(locations=6)
    maps = [part.transpose(1, 2).unflatten(2, (2, 3)) for part in (source, target)]
    assert maps[0].shape == (4, 3, 2, 3)
    assert mk_mmd(*maps).item() == pytest.approx(mk_mmd(source, target).item(), rel=1e-12)


def test_locations_are_compared_each_with_itself():
    source, _ = random_domains(locations=5)
    moved = source.roll(1, dims=1)
    assert mk_mmd(source, source[torch.randperm(4)]).item() == pytest.approx(0.0, abs=1e-6)
    assert mk_mmd(source, moved).item() > 1.0


def test_it_grows_with_the_shift_of_a_domain():
    torch.manual_seed(0)
    source, target = torch.randn(2, 16, 3, 4)
    values = [mk_mmd(source, target + shift).item() for shift in (0.0, 0.5, 1.0, 2.0, 4.0)]
    assert values == sorted(values)
    assert values[-1] > 3 * values[0]


@pytest.mark.parametrize('squared', [False, True])
def test_gradient_through_all_but_the_width(squared):
    # The width is held, as documented: finite differences run with the one of the start.
    source, target = random_domains()
    both = torch.cat([source, target]).transpose(0, 1)
    rows, columns = np.triu_indices(7, 1)
    median = float((both[:, rows] - both[:, columns]).square().sum(-1).median())

    def held(s, t):
        value = 0.0
        for i in range(s.shape[1]):
            x = torch.cat([s[:, i], t[:, i]])
            apart = (x[:, None] - x[None]).square().sum(-1)
            kernel = sum(torch.exp(-apart / (f * median)) for f in FACTORS) / len(FACTORS)
            norm = kernel[:4, :4].mean() + kernel[4:, 4:].mean() - 2 * kernel[:4, 4:].mean()
            value = value + (norm if squared else norm.sqrt())
        return value

    parts = [source.requires_grad_(), target.requires_grad_()]
    assert torch.autograd.gradcheck(held, parts)
    wanted = torch.autograd.grad(held(*parts), parts)
    found = torch.autograd.grad(mk_mmd(*parts, squared=squared), parts)
    for w, f in zip(wanted, found, strict=True):
        torch.testing.assert_close(f, w, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize('kind', [torch.float32, torch.float64])
@pytest.mark.parametrize('same', ['the same domain', 'one feature'])
def test_gradients_are_finite_where_domains_are_equal(same, kind):
    torch.manual_seed(0)
    source = torch.randn(5, 4, 6).to(kind) if same == 'the same domain' else torch.ones(
        5, 4, 6, dtype=kind)
    parts = [source.clone().requires_grad_(), source.clone().requires_grad_()]
    value = mk_mmd(*parts)
    value.backward()
    assert value.item() == pytest.approx(0.0, abs=1e-2)  # the root of rounding, 4 times
    assert all(torch.isfinite(part.grad).all() for part in parts)


def test_single_precision_far_from_zero():
    source, target = random_domains(8, 8, locations=3, channels=16)
    wanted = mk_mmd(source, target).item()
    found = mk_mmd(source.float() + 100.0, target.float() + 100.0)
    assert found.item() == pytest.approx(wanted, rel=1e-3)


def test_autocast_changes_nothing():
    source, target = (part.float() for part in random_domains(8, 8, channels=32))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert mk_mmd(source, target).item() == mk_mmd(source.clone(), target).item()
        found = mk_mmd(source, target)
    assert found.item() == mk_mmd(source, target).item()


def test_a_training_step_takes_about_a_second():
    torch.manual_seed(0)
    source = torch.randn(24, 256, 31, 31, requires_grad=True)
    began = time.perf_counter()
    mk_mmd(source, torch.randn(24, 256, 31, 31)).backward()
    assert time.perf_counter() - began < 10.0  # measured 0.5 s on one core


@pytest.mark.parametrize('shapes', [((2, 3, 4), (2, 3, 5)), ((2, 3, 4), (2, 2, 4)),
                                    ((2, 3, 2, 2), (2, 4, 2, 2))])
def test_domains_of_different_shapes_are_refused(shapes):
    with pytest.raises(ValueError, match='same locations and channels'):
        mk_mmd(torch.zeros(shapes[0]), torch.zeros(shapes[1]))


def test_what_is_no_feature_map_is_refused():
    with pytest.raises(ValueError, match='features are'):
        mk_mmd(torch.zeros(2, 3), torch.zeros(2, 3))
    with pytest.raises(ValueError, match='reduction'):
        mk_mmd(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4), reduction='max')
