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

"""Frames to descriptions."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from vpr_ros.errors import VprError
from vpr_ros.extraction.engines.engine import Engine
from vpr_ros.extraction.engines.engine import EngineOutput
from vpr_ros.extraction.local.depths import with_depths
from vpr_ros.extraction.local.making import make_source
from vpr_ros.extraction.local.network_features import NetworkFeatures
from vpr_ros.extraction.local.source import LocalFeatureSource
from vpr_ros.extraction.preparation import prepare
from vpr_ros.extraction.sequences import SlidingEngine
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.networks.identity import FOREIGN_WEIGHTS
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import SOURCE_OPTIONS
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures
import yaml

if TYPE_CHECKING:
    import torch

__all__ = ['Extractor', 'make_extractor']


class Extractor:
    """
    Describes frames with one network on one engine.

    A network of sequences describes a frame together with those before it: the frames of a camera
    then come in the order they were taken, and :meth:`restart` begins another sequence.

    :param local: finds the local features of the descriptions; None for none.
    """

    def __init__(self, identity: NetworkIdentity, engine: Engine | SlidingEngine, *,
                 batch_size: int = 16, local: LocalFeatureSource | None = None) -> None:
        self.identity = identity
        self._engine = engine
        self._batch_size = batch_size
        self._local = local

    @property
    def local_kind(self) -> str:
        """Return the kind of local features that descriptions carry; empty for none."""
        return self._local.kind if self._local is not None else ''

    @property
    def frames(self) -> int:
        """Return how many frames a descriptor describes."""
        return self._engine.length if isinstance(self._engine, SlidingEngine) else 1

    def restart(self) -> None:
        """Forget earlier frames: what comes next was not taken after them."""
        if isinstance(self._engine, SlidingEngine):
            self._engine.restart()

    def describe(self, frame: Frame) -> Description:
        """Describe one frame."""
        return self.describe_batch([frame])[0]

    def describe_batch(self, frames: list[Frame]) -> list[Description]:
        """Describe frames together; the result does not depend on how they are grouped."""
        if not frames:
            return []
        images = np.stack([prepare(f.image, self.identity.preprocessing) for f in frames])
        if isinstance(self._engine, SlidingEngine):
            output = self._engine.describe(frames, images)
        else:
            output = self._engine.run(images)
        if not np.isfinite(output.descriptors).all():
            raise VprError(f'network {self.identity.name} returned a descriptor that is not '
                           'finite: its weights or its engine are broken')
        features = self._local_features(frames, output)
        return [
            Description(stamp_ns=frame.stamp_ns, camera=frame.camera,
                        descriptor=output.descriptors[row],
                        attention=None if output.attention is None else output.attention[row],
                        local_features=features[row])
            for row, frame in enumerate(frames)]

    def _local_features(self, frames: list[Frame],
                        output: EngineOutput) -> Sequence[LocalFeatures | None]:
        if self._local is None:
            return [None] * len(frames)
        found = self._local.extract(frames, output)
        return [with_depths(f, frame) for f, frame in zip(found, frames, strict=True)]

    def describe_all(self, frames: Iterable[Frame]) -> Iterator[tuple[Frame, Description]]:
        """Describe a stream of frames in batches, in order."""
        stream = iter(frames)
        while batch := list(islice(stream, self._batch_size)):
            yield from zip(batch, self.describe_batch(batch), strict=True)


def make_extractor(settings: ExtractionSettings,
                   expected: NetworkIdentity | None = None,
                   local_kind: str | None = None) -> Extractor:
    """
    Make the extractor that the settings ask for.

    :param expected: the network that made a map; any other is refused, because descriptors of
        two networks cannot be compared.
    :param local_kind: the kind of local features that the map holds, '' for none: any other is
        refused. None where there is no map yet, or nobody compares them: then "auto" means those
        of the network for a new map, and none for the network of a map.
    """
    # Heavy, and message code must work without it.
    import torch
    from vpr_ros.extraction.engines.eager import EagerEngine
    from vpr_ros.extraction.engines.eager import EagerSequenceEngine
    from vpr_ros.networks.base import SequenceNetwork
    from vpr_ros.networks.registry import create_network
    from vpr_ros.networks.registry import network_options

    if settings.threads:
        torch.set_num_threads(settings.threads)
    options = _options(settings.options)
    name = settings.network or 'compact'
    if expected is not None:
        if settings.network and settings.network != expected.name:
            raise VprError(f'this map was made with network {expected.name!r}, not '
                           f'{settings.network!r}: leave extraction.network empty, or build the '
                           'map again with the other network')
        if expected.weights_hash == FOREIGN_WEIGHTS:
            raise VprError(f'the descriptors of this map were made elsewhere ({expected.name!r}, '
                           f'{expected.dimension} dimensions) and imported: no network here '
                           'makes descriptors like them; build a map from the images')
        name = expected.name
        # A map may come from a stranger: which file is read or downloaded is the user's to say.
        theirs = {k: v for k, v in _options(expected.options).items() if k not in SOURCE_OPTIONS}
        options = {**theirs, **options}
    if settings.sequence_length:
        if 'sequence_length' not in network_options(name):
            raise VprError(f'network {name!r} describes single frames, and '
                           f'extraction.sequence_length is {settings.sequence_length}: set it to '
                           '0, or choose a network of sequences such as "seqvlad"')
        options['sequence_length'] = settings.sequence_length
    network = create_network(name, options)
    identity = network.identity()
    if expected is not None and identity != expected:
        wanted = 'the same weights and options in extraction.options'
        if expected.projected and not identity.projected:
            wanted = ('the file of the projection that made its descriptors in '
                      'extraction.options, "{projection: FILE}"')
        raise VprError(
            f'network {name!r} is not the one that made this map '
            f'({expected.differences(identity, "in the map", "here")}): give {wanted}, or build '
            'the map again')
    device = _device(settings.device)
    if local_kind is None and expected is not None and settings.local_features == 'auto':
        local_kind = ''
    local = make_source(settings, device, network=name, feature_map=network.feature_map,
                        held=local_kind)
    features = isinstance(local, NetworkFeatures)
    engine: Engine | SlidingEngine
    if isinstance(network, SequenceNetwork):
        engine = SlidingEngine(EagerSequenceEngine(network, device, features=features),
                               spacing_ns=round(settings.sequence_spacing_s * 1e9))
    else:
        engine = EagerEngine(network, device, features=features)
    return Extractor(identity, engine, batch_size=settings.batch_size, local=local)


def _options(text: str) -> dict[str, object]:
    try:
        options = yaml.safe_load(text) if text else {}
    except yaml.YAMLError as error:
        raise VprError(f'extraction.options is no YAML mapping: {text!r}') from error
    if not isinstance(options, dict):
        raise VprError('extraction.options must be a YAML mapping such as "{patch: 8}", '
                       f'got {text!r}')
    return options


def _device(name: str) -> torch.device:
    import torch

    if name == 'auto':
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise VprError(f'extraction.device {name!r} cannot be used here: {error}') from error
    return device
