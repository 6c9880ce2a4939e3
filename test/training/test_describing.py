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
"""Descriptors for mining and for validation: those of the network as a robot would run it."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.training.augmentation.settings import AugmentationSettings
from vpr_ros.training.describing import describe_examples
from vpr_ros.training.freezing import set_training_mode
from vpr_ros.training.launch import launch
from vpr_ros.training.loading import PreparedExamples
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.settings import RunSettings

_INPUT = Preprocessing(height=4, width=6, mean=(0.4, 0.5, 0.6), std=(0.2, 0.2, 0.2))


class Noise:
    """Images of noise."""

    def __len__(self):
        return 90

    def read(self, index):
        return np.random.default_rng(index).integers(0, 256, (8, 12, 3)).astype(np.uint8)

    def label(self, index):
        return str(index)


class Small(PlaceNetwork):
    """A convolution, a batch norm and dropout: all that differs while a network trains."""

    def __init__(self):
        super().__init__(name='small', dimension=16, preprocessing=_INPUT)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.convolution = nn.Conv2d(3, 16, 3)
            self.norm = nn.BatchNorm2d(16)
            nn.init.uniform_(self.norm.running_mean, -1.0, 1.0)
        self.dropout = nn.Dropout(0.5)

    def describe(self, images):
        features = self.dropout(self.norm(self.convolution(images)))
        return NetworkOutput(F.normalize(features.mean(dim=(2, 3))))


@pytest.fixture
def network():
    """Return a network that is being trained."""
    network = Small()
    set_training_mode(network)
    return network


def described(network, numbers, told=lambda done, total: None):
    fabric = launch(RunSettings(accelerator='cpu'))
    examples = PreparedExamples(PlaceImages.of(Noise()), _INPUT, AugmentationSettings(),
                                sequences=False)
    return describe_examples(fabric, network, examples, np.asarray(numbers), workers=0, told=told)


def alone(index):
    """Return the descriptor of an image by itself, by a network that is not trained."""
    examples = PreparedExamples(PlaceImages.of(Noise()), _INPUT, AugmentationSettings(),
                                sequences=False)
    with torch.no_grad():
        return Small().eval()(examples[(index, ())][None] / 255.0).descriptors[0].numpy()


# As many at once as are in memory are 32: none, a part, one, and more that do not divide.
@pytest.mark.parametrize('count', [1, 31, 32, 33, 71])
def test_rows_are_those_of_the_numbers_asked_for_in_evaluation_mode(network, count):
    numbers = np.random.default_rng(count).permutation(90)[:count]
    numbers[-1] = numbers[0]  # one of them twice
    found = described(network, numbers)
    assert found.shape == (count, 16) and found.dtype == np.float32
    np.testing.assert_allclose(found, np.stack([alone(n) for n in numbers]), atol=1e-6)


def test_the_network_goes_on_training_as_before(network):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    described(network, np.arange(40))
    assert network.training and network.dropout.training and not network.norm.training
    assert all(torch.equal(before[n], t) for n, t in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    network.eval()
    described(network, np.arange(3))
    assert not network.training and not network.dropout.training


def test_it_tells_how_far_it_is(network):
    heard = []
    described(network, np.arange(71), told=lambda done, total: heard.append((done, total)))
    done = [d for d, _ in heard]
    assert {total for _, total in heard} == {71} and done[-1] == 71
    assert len(done) >= 3 and done == sorted(set(done)) and done[0] > 0
