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


"""Items that are made on a thread of their own, before they are asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
import threading
from types import TracebackType
from typing import Generic
from typing import TypeVar

__all__ = ['ReadAhead']

Item = TypeVar('Item')


class ReadAhead(Generic[Item]):
    """
    Iterates over items that a thread makes ahead of time; a context manager that ends the thread.

    What making an item raises comes after the items before it.

    :param items: are made on that thread alone.
    :param weight: of an item, such as its bytes.
    :param limit: no more is made while what waits weighs as much, but one item always.
    """

    def __init__(self, items: Iterable[Item], *, weight: Callable[[Item], int],
                 limit: int) -> None:
        self._items = items
        self._weight = weight
        self._limit = limit
        self._waiting: deque[Item] = deque()
        self._weighs = 0
        self._made_all = False
        self._closed = False
        self._error: BaseException | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._make, name='read ahead', daemon=True)

    def __enter__(self) -> ReadAhead[Item]:
        """Begin to make items."""
        self._thread.start()
        return self

    def __exit__(self, error_type: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """End the thread once it has made the item that it is at."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def __iter__(self) -> Iterator[Item]:
        """Return itself: each item comes once."""
        return self

    def __next__(self) -> Item:
        """Return the next item, and wait for it where it is not made yet."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._made_all)
            if self._waiting:
                item = self._waiting.popleft()
                self._weighs -= self._weight(item)
                self._changed.notify_all()
                return item
        if self._error is not None:
            raise self._error
        raise StopIteration

    def wait_for_some(self, timeout_s: float) -> None:
        """
        Wait for the first item, and then until as much is made as may wait.

        :param timeout_s: how long that may take once the first is there.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._made_all)
            self._changed.wait_for(lambda: self._is_full() or self._made_all, timeout_s)

    def _is_full(self) -> bool:
        return bool(self._waiting) and self._weighs >= self._limit

    def _make(self) -> None:
        try:
            for item in self._items:
                with self._changed:
                    self._waiting.append(item)
                    self._weighs += self._weight(item)
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._closed or not self._is_full())
                    if self._closed:
                        break
        except BaseException as error:  # is raised where the items are wanted
            self._error = error
        finally:
            with self._changed:
                self._made_all = True
                self._changed.notify_all()
