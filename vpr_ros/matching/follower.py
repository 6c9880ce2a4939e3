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


"""What follows a robot through a map, frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
import time
from typing import Any
from typing import Protocol
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.matching.belief import Belief
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.types import Pose

__all__ = ['Follower', 'FollowerState', 'Look', 'Near', 'StageTimes']


# Tells which of some rows (n,) of a map are near a place. Asked of few: a map is large.
Near: TypeAlias = Callable[[NDArray[np.int64]], NDArray[np.bool_]]


@dataclass(frozen=True, eq=False)
class Look:
    """
    What a follower is told of one moment.

    :param descriptor: (D,) float32, L2-normalised; of the leading camera.
    :param T_odom_base: where odometry had the robot, when known.
    :param others: (n, D) what other cameras saw at that moment.
    """

    stamp_ns: int
    descriptor: NDArray[np.float32]
    T_odom_base: Pose | None = None
    others: NDArray[np.float32] | None = None

    @property
    def descriptors(self) -> NDArray[np.float32]:
        """Return (1 + n, D) of all cameras, the leading one first."""
        lead = self.descriptor[None]
        return lead if self.others is None else np.concatenate([lead, self.others])


class StageTimes(dict[str, int]):
    """Nanoseconds of each stage that a frame went through."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that is spent within to a stage."""
        began = time.perf_counter_ns()
        try:
            yield
        finally:
            self[name] = self.get(name, 0) + time.perf_counter_ns() - began


@dataclass(frozen=True, eq=False)
class FollowerState:
    """
    All that a follower remembers of earlier frames: named arrays, as they are written to a file.

    :param kind: of the follower that it is of.
    """

    kind: str
    arrays: dict[str, NDArray[Any]]

    def of_kind(self, kind: str) -> dict[str, NDArray[Any]]:
        """Return the arrays; VprError when another follower made them."""
        if self.kind != kind:
            raise VprError(f'this state was saved with the filter {self.kind!r}, the filter here '
                           f'is {kind!r}: restore it with the setting that saved it')
        return self.arrays

    def numbers(self, name: str, count: int) -> NDArray[Any]:
        """Return a named array of so many finite numbers; VprError for anything else."""
        array = self.arrays.get(name)
        if array is None or array.shape != (count,) or array.dtype.kind not in 'if' \
                or not np.isfinite(array).all():
            came = 'nothing' if array is None else f'{array.dtype} of shape {array.shape}'
            raise VprError(f'a state of the filter {self.kind!r} holds {count} finite numbers '
                           f'{name!r}, this one has {came}: it is damaged; start anew')
        return array


class Follower(Protocol):
    """Follows one robot through one map."""

    def follow(self, look: Look, times: StageTimes) -> Belief:
        """Take in one frame; stamps never go back between two resets."""
        ...

    def reset(self) -> None:
        """Forget all frames."""
        ...

    def state(self) -> FollowerState:
        """Return what is remembered; later frames do not change it."""
        ...

    def restore(self, state: FollowerState) -> None:
        """Go on where a state was taken."""
        ...

    def confirm(self, row: int, near: Near, log_ratio: float) -> None:
        """
        Take in what a closer look says of a place, after :meth:`follow`.

        :param row: of the place.
        :param near: which places share what is said of it.
        :param log_ratio: log likelihood ratio "taken at one of them" against "taken elsewhere".
        """
        ...

    def change_settings(self, settings: MatchingSettings) -> None:
        """Go on with other settings, of those that may change while it runs."""
        ...
