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
Images of depth <-> sensor_msgs/Image, as REP 118 has them.

In 16UC1 depth is in millimetres and 0 where it is not known; in 32FC1 it is in metres and NaN, or
infinite, where it is not known.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import unknown_name
from vpr_ros.messages.factory import MessageFactory
from vpr_ros.messages.geometry import header
from vpr_ros.messages.pixels import check_size
from vpr_ros.messages.pixels import pixel_rows

__all__ = ['decode_depth', 'DEPTH_ENCODINGS', 'depth_message']

# The type of a pixel, and how many metres one is.
_ENCODINGS = {'16UC1': ('u2', 0.001), '32FC1': ('f4', 1.0)}
#: The encodings of sensor_msgs/Image that hold depth.
DEPTH_ENCODINGS = tuple(_ENCODINGS)


def decode_depth(message: Any) -> NDArray[np.float32]:
    """
    Decode a sensor_msgs/Image of depth.

    :returns: (H, W) float32 metres along the optical axis, NaN where it is not known.
    :raises VprError: for an encoding that is not one of DEPTH_ENCODINGS.
    :raises ValueError: when size, step and amount of data contradict each other.
    """
    if message.encoding not in _ENCODINGS:
        raise unknown_name('encoding of an image of depth', str(message.encoding), _ENCODINGS)
    kind, unit = _ENCODINGS[message.encoding]
    width, height = int(message.width), int(message.height)
    check_size(width, height)
    pixel = np.dtype(kind).newbyteorder('>' if message.is_bigendian else '<')
    values = pixel_rows(message, width * pixel.itemsize, height).view(pixel)
    depth: NDArray[np.float32] = values.astype(np.float32) * np.float32(unit)
    depth[~(np.isfinite(depth) & (depth > 0.0))] = np.nan
    return depth


def depth_message(factory: MessageFactory, depth: NDArray[np.float32], *, stamp_ns: int,
                  frame_id: str) -> Any:
    """
    Make a sensor_msgs/Image in 32FC1.

    :param depth: (H, W) metres, NaN where it is not known.
    """
    pixels = np.ascontiguousarray(depth, '<f4')
    height, width = pixels.shape
    return factory.new(
        'sensor_msgs/msg/Image', header=header(factory, stamp_ns, frame_id), height=height,
        width=width, encoding='32FC1', is_bigendian=0, step=4 * width,
        data=factory.octets(pixels.reshape(-1).view(np.uint8).data))
