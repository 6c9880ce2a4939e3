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


"""Signals that come while the main thread waits where Python cannot see them."""

from __future__ import annotations

from collections.abc import Callable
import signal
import socket
import threading
from types import FrameType
from typing import Any

__all__ = ['PromptSignals']


class PromptSignals:
    """
    Puts off SIGINT and SIGTERM to where they can do no harm, and ends the waiting for them.

    A context manager: within, their handlers are called by :meth:`heed` alone, and no exception
    comes from anywhere else. SIGTERM, where nobody has set a handler, does what SIGINT does, which
    is to raise KeyboardInterrupt. On another than the main thread, where no signals come, this
    does nothing.

    :param wake: ends the waiting of the main thread; called on another.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._before: dict[int, Any] = {}
        self._came: list[int] = []

    def __enter__(self) -> PromptSignals:
        if threading.current_thread() is not threading.main_thread():
            return self
        for number in (signal.SIGINT, signal.SIGTERM):
            # Not where it is ignored, as SIGINT is by what a script runs in the background.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        self._told, self._tells = socket.socketpair()
        self._tells.setblocking(False)
        # Python writes a byte for each signal, whatever the main thread waits for.
        self._fd_before = signal.set_wakeup_fd(self._tells.fileno(), warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._pass_on, name='vpr_ros signals', daemon=True)
        self._thread.start()
        return self

    def heed(self) -> None:
        """Call the handlers of signals that have come."""
        while self._came:
            number = self._came.pop(0)
            handler = self._before[number]
            if not callable(handler):  # none was set
                handler = self._before.get(signal.SIGINT, signal.default_int_handler)
            handler(number, None)

    def __exit__(self, *error: object) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        signal.set_wakeup_fd(self._fd_before)
        self._tells.close()
        self._thread.join()
        self._told.close()
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self.heed()

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._came.append(number)

    def _pass_on(self) -> None:
        while self._told.recv(1):
            self._wake()
