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
Activation maps of images, kept on disk: what a segmentation sees need not be computed twice.

One compressed file per image, of bytes as Holder et al. 2023 keep them. A file that is damaged or
of another shape counts as none and is written anew. Several processes may share a folder.
"""

from __future__ import annotations

import hashlib
import logging
import math
from pathlib import Path
import tempfile

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from vpr_ros.errors import VprError

__all__ = ['activation_key', 'ActivationCache']

_LOGGER = logging.getLogger(__name__)

# Of the .npy header inside a file, with room to spare.
_HEADER_BYTES = 1024


def activation_key(image: Tensor, segmentation: str) -> str:
    """
    Return 64 hexadecimal digits that name the maps of an image.

    :param image: (3, H, W) as the segmentation gets it; every value of it counts.
    :param segmentation: what tells one segmentation from another, such as the hash of its weights.
    """
    pixels = image.detach().float().cpu().contiguous()
    digest = hashlib.sha256(f'{segmentation} {tuple(pixels.shape)} '.encode())
    digest.update(pixels.numpy().tobytes())
    return digest.hexdigest()


class ActivationCache:
    """
    Maps (C, H, W) of bytes by the key of their image.

    :param folder: made when it is missing; nothing is read or written outside of it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise VprError(f'cannot keep activations in {folder}: expected a folder that can be '
                           f'written ({error.strerror})') from error
        self.folder = folder
        self._warned = False

    def read(self, key: str, shape: tuple[int, int, int]) -> NDArray[np.uint8] | None:
        """Return the maps of that key, or None where there are none of that shape."""
        path = self._path(key)
        try:
            with np.load(path, allow_pickle=False) as file:
                # Sizes are checked before anything is unpacked.
                size = file.zip.getinfo('maps.npy').file_size
                if size > math.prod(shape) + _HEADER_BYTES:
                    raise ValueError(f'{size} bytes of maps, expected {math.prod(shape)}')
                maps: NDArray[np.uint8] = file['maps']
        except FileNotFoundError:
            return None
        # A damaged file makes the readers of zip and npy raise almost anything.
        except Exception as error:
            _LOGGER.warning('%s is damaged and will be written anew (%s)', path, error)
            return None
        return maps if maps.shape == shape and maps.dtype == np.dtype(np.uint8) else None

    def write(self, key: str, maps: NDArray[np.uint8]) -> None:
        """
        Keep maps; the file appears whole or not at all.

        A disk that is full is told of once and no error: the maps are there all the same.
        """
        partial: Path | None = None
        try:
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix='.', suffix='.partial',
                                             delete=False) as file:
                partial = Path(file.name)
                np.savez_compressed(file, maps=maps)
            partial.replace(self._path(key))
        except OSError as error:
            if not self._warned:
                _LOGGER.warning('cannot keep activations in %s: %s', self.folder, error)
            self._warned = True
        finally:
            if partial is not None:
                partial.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        if not key or set(key) - set('0123456789abcdef'):
            raise ValueError(f'a key is made of hexadecimal digits, got {key!r}')
        return self.folder / f'{key}.npz'
