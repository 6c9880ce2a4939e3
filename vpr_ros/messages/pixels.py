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

"""The bytes of sensor_msgs/Image, whatever they mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ['check_size', 'MAX_PIXELS', 'octets', 'pixel_rows']

#: Larger images are refused before memory is taken for them.
MAX_PIXELS = 64 * 2**20


def octets(data: Any) -> NDArray[np.uint8]:
    """Return the data of a message of any ROS library as (n,) uint8."""
    if isinstance(data, (list, tuple)):
        return np.array(data, dtype=np.uint8)
    return np.frombuffer(data, dtype=np.uint8)


def check_size(width: int, height: int) -> None:
    """Raise ValueError for a size that no honest image has."""
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise ValueError(
            f'an image has between 1 and {MAX_PIXELS} pixels, got {width} x {height}; is the '
            'message damaged?')


def pixel_rows(message: Any, row_bytes: int, rows: int) -> NDArray[np.uint8]:
    """
    Return the rows of an image without their padding; ValueError when there is too little data.

    :param message: a sensor_msgs/Image whose size was checked.
    :param row_bytes: that count of each row.
    :returns: (rows, row_bytes); may share the memory of the message.
    """
    step, data = int(message.step), octets(message.data)
    if step < row_bytes or data.size < rows * step:
        raise ValueError(
            f'a {message.width} x {message.height} image of encoding {message.encoding!r} needs '
            f'rows of at least {row_bytes} bytes and {rows} of them, got step {step} and '
            f'{data.size} bytes')
    return np.ascontiguousarray(data[:rows * step].reshape(rows, step)[:, :row_bytes])
