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

"""What can be set about extraction."""

from __future__ import annotations

from typing import Literal

from vpr_ros.config import setting
from vpr_ros.config import Settings

__all__ = ['ExtractionSettings']


class ExtractionSettings(Settings):
    """How frames are described."""

    network: str = setting(
        '', 'Name of the network. Empty: the one that made the map, or "compact" for a new map.')
    options: str = setting(
        '', 'Options of the network as a YAML mapping, for example '
        '"{trunk: resnet50, weights: imagenet}".')
    engine: Literal['eager'] = setting('eager', 'How the network is run.')
    device: str = setting(
        'auto', 'Where it runs: "auto" (a GPU where there is one), "cpu", "cuda", "cuda:1".')
    threads: int = setting(
        0, 'CPU threads of the network; 0 leaves the choice to the library.', ge=0)
    sequence_length: int = setting(
        0, 'Frames that one descriptor describes, for networks of sequences; 0: as the network or '
        'the map has it.', ge=0, le=1000)
    sequence_spacing_s: float = setting(
        0.0, 'Seconds between the frames of a sequence, for networks that describe sequences; 0: '
        'every frame that comes. Where a robot sees more frames a second than its map holds, set '
        'the distance in time that its map has.', ge=0.0)
    local_features: Literal['auto', 'none', 'network', 'sift', 'orb', 'aliked'] = setting(
        'auto', 'Local features, by which geometry tells right places from wrong ones: "network" '
        'takes cells of the feature map of the network, at no cost; "sift", "orb" and "aliked" '
        'find points of their own, finer and slower; "auto" is what the map holds, and '
        'for a new map "network" where the network has such a map.')
    local_weights: str = setting(
        '', 'Weight file of "aliked" (.safetensors or .pth, as its authors published it); nothing '
        'is ever downloaded.')
    local_count: int = setting(
        256, 'How many local features of an image are kept, the best by score.', ge=1, le=65536)
    batch_size: int = setting(
        16, 'Images described together when a map is built.', ge=1, le=1024)
