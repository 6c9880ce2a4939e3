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


"""Ctrl-C, pressed again and again."""

import signal

import pytest
from vpr_ros.runtime.interrupts import interrupt_once


@pytest.fixture(autouse=True)
def the_handlers_of_pytest():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def test_the_first_interrupt_ends_what_runs_and_none_after_it():
    interrupt_once()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    for _ in range(3):
        signal.raise_signal(signal.SIGINT)


def test_other_signals_do_as_an_interrupt_does_and_count_with_it():
    interrupt_once(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGTERM)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.raise_signal(number)


def test_none_interrupts_what_is_ending_already():
    let_none_through = interrupt_once()
    let_none_through()
    signal.raise_signal(signal.SIGINT)
