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


"""Random weights, the same on every run."""

import numpy as np
import pytest
import torch
from torch import nn
from torchvision import models
from vpr_ros.networks.initialisation import initialise
from vpr_ros.networks.initialisation import seeded


def test_a_seed_decides_what_is_drawn():
    drawn = []
    for seed in (3, 3, 4):
        with seeded(seed):
            drawn.append(torch.rand(5))
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])


def test_the_generators_of_the_caller_go_on_as_if_nothing_happened():
    torch.manual_seed(7)
    np.random.seed(7)
    wanted = torch.rand(3), np.random.rand(3)
    torch.manual_seed(7)
    np.random.seed(7)
    with seeded(1):
        torch.rand(100)
    assert torch.equal(torch.rand(3), wanted[0])
    assert np.array_equal(np.random.rand(3), wanted[1])


def test_the_generator_is_put_back_after_an_error():
    state = torch.get_rng_state()
    with pytest.raises(RuntimeError), seeded(1):
        torch.rand(1)
        raise RuntimeError
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU: there is no second generator')
def test_generators_of_gpus_are_left_alone():
    torch.cuda.manual_seed(5)
    state = torch.cuda.get_rng_state()
    with seeded(1):
        torch.rand(1)
    assert torch.equal(torch.cuda.get_rng_state(), state)


def test_layers_get_the_spread_that_keeps_signals_alive():
    network = nn.Sequential(nn.Conv2d(64, 128, 3), nn.BatchNorm2d(128), nn.Linear(200, 300))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(float('nan'))
        network[1].running_mean.fill_(float('nan'))
        network[1].running_var.fill_(float('nan'))
    initialise(network)
    # He et al. 2015, fan out: sqrt(2 / (channels out * 3 * 3))
    spreads = [float(network[part].weight.detach().std()) for part in (0, 2)]
    assert spreads == pytest.approx([(2 / (128 * 9)) ** 0.5, 0.01], rel=0.02)
    for bias in (network[0].bias, network[1].bias, network[2].bias, network[1].running_mean):
        assert (bias == 0).all()
    for scale in (network[1].weight, network[1].running_var):
        assert (scale == 1).all()


def test_signals_pass_a_whole_trunk():
    with seeded(0):
        trunk = models.vgg16(weights=None).features[:29].eval()
        initialise(trunk)
    with torch.no_grad():
        features = trunk(torch.randn(1, 3, 64, 64))
    assert 0.1 < float(features.std()) < 10.0


def test_a_seed_is_a_whole_number():
    with pytest.raises(ValueError, match="seed must be a whole number, got 'x'"):
        with seeded('x'):
            pass
