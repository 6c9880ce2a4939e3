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


"""Ctrl-C, which comes twice under ``ros2 launch``: from the terminal and from the launch."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import suppress
import signal
from types import FrameType

__all__ = ['interrupt_once']


def interrupt_once(*others: signal.Signals) -> Callable[[], None]:
    """
    Let the first interrupt end what runs, and none after it the closing of files.

    Called before ``rclpy.init``, whose handler calls the one that was there before.

    :param others: signals that are to do what Ctrl-C does.
    :return: lets no interrupt through from then on, not even a first one: for what has ended
        already, as rclpy may before Python has heard of the signal.
    """
    let_through = True

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal let_through
        if let_through:
            let_through = False
            raise KeyboardInterrupt

    def let_none_through() -> None:
        nonlocal let_through
        with suppress(KeyboardInterrupt):
            let_through = False

    for number in (signal.SIGINT, *others):
        signal.signal(number, interrupt)
        # Python gives them back to the system before it has ended, which ends it by the signal.
        atexit.register(signal.signal, number, signal.SIG_IGN)
    return let_none_through
