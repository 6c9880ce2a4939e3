"""What a map must know of the network that described it, without loading that network."""

from __future__ import annotations

from dataclasses import asdict
from dataclasses import dataclass
import json

__all__ = ['NetworkIdentity', 'Preprocessing']


@dataclass(frozen=True)
class Preprocessing:
    """
    How an image of any size becomes a network's input.

    The image is resized to ``height`` x ``width`` by area averaging (bilinear when it grows),
    without keeping its aspect, scaled to [0, 1], then ``(x - mean) / std`` per RGB channel.
    """

    height: int
    width: int
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)


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

    def to_json(self) -> str:
        """Return the identity as JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> NetworkIdentity:
        """Read what :meth:`to_json` wrote; ValueError when it is something else."""
        try:
            values = json.loads(text)
            image = values.pop('preprocessing')
            return cls(preprocessing=Preprocessing(
                height=int(image['height']), width=int(image['width']),
                mean=_rgb(image['mean']), std=_rgb(image['std'])), **values)
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f'not the identity of a network: {text[:200]!r}') from error


def _rgb(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
