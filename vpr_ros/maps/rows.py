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

"""How values of a map become the bytes of its rows, and what rows of strangers may hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.types import Camera
from vpr_ros.types import Pose

__all__ = ['CALIBRATION_COLUMNS', 'calibration_from', 'calibration_row', 'DescriptorRows',
           'pose_from', 'pose_row', 'Row']

Row = Sequence[Any]
#: What :func:`calibration_row` makes and :func:`calibration_from` reads, in this order.
CALIBRATION_COLUMNS = 'width, height, matrix, distortion_model, distortion, rectified, mounting'

# How far from 1 the norm of a descriptor may be that is given; rounding may then take it further.
_TOLERANCE = 1e-2


class DescriptorRows:
    """
    Descriptors as a map keeps them.

    :param dimension: D.
    :param kind: float16 or float32.
    """

    def __init__(self, dimension: int, kind: str) -> None:
        self.dimension = dimension
        self._type = np.dtype(kind).newbyteorder('<')

    @property
    def size(self) -> int:
        """Return how many bytes one takes."""
        return int(self.dimension * self._type.itemsize)

    def encode(self, descriptor: NDArray[np.float32]) -> bytes:
        """Return the bytes of a descriptor (D,); refused unless finite and L2-normalised."""
        if descriptor.shape != (self.dimension,):
            raise VprError(f'this map holds descriptors of {self.dimension} dimensions, '
                           f'got shape {descriptor.shape}')
        norm = np.linalg.norm(descriptor)
        if not abs(norm - 1.0) <= _TOLERANCE:  # NaN is not near 1 either
            raise VprError(f'a descriptor must be finite and L2-normalised, got norm {norm:.3f}')
        return descriptor.astype(self._type).tobytes()

    def decode(self, blobs: Sequence[bytes]) -> NDArray[np.float32]:
        """Return (n, D) of unit length again; ValueError for what is no descriptor."""
        for blob in blobs:
            if len(blob) != self.size:
                raise ValueError(f'a descriptor has {len(blob)} bytes, not {self.size}')
        descriptors = np.frombuffer(b''.join(blobs), self._type).astype(np.float32)
        descriptors = descriptors.reshape(len(blobs), self.dimension)
        norms = np.linalg.norm(descriptors, axis=1)
        if not (np.abs(norms - 1.0) <= 2 * _TOLERANCE).all():  # NaN is not, either
            raise ValueError('a descriptor is not L2-normalised')
        # What rounding to float16 took away; what has unit length keeps every bit.
        norms[np.abs(norms - 1.0) < 1e-6] = 1.0
        descriptors /= norms[:, None]
        return descriptors


def pose_row(pose: Pose | None) -> tuple[bytes | None, bytes | None]:
    """Return what the columns pose and covariance hold; one that is not finite is not known."""
    if pose is None:
        return None, None
    covariance = pose.covariance
    if covariance is not None and not np.isfinite(covariance).all():
        covariance = None
    return (_blob(np.concatenate([pose.position, pose.quaternion])),
            None if covariance is None else _blob(covariance))


def pose_from(pose: bytes | None, covariance: bytes | None = None) -> Pose | None:
    """Read what :func:`pose_row` made; ValueError or TypeError for anything else."""
    if pose is None:
        return None
    values = np.frombuffer(pose, '<f8')
    spread = None if covariance is None else np.frombuffer(covariance, '<f8').reshape(6, 6)
    return Pose(values[:3], values[3:], spread)


def calibration_row(camera: Camera) -> tuple[Any, ...]:
    """Return what the columns of a calibration hold, without session and camera."""
    mounting, _ = pose_row(camera.T_base_optical)
    return (camera.width, camera.height, _blob(camera.matrix), camera.distortion_model,
            _blob(camera.distortion), int(camera.rectified), mounting)


def calibration_from(name: str, row: Row) -> Camera:
    """Read what :func:`calibration_row` made; ValueError or TypeError for anything else."""
    width, height, matrix, model, distortion, rectified, mounting = row
    if not isinstance(model, str):
        raise ValueError(f'the distortion model of camera {name!r} is no text')
    return Camera(name, width, height, np.frombuffer(matrix, '<f8').reshape(3, 3), model,
                  np.frombuffer(distortion, '<f8'), bool(rectified), pose_from(mounting))


def _blob(values: NDArray[np.float64]) -> bytes:
    return np.ascontiguousarray(values, '<f8').tobytes()
