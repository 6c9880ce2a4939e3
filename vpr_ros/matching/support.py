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


"""What geometry has been worth in a run so far."""

from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError

__all__ = ['Support']

# How fast is learnt what wrong places get, and what certain ones do.
_USUAL_RATE, _CERTAIN_RATE = 0.05, 0.02
# A belief that is hardly wrong, and how many such answers what was learnt before counts for.
_CERTAIN, _PATIENCE = 0.9, 20
# Answers of the last seconds support this one.
_MEMORY_S = 3.0


@dataclass
class Support:
    """
    What is remembered of verified answers.

    :ivar usual: mean of log (inliers + 1) at wrong places; None before the first.
    :ivar certain: mean of how far answers that are certain without geometry stand above that.
    :ivar mean: decayed mean of the log likelihood ratios of the best answers.
    """

    usual: float | None = None
    looks: int = 0
    certain: float = 0.0
    certain_looks: int = 0
    mean: float = 0.0
    last_ns: int | None = None

    def learn_usual(self, level: float) -> None:
        """Take in what a wrong place got."""
        self.looks += 1
        before = level if self.usual is None else self.usual
        self.usual = before + max(_USUAL_RATE, 1.0 / self.looks) * (level - before)

    def learn_certain(self, probability: float, above: float) -> None:
        """Take in how far the likeliest place stands above wrong ones."""
        if probability < _CERTAIN:
            return
        self.certain_looks += 1
        self.certain += max(_CERTAIN_RATE, 1.0 / self.certain_looks) * (above - self.certain)

    def stands_out(self, usual: float) -> float:
        """
        Return how far above wrong places right ones stand in this run, as far as it has shown.

        :param usual: what was learnt of that before.
        """
        counted = min(self.certain_looks, round(1.0 / _CERTAIN_RATE))
        return (_PATIENCE * usual + counted * self.certain) / (_PATIENCE + counted)

    def follow(self, stamp_ns: int, log_ratio: float) -> float:
        """Take in what geometry says of the best answer, and return the mean."""
        elapsed_s = _MEMORY_S if self.last_ns is None else (stamp_ns - self.last_ns) / 1e9
        self.last_ns = stamp_ns
        self.mean += (1.0 - math.exp(-max(elapsed_s, 0.0) / _MEMORY_S)) * (log_ratio - self.mean)
        return self.mean

    def array(self) -> NDArray[np.float64]:
        """Return all of it (5,), but the stamp, for a file."""
        return np.array([np.nan if self.usual is None else self.usual, self.looks, self.certain,
                         self.certain_looks, self.mean])

    @classmethod
    def of(cls, array: NDArray[np.float64], last_ns: int | None) -> Support:
        """Read what :meth:`array` made; VprError for anything else."""
        if array.shape != (5,) or array.dtype.kind != 'f' or not (
                np.isfinite(array[1:]).all() and not np.isinf(array[0])
                and min(array[1], array[3]) >= 0.0):
            raise VprError('what a state remembers of geometry is 5 numbers, of which two count, '
                           f'got {array!r}: it is damaged; start anew')
        usual, looks, certain, certain_looks, mean = array.tolist()
        return cls(None if math.isnan(usual) else usual, int(looks), certain, int(certain_looks),
                   mean, last_ns)
