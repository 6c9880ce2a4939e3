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

"""Images to batches, read and changed by worker processes that know nothing of the training."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
import os
from typing import Any
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset
from vpr_ros.errors import VprError
from vpr_ros.extraction.preparation import prepare
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.training.augmentation.augment import augment
from vpr_ros.training.augmentation.settings import AugmentationSettings
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.randomness import generator

__all__ = ['batches', 'Key', 'PreparedExamples', 'step_keys', 'worker_count']

Array = NDArray[Any]

#: An example, and the numbers that its random changes are a function of; none for no changes.
Key: TypeAlias = tuple[int, tuple[int, ...]]


class PreparedExamples(Dataset['Tensor | VprError']):
    """
    Examples at the input size of a network.

    :param augmentation: how they are changed, by the numbers of their key.
    :param sequences: whether a network of sequences takes them: (S, 3, H, W) instead of (3, H, W).
    """

    def __init__(self, images: PlaceImages, preprocessing: Preprocessing,
                 augmentation: AugmentationSettings, *, sequences: bool) -> None:
        self._images = images
        self._preprocessing = preprocessing
        self._augmentation = augmentation
        self._sequences = sequences

    def __getitem__(self, key: Key) -> Tensor | VprError:
        """
        Return an example as uint8 RGB.

        What is wrong with its images is returned too: raised, it would come from another process
        inside its traceback.
        """
        try:
            return self.example(key)
        except VprError as error:
            return error

    def example(self, key: Key) -> Tensor:
        """Return an example as uint8 RGB; VprError for images that cannot be read."""
        example, numbers = key
        views = self._images.read(example)
        if numbers and self._augmentation.enabled:
            size = (self._preprocessing.height, self._preprocessing.width)
            views = augment(views, self._augmentation, generator(*numbers), size=size)
        prepared = np.stack([prepare(view, self._preprocessing) for view in views])
        tensor = torch.from_numpy(prepared).permute(0, 3, 1, 2).contiguous()
        return tensor if self._sequences else tensor[0]


def batches(examples: PreparedExamples, keys: Sequence[Sequence[Key]], *,
            workers: int) -> Iterator[Tensor]:
    """Yield the images (B, 3, H, W) or (B, S, 3, H, W) uint8 of each batch of keys."""
    loader = DataLoader(examples, batch_sampler=_Listed(keys), num_workers=workers,
                        collate_fn=_stacked, worker_init_fn=_one_thread if workers else None)
    for batch in loader:
        if isinstance(batch, VprError):
            raise batch
        yield batch


def _stacked(read: list[Tensor | VprError]) -> Tensor | VprError:
    wrong = next((part for part in read if isinstance(part, VprError)), None)
    return wrong or torch.stack([part for part in read if isinstance(part, Tensor)])


class _Listed(torch.utils.data.Sampler[list[Key]]):

    def __init__(self, keys: Sequence[Sequence[Key]]) -> None:
        self._keys = keys

    def __iter__(self) -> Iterator[list[Key]]:
        return iter(map(list, self._keys))

    def __len__(self) -> int:
        return len(self._keys)


def _one_thread(_: int) -> None:
    cv2.setNumThreads(0)


def worker_count(wanted: int) -> int:
    """Return how many processes read images: as wanted, or what the machine has to spare."""
    if wanted >= 0:
        return wanted
    processes = int(os.environ.get('LOCAL_WORLD_SIZE', '1'))
    return max(0, min(8, len(os.sched_getaffinity(0)) // processes - 1))


def step_keys(examples: Array, *, seed: int, step: int, first: int = 0,
              own: int | None = None) -> list[Key]:
    """
    Return the keys of a step, so that an image is changed alike whoever reads it.

    :param first: position in the whole batch of the first of ``examples``.
    :param own: examples from this number on are shown as they are; None to change all.
    """
    return [(int(example), (seed, 5, step, first + i) if own is None or example < own else ())
            for i, example in enumerate(examples)]
