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

"""A box for the latest things."""

from __future__ import annotations

from collections import deque
from threading import Condition
from typing import Generic
from typing import TypeVar

__all__ = ['LatestSlot']

Item = TypeVar('Item')


class LatestSlot(Generic[Item]):
    """
    Hands the latest items from one thread to another, the oldest first.

    A robot that is slower than its camera must answer about now, not about a queue of the past:
    where nobody takes the items, the oldest one makes room for a new one, and is counted as
    dropped. What is urgent is taken before all others, and never dropped.

    :param depth: how many items there is room for; 1 keeps the latest alone.
    """

    def __init__(self, depth: int = 1) -> None:
        self._changed = Condition()
        self._urgent: deque[Item] = deque()
        self._items: deque[Item] = deque()
        self._depth = depth
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many items made room for others before anybody took them."""
        return self._dropped

    @property
    def waiting(self) -> int:
        """How many items wait to be taken, urgent ones aside."""
        return len(self._items)

    def put(self, item: Item) -> None:
        """Leave an item; never waits. After :meth:`close` it is ignored."""
        with self._changed:
            if self._closed:
                return
            if len(self._items) == self._depth:
                self._items.popleft()
                self._dropped += 1
            self._items.append(item)
            self._changed.notify()

    def put_first(self, item: Item) -> bool:
        """Leave an urgent item; False after :meth:`close`, when nobody will take it."""
        with self._changed:
            if not self._closed:
                self._urgent.append(item)
                self._changed.notify()
            return not self._closed

    def take(self) -> Item | None:
        """Wait for an item and take it; None once the slot is closed and nothing urgent left."""
        with self._changed:
            self._changed.wait_for(lambda: self._urgent or self._items or self._closed)
            if self._urgent:
                return self._urgent.popleft()
            return None if self._closed else self._items.popleft()

    def clear(self) -> None:
        """Forget what waits, as what was seen before a jump in time; urgent items stay."""
        with self._changed:
            self._items.clear()

    def close(self) -> None:
        """Wake who waits; what was not taken is gone, unless it is urgent."""
        with self._changed:
            self._closed = True
            self._items.clear()
            self._changed.notify_all()
