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

"""
Patch-normalised thumbnails: the baseline that every network must beat.

Milford and Wyeth: SeqSLAM, ICRA 2012, section III.A. The image is shrunk to a grey thumbnail and
each patch is brought to zero mean and unit variance.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.identity import Preprocessing

__all__ = ['Thumbnail', 'thumbnail']

# The largest contrast that is none: rounding makes 1e-7, one step of blue in one pixel 4e-4.
_NO_CONTRAST = 1e-5


class Thumbnail(PlaceNetwork):
    """
    A patch-normalised grey thumbnail, flattened and L2-normalised; nothing is learned.

    All images without any structure (black, white) have one descriptor, unlike any other.
    """

    luma: Tensor

    def __init__(self, *, height: int, width: int, patch: int) -> None:
        if min(height, width, patch) < 1 or height % patch or width % patch:
            raise ValueError(f'height and width must be positive multiples of patch, '
                             f'got {height} x {width} and patch {patch}')
        super().__init__(
            name='thumbnail', dimension=height * width,
            preprocessing=Preprocessing(height, width))
        self.patch = patch
        luma = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)  # ITU-R BT.601
        self.register_buffer('luma', luma)

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe images (B, 3, H, W) of exactly the size this network was made for."""
        size = (self.preprocessing.height, self.preprocessing.width)
        if tuple(images.shape[2:]) != size:
            raise ValueError(f'thumbnail needs images of {size}, got {tuple(images.shape[2:])}')
        patches = F.pixel_unshuffle((images * self.luma).sum(dim=1, keepdim=True), self.patch)
        centred = patches - patches.mean(dim=1, keepdim=True)
        # The floor keeps an even patch (sky, fog) even, instead of blowing up its noise.
        normalised = centred / centred.pow(2).mean(dim=1, keepdim=True).sqrt().clamp(min=1 / 255)
        flat = normalised.flatten(1)
        # A black image has no direction of its own, and what rounding leaves is none. Equal values
        # are orthogonal to every other thumbnail, whose patches have zero mean.
        contrast = (patches.amax(dim=1) - patches.amin(dim=1)).flatten(1).amax(dim=1, keepdim=True)
        even = contrast < _NO_CONTRAST
        return NetworkOutput(F.normalize(torch.where(even, torch.ones_like(flat), flat)))


def thumbnail(*, height: int = 32, width: int = 64, patch: int = 8) -> Thumbnail:
    """Make the baseline; sizes in pixels of the thumbnail."""
    return Thumbnail(height=height, width=width, patch=patch)
