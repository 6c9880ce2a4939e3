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

"""A box for one thing: the latest."""

from __future__ import annotations

from threading import Condition
from typing import Generic
from typing import TypeVar

__all__ = ['LatestSlot']

Item = TypeVar('Item')


class LatestSlot(Generic[Item]):
    """
    Hands the latest item from one thread to another.

    A robot that is slower than its camera must answer about now, not about a queue of the past:
    an item that nobody took is replaced, and counted as dropped.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._item: Item | None = None
        self._full = False
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """How many items were replaced before anybody took them."""
        return self._dropped

    def put(self, item: Item) -> None:
        """Leave an item; never waits. After :meth:`close` it is ignored."""
        with self._changed:
            if self._closed:
                return
            self._dropped += self._full
            self._item, self._full = item, True
            self._changed.notify()

    def take(self) -> Item | None:
        """Wait for an item and take it; None once the slot is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._full or self._closed)
            if self._closed:
                return None
            item, self._item, self._full = self._item, None, False
            return item

    def close(self) -> None:
        """Wake who waits; what was not taken is gone."""
        with self._changed:
            self._closed = True
            self._item, self._full = None, False
            self._changed.notify_all()
