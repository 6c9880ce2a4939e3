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

"""What the tests of extraction share."""

import pytest
import torch
from torch import nn
from vpr_ros.networks.compact import Compact


@pytest.fixture(scope='session')
def make_compact():
    """
    Return a maker of small networks with random weights.

    Torch's own start makes this trunk forget its input: every image would look alike.
    """
    def make(seed=0, dimension=32, features=16):
        torch.manual_seed(seed)
        network = Compact(dimension=dimension, features=features).eval()
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        for layer in network.attention.layers:
            # Sharper than trained attention ever is, it would magnify rounding a hundredfold.
            layer.conv.weight.data.mul_(0.1)
        nn.init.constant_(network.attention.layers[2].conv.bias, 0.5)
        return network.requires_grad_(False)

    return make
