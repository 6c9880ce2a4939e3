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

"""Images as they come in, before anybody has looked at them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
import logging
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError

__all__ = ['decode_moment', 'Pixels', 'RawImage']

_log = logging.getLogger(__name__)
#: (H, W, 3) RGB.
Pixels: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True)
class RawImage:
    """
    A message with an image, not decoded: most of what a fast camera sends is never looked at.

    :param stamp_ns: of its header.
    :param camera: the name of the camera.
    :param data: the message as the transport carried it (CDR).
    :param received_ns: of this computer's monotonic clock.
    """

    stamp_ns: int
    camera: str
    data: bytes
    received_ns: int


def decode_moment(images: Sequence[RawImage],
                  decode: Callable[[RawImage], Pixels]) -> list[tuple[RawImage, Pixels]]:
    """
    Decode what several cameras saw at one moment; what cannot be decoded is left out, and said.

    :param images: that of the leading camera first.
    :raises VprError: for one of the leading camera, as ValueError: a moment is nothing without it.
    """
    decoded = []
    for raw in images:
        try:
            decoded.append((raw, decode(raw)))
        except (VprError, ValueError) as error:
            if raw is images[0]:
                raise
            _log.warning('an image of camera %s was left out: %s', raw.camera, error)
    return decoded
