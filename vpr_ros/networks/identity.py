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

"""What a map must know of the network that described it, without loading that network."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import fields
import json
import math
from typing import Any

__all__ = ['FOREIGN_WEIGHTS', 'NetworkIdentity', 'Preprocessing', 'SOURCE_OPTIONS']

# In place of the hash of weights, where descriptors were made elsewhere and imported.
FOREIGN_WEIGHTS = 'foreign'

# Options that say which file is read, or what is downloaded or run. They are no part of an
# identity (the hash of the weights is), and none is taken from one: a map may come from a
# stranger.
SOURCE_OPTIONS = frozenset({
    'arguments', 'cache', 'entry', 'file', 'projection', 'repository', 'semantic_weights',
    'trunk_weights', 'weights'})

# An identity may come from a foreign map: what no network takes is refused before it is allocated.
_LARGEST_SIDE = 16384
_MOST_PIXELS = 2 ** 23  # a frame of 4K video; activations take a thousand bytes for each


@dataclass(frozen=True)
class Preprocessing:
    """
    How an image of any size becomes a network's input.

    The image is resized to ``height`` x ``width`` by area averaging (bilinear along an axis that
    grows), without keeping its aspect, scaled to [0, 1], then ``(x - mean) / std`` per RGB
    channel.
    """

    height: int
    width: int
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        if not (_is_count(self.height) and _is_count(self.width)
                and max(self.height, self.width) <= _LARGEST_SIDE):
            raise ValueError(f'height and width of a network must be whole numbers in '
                             f'1..{_LARGEST_SIDE}, got {self.height!r} x {self.width!r}')
        if self.height * self.width > _MOST_PIXELS:
            raise ValueError(f'a network takes at most {_MOST_PIXELS} pixels, got {self.height} x '
                             f'{self.width}: choose a smaller height and width')
        if not all(map(math.isfinite, (*self.mean, *self.std))) or min(self.std) <= 0.0:
            raise ValueError('mean must be finite and std finite and positive, got '
                             f'{self.mean} and {self.std}')


@dataclass(frozen=True)
class NetworkIdentity:
    """
    Which function made a descriptor: descriptors of two identities must never be compared.

    :param weights_hash: hexadecimal digest of all parameters and buffers.
    :param metric: how descriptors compare; ``cosine`` on L2-normalised rows throughout.
    """

    name: str
    weights_hash: str
    dimension: int
    preprocessing: Preprocessing
    options: str = '{}'
    metric: str = 'cosine'

    def __post_init__(self) -> None:
        texts = (self.name, self.weights_hash, self.options, self.metric)
        if not all(isinstance(text, str) for text in texts) or not _is_count(self.dimension):
            raise ValueError('an identity has texts and a dimension of at least 1, got '
                             f'{texts} and {self.dimension!r}')

    def to_json(self) -> str:
        """Return the identity as JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @property
    def projected(self) -> bool:
        """Return whether a projection, in a file of its own, made the descriptors."""
        try:
            options = json.loads(self.options)
        except (RecursionError, ValueError):
            return False
        return isinstance(options, dict) and 'projection' in options

    def differences(self, other: NetworkIdentity, mine: str, theirs: str) -> str:
        """
        Say what differs, as in 'dimension 512 in the map, 128 here'; empty when nothing does.

        Of preprocessing and options only what differs is told, and of networks with two names
        only the names.

        :param mine: where this one stands, such as 'in the map', and ``theirs`` the other.
        """
        if self.name != other.name:
            return f'network {self.name} {mine}, {other.name} {theirs}'
        ours, others = self._told(), other._told()
        if ours == others and self.options != other.options:  # one content, two texts
            ours, others = {'options': self.options}, {'options': other.options}
        return '; '.join(
            f'{name} {ours.get(name, "not set")} {mine}, {others.get(name, "not set")} {theirs}'
            for name in {**ours, **others} if ours.get(name) != others.get(name))

    def _told(self) -> dict[str, str]:
        """Return name -> value of all parts: 'dimension' -> '512', 'option trunk' -> '"vgg16"'."""
        told = {field.name: str(getattr(self, field.name)) for field in fields(self)
                if field.name not in ('preprocessing', 'options')}
        told.update((f'preprocessing {n}', str(v)) for n, v in asdict(self.preprocessing).items())
        try:
            options = json.loads(self.options)
        except (RecursionError, ValueError):
            options = None
        if not isinstance(options, dict):
            return {**told, 'options': self.options}
        return {**told, **{f'option {n}': json.dumps(v, sort_keys=True)
                           for n, v in options.items()}}

    @classmethod
    def from_json(cls, text: str) -> NetworkIdentity:
        """Read what :meth:`to_json` wrote; ValueError when it is something else."""
        try:
            values = json.loads(text)
            image = values.pop('preprocessing')
            return cls(preprocessing=Preprocessing(
                height=image['height'], width=image['width'],
                mean=_rgb(image['mean']), std=_rgb(image['std'])), **values)
        except (AttributeError, KeyError, OverflowError, RecursionError, TypeError,
                ValueError) as error:
            raise ValueError(f'not the identity of a network: {text[:200]!r} '
                             f'({str(error)[:200]})') from error


def _is_count(value: Any) -> bool:
    return type(value) is int and value > 0


def _rgb(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
