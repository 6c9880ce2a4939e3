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

"""Which local features are asked for, and what finds them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.errors import VprError
from vpr_ros.extraction.local.network_features import NetworkFeatures
from vpr_ros.extraction.local.opencv_features import OrbFeatures
from vpr_ros.extraction.local.opencv_features import SiftFeatures
from vpr_ros.extraction.local.source import LocalFeatureSource
from vpr_ros.extraction.settings import ExtractionSettings

if TYPE_CHECKING:
    import torch

__all__ = ['make_source']

_KINDS = ('network', 'sift', 'orb', 'aliked')


def make_source(settings: ExtractionSettings, device: torch.device, *, network: str,
                feature_map: bool, held: str | None) -> LocalFeatureSource | None:
    """
    Make the source of local features that the settings ask for, or None for none.

    :param network: name of the network of the extractor.
    :param feature_map: whether that network has a feature map.
    :param held: the kind of features in the map that these will be compared with: '' if it holds
        none, None if there is no such map.
    """
    name = _asked(settings.local_features, 'network' if feature_map else '', held)
    if not name:
        return None
    if name == 'network' and not feature_map:
        raise VprError(f'network {network!r} has no feature map to take local features from: set '
                       'extraction.local_features to "sift", "orb", "aliked" or "none"')
    source = _make(name, settings, device)
    if held and source.kind != held:
        raise VprError(
            f'this map holds local features of kind {held!r}, and extraction.local_weights makes '
            f'{source.kind!r}: give the weight file that the map was made with, or set '
            'extraction.local_features to "none"')
    return source


def _asked(setting: str, usual: str, held: str | None) -> str:
    """Return 'network', 'sift', ... or '' for none."""
    if setting == 'none':
        return ''
    if held is None:
        return usual if setting == 'auto' else setting
    kept = 'aliked' if held.startswith('aliked-') else held
    if setting == 'auto':
        if kept and kept not in _KINDS:
            raise VprError(f'this map holds local features of kind {held!r}, and known here are '
                           f'{", ".join(_KINDS)}: set extraction.local_features to "none", or '
                           'use the version of vpr_ros that made the map')
        return kept
    if setting != kept:
        raise VprError(
            f'this map holds {f"local features of kind {held!r}" if held else "no local features"}'
            f', and extraction.local_features is {setting!r}: set it to "auto" or "none", or '
            'build the map again')
    return kept


def _make(name: str, settings: ExtractionSettings, device: torch.device) -> LocalFeatureSource:
    if name == 'aliked':
        return _aliked(settings, device)
    sources: Mapping[str, Callable[[int], LocalFeatureSource]] = {
        'network': NetworkFeatures, 'sift': SiftFeatures, 'orb': OrbFeatures}
    return sources[name](settings.local_count)


def _aliked(settings: ExtractionSettings, device: torch.device) -> LocalFeatureSource:
    if not settings.local_weights:
        raise VprError('local features "aliked" need the weight file of ALIKED-n16 that its '
                       'authors publish: name it in extraction.local_weights, or set '
                       'extraction.local_features to "none"')
    # Loads torch, which message code does without.
    from vpr_ros.extraction.local.aliked_features import AlikedFeatures
    from vpr_ros.extraction.local.aliked_features import load_aliked

    return AlikedFeatures(load_aliked(Path(settings.local_weights)), device, settings.local_count)
