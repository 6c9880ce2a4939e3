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


"""How late things were that were to happen at a time."""

from __future__ import annotations

from collections import deque

__all__ = ['Lateness']

# An hour of what a robot with one camera sends, and of a busy one the last minutes.
_KEPT = 200_000


class Lateness:
    """Remembers how late the last things were, and the latest of all."""

    def __init__(self) -> None:
        self._late_ns: deque[int] = deque(maxlen=_KEPT)
        self._latest_ns = 0

    def add(self, late_ns: int) -> None:
        """Take in one that was so late; what was early was in time."""
        self._late_ns.append(max(0, late_ns))
        self._latest_ns = max(self._latest_ns, late_ns)

    def of_share_s(self, share: float) -> float:
        """Return what this share of them was not later than; 0 where there were none."""
        if not self._late_ns:
            return 0.0
        in_order = sorted(self._late_ns)
        return in_order[min(len(in_order) - 1, int(share * len(in_order)))] / 1e9

    @property
    def latest_s(self) -> float:
        """Return how late the latest of all was."""
        return self._latest_ns / 1e9
