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

"""What the last frames said of every place of a map, to be added up along lines."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError

__all__ = ['Trail']


class Trail:
    """
    The last frames, each a number for each of N places.

    Places stand in driving order with room before each traverse, so that a line that goes back
    beyond its first place meets ``outside`` and not the traverse before.

    :param session_of: (N,) the traverse of each place, increasing.
    :param frames: how many are kept.
    :param reach: how many places back a line goes at most.
    :param outside: the number of what is no place.
    """

    def __init__(self, session_of: NDArray[np.int64], frames: int, reach: int,
                 outside: float) -> None:
        traverses = np.cumsum(np.diff(session_of, prepend=session_of[:1]) != 0)
        self._at = np.arange(len(session_of)) + reach * traverses
        self._reach = reach
        self._outside = outside
        self._kept: deque[NDArray[np.float32]] = deque(maxlen=frames)
        self._last_ns: int | None = None

    def __len__(self) -> int:
        return len(self._kept)

    def clear(self) -> None:
        """Forget all frames."""
        self._kept.clear()
        self._last_ns = None

    def is_news(self, stamp_ns: int) -> bool:
        """Tell whether a stamp is later than that of the last frame."""
        return not self._kept or self._last_ns is None or stamp_ns > self._last_ns

    def add(self, stamp_ns: int, values: NDArray[np.float32]) -> None:
        """Keep what a frame says of the places, (N,)."""
        self._kept.append(self._spread(values))
        self._last_ns = stamp_ns

    def ago(self, frames: int, places: int) -> NDArray[np.float32]:
        """
        Return what the frame so many before the last said of the place so many before each.

        :returns: a view, of places and of room between traverses: see :meth:`of_places`.
        """
        kept = self._kept[-1 - frames]
        return kept[self._reach - places:len(kept) - places]

    def of_places(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the (N,) places among values laid out as :meth:`ago` lays them out."""
        return np.asarray(values[self._at])

    def least(self) -> float:
        """Return the least of all that was said; infinite when nothing was."""
        return min((float(kept.min()) for kept in self._kept), default=np.inf)

    def state(self) -> dict[str, NDArray[Any]]:
        """Return arrays to be kept; later frames do not change them."""
        kept = [k[self._reach + self._at] for k in self._kept]
        return {'said': np.array(kept, np.float32).reshape(len(kept), len(self._at)),
                'stamp_ns': np.array([] if self._last_ns is None else [self._last_ns], np.int64)}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Go on where a state was taken; of more frames than are kept here, take the last."""
        said, stamps = (arrays.get(name, np.array('nothing')) for name in ('said', 'stamp_ns'))
        if said.dtype.kind != 'f' or not np.isfinite(said).all() or stamps.dtype.kind != 'i' \
                or stamps.shape not in ((0,), (1,)):
            raise VprError('a state of this filter holds finite numbers "said" and a stamp, this '
                           'one does not: it is damaged; start anew')
        if said.ndim != 2 or said.shape[1] != len(self._at):
            raise VprError(f'this state was saved for another map: expected numbers of '
                           f'{len(self._at)} places, got an array of shape {said.shape}; start '
                           'anew')
        self.clear()
        self._kept.extend(self._spread(values) for values in said)
        self._last_ns = int(stamps[0]) if len(stamps) else None

    def _spread(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        room = np.full(self._reach + int(self._at[-1]) + 1, self._outside, np.float32)
        room[self._reach + self._at] = values
        return room
