# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
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
                nn.init.zeros_(module.bias)
        nn.init.constant_(network.attention.layers[2].conv.bias, 0.5)
        return network.requires_grad_(False)

    return make
