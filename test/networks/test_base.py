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

"""What every network does."""

import pytest
import torch
from torch import nn
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.identity import Preprocessing


class Echo(PlaceNetwork):
    """Describe an image by its normalised first pixel."""

    def __init__(self):
        super().__init__(
            name='echo', dimension=3, options='{"a": 1}',
            preprocessing=Preprocessing(4, 6, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0)))
        self.linear = nn.Linear(3, 3)

    def describe(self, images):
        return NetworkOutput(images[:, :, 0, 0])


def test_images_are_normalised_per_channel():
    images = torch.rand(2, 3, 4, 6)
    got = Echo()(images).descriptors
    for image in range(2):
        for channel, (mean, std) in enumerate([(0.1, 0.5), (0.2, 0.25), (0.3, 2.0)]):
            wanted = (float(images[image, channel, 0, 0]) - mean) / std
            assert float(got[image, channel]) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize('shape', [(3, 4, 6), (1, 4, 6, 3), (1, 1, 4, 6), (1, 1, 3, 4, 6)])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError) as error:
        Echo()(torch.zeros(shape))
    assert str(error.value) == f'images must have shape (B, 3, H, W), got {shape}'


def test_identity_names_the_function():
    network = Echo()
    identity = network.identity()
    assert (identity.name, identity.dimension, identity.options) == ('echo', 3, '{"a": 1}')
    assert identity.preprocessing == network.preprocessing
    assert identity == network.identity()
    with torch.no_grad():
        network.linear.bias[1] += 1e-3
    assert identity != network.identity()


def test_normalisation_is_no_part_of_the_weights():
    assert set(Echo().state_dict()) == {'linear.weight', 'linear.bias'}


def test_describe_is_for_the_subclass():
    network = PlaceNetwork(name='n', dimension=1, preprocessing=Preprocessing(1, 1))
    with pytest.raises(NotImplementedError):
        network(torch.zeros(1, 3, 1, 1))
