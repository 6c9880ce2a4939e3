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

"""The small trunk: its maps, and that it is torchvision's architecture up to padding."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torchvision import models
from vpr_ros.networks.mobile_trunk import MobileTrunk
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import read_weights

# block -> (channels, stride), Table 2 of the paper.
BLOCKS = {1: (16, 2), 3: (24, 4), 6: (32, 8), 10: (64, 16), 13: (96, 16), 16: (160, 32),
          17: (320, 32)}


@pytest.mark.parametrize(('height', 'width'), [(160, 224), (96, 32), (97, 63)])
def test_channels_and_strides(height, width):
    trunk = MobileTrunk(tuple(BLOCKS)).eval()
    with torch.no_grad():
        maps = trunk(torch.rand(2, 3, height, width))
    assert trunk.channels == tuple(channels for channels, _ in BLOCKS.values())
    for features, (channels, stride) in zip(maps, BLOCKS.values(), strict=True):
        assert features.shape == (2, channels, height // stride, width // stride)


def test_the_trunk_ends_at_the_last_tap():
    assert len(MobileTrunk((6, 13)).features) == 14
    with torch.no_grad():
        torch.manual_seed(1)
        short = MobileTrunk((6,))
        torch.manual_seed(1)
        long = MobileTrunk((6, 8))
        image = torch.rand(1, 3, 32, 32)
        assert torch.equal(short(image)[0], long(image)[0])


@pytest.mark.parametrize('taps', [(), (0,), (18,), (6, 6), (13, 6), (-1, 6)])
def test_taps_that_are_no_ascending_blocks(taps):
    with pytest.raises(ValueError, match=r'taps must be ascending block numbers in 1\.\.17'):
        MobileTrunk(taps)


def test_parameters_of_the_whole_trunk():
    # torchvision's network without classifier (1,281,000), last 1x1 convolution (320 x 1280)
    # and batch norms, whose scales are folded into weights and whose shifts became biases.
    reference = models.mobilenet_v2(weights=None)
    convolutions = [m for m in reference.features[:18].modules() if isinstance(m, nn.Conv2d)]
    wanted = sum(m.weight.numel() + m.out_channels for m in convolutions)
    assert sum(p.numel() for p in MobileTrunk((17,)).parameters()) == wanted


def fold(model):
    """Return state of a torchvision network with its batch norms folded into convolutions."""
    state, modules = {}, list(model.named_modules())
    for (name, conv), (_, norm) in zip(modules, modules[1:], strict=False):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            scale = norm.weight / (norm.running_var + norm.eps).sqrt()
            state[f'{name}.weight'] = conv.weight * scale[:, None, None, None]
            state[f'{name}.bias'] = norm.bias - norm.running_mean * scale
    return state


def pad_one_side(conv, inputs):
    return (F.pad(inputs[0], (0, 1, 0, 1)),)


def test_it_is_torchvisions_network_up_to_padding():
    """Names, order, shortcuts and activations agree; strided convolutions pad right and below."""
    torch.manual_seed(0)
    reference = models.mobilenet_v2(weights=None).eval()
    with torch.no_grad():
        for module in reference.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(1.0, 4.0)  # large enough to meet the 6 of ReLU6
                module.bias.normal_()
                module.running_mean.normal_(std=0.3)
                module.running_var.uniform_(0.5, 1.5)
    trunk = MobileTrunk((6, 13, 16)).eval()
    state = {n: t for n, t in fold(reference.features).items() if int(n.split('.')[0]) <= 16}
    load_weights(trunk, {f'features.{n}': t for n, t in state.items()}, 'torchvision')
    for module in reference.modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            module.padding = (0, 0)
            module.register_forward_pre_hook(pad_one_side)
    image = torch.rand(1, 3, 64, 96) * 2 - 1
    with torch.no_grad():
        maps, x = [], image
        for number, block in enumerate(reference.features[:17]):
            x = block(x)
            if number in (6, 13, 16):
                maps.append(x)
        for got, wanted in zip(trunk(image), maps, strict=True):
            torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4 * float(wanted.std()))


def test_public_weights_fit(shared_data):
    """The published folded MobileNetV2 has exactly our names, and its features make sense."""
    tensors, _ = read_weights(
        shared_data / 'weights' / 'mobilenet_v2_imagenet_bnfolded.safetensors')
    trunk = MobileTrunk((6, 13, 17)).eval()
    load_weights(trunk, {n: t for n, t in tensors.items() if n in trunk.state_dict()}, 'public')
    with torch.no_grad():
        maps = trunk(torch.rand(1, 3, 64, 64) * 2 - 1)
    for features in maps:
        assert torch.isfinite(features).all()
        # A trained trunk neither dies out nor explodes with depth.
        assert 0.05 < float(features.std()) < 20
