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

"""The contract of a network."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import nn
from torch import Tensor
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.weights import weights_hash

__all__ = ['NetworkOutput', 'PlaceNetwork', 'SequenceNetwork']


class NetworkOutput(NamedTuple):
    """
    What a network says about a batch of images.

    :param descriptors: (B, D) L2-normalised.
    :param attention: (B, h, w) >= 0, summing to 1 over each image, or None.
    :param features: (B, C, h, w) the map that was pooled, for local features, or None.
    """

    descriptors: Tensor
    attention: Tensor | None = None
    features: Tensor | None = None


class PlaceNetwork(nn.Module):
    """
    A network that describes places.

    A subclass calls ``super().__init__`` with its name, dimension and preprocessing and
    implements :meth:`describe`. Results must not depend on the other images of a batch.

    One whose outputs hold the map that was pooled says ``feature_map = True``: local features
    can be made of it.
    """

    feature_map = False
    mean: Tensor
    std: Tensor

    def __init__(self, *, name: str, dimension: int, preprocessing: Preprocessing,
                 options: str = '{}') -> None:
        super().__init__()
        self.name = name
        self.dimension = dimension
        self.preprocessing = preprocessing
        self.options = options
        for key in ('mean', 'std'):
            values = torch.tensor(getattr(preprocessing, key)).view(1, 3, 1, 1)
            self.register_buffer(key, values, persistent=False)

    def forward(self, images: Tensor) -> NetworkOutput:
        """
        Describe images.

        :param images: (B, 3, H, W) RGB in [0, 1]; any H and W the network can take, its
            ``preprocessing`` names the size it was made for.
        """
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f'images must have shape (B, 3, H, W), got {tuple(images.shape)}')
        return self.describe(self.normalise(images))

    def normalise(self, images: Tensor) -> Tensor:
        """Return ``(images - mean) / std`` per channel, in the precision of the network."""
        return ((images - self.mean) / self.std).to(self.mean.dtype)

    def describe(self, images: Tensor) -> NetworkOutput:
        """Describe normalised images (B, 3, H, W)."""
        raise NotImplementedError

    def identity(self) -> NetworkIdentity:
        """Return what a map stores to recognise this network."""
        return NetworkIdentity(
            name=self.name, weights_hash=weights_hash(self), dimension=self.dimension,
            preprocessing=self.preprocessing, options=self.options)


class SequenceNetwork(PlaceNetwork):
    """
    A network that describes the last S frames of a camera by one descriptor.

    A subclass implements :meth:`encode_frames`, all that can be said of a frame alone, and
    :meth:`aggregate`. A robot keeps the encodings of its last S - 1 frames, so that a new frame
    costs one encoding and one aggregation.

    :param length: S, the number of frames.
    """

    def __init__(self, *, name: str, dimension: int, preprocessing: Preprocessing,
                 length: int) -> None:
        if length < 1:
            raise ValueError(f'a sequence has at least 1 frame, got {length}')
        super().__init__(name=name, dimension=dimension, preprocessing=preprocessing)
        self.length = length

    def forward(self, images: Tensor) -> NetworkOutput:
        """
        Describe sequences.

        :param images: (B, S, 3, H, W) RGB in [0, 1], oldest first.
        :returns: descriptors (B, D); attention and features are those of the newest frame.
        """
        if images.ndim != 5 or images.shape[1] != self.length or images.shape[2] != 3:
            raise ValueError(f'{self.name} describes sequences of {self.length} images: expected '
                             f'(B, {self.length}, 3, H, W), got {tuple(images.shape)}')
        encodings = self.encode(images.flatten(0, 1))
        return self.aggregate(encodings.unflatten(0, images.shape[:2]))

    def encode(self, images: Tensor) -> Tensor:
        """Return the encodings (B, ...) of images (B, 3, H, W) in [0, 1], each by itself."""
        if images.ndim != 4 or images.shape[1] != 3:
            raise ValueError(f'images must have shape (B, 3, H, W), got {tuple(images.shape)}')
        return self.encode_frames(self.normalise(images))

    def encode_frames(self, images: Tensor) -> Tensor:
        """Encode normalised images (B, 3, H, W), each by itself."""
        raise NotImplementedError

    def aggregate(self, encodings: Tensor) -> NetworkOutput:
        """Describe sequences by the encodings (B, S, ...) of their frames, oldest first."""
        raise NotImplementedError
