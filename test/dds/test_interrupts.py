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


"""Signals are put off to where they can do no harm."""

import os
import signal
import socket
import threading

import pytest
from vpr_ros.dds.interrupts import PromptSignals


@pytest.fixture(autouse=True)
def handlers():
    """Have the handlers as they are when Python begins, and put back what was there."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_wakes_and_raises_where_it_is_heeded(number):
    woken = threading.Event()
    with PromptSignals(woken.set) as signals:
        signals.heed()
        os.kill(os.getpid(), number)
        assert woken.wait(10.0)
        with pytest.raises(KeyboardInterrupt):
            signals.heed()
        signals.heed()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert signal.set_wakeup_fd(-1) == -1


def test_a_signal_that_was_not_heeded_is_so_at_the_end():
    reached = []
    with pytest.raises(KeyboardInterrupt):
        with PromptSignals(lambda: None):
            os.kill(os.getpid(), signal.SIGINT)
            reached.append('end')
    assert reached == ['end']


def test_handlers_of_others_are_called_each_time_and_stay():
    called = []

    def handler(number, frame):
        called.append(number)

    signal.signal(signal.SIGTERM, handler)
    with PromptSignals(lambda: None) as signals:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGTERM)
            assert called == []
        signals.heed()
        assert called == [signal.SIGTERM] * 2
    assert signal.getsignal(signal.SIGTERM) is handler


def test_what_is_ignored_stays_ignored():
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with PromptSignals(lambda: None) as signals:
        os.kill(os.getpid(), signal.SIGINT)
        signals.heed()
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signals.heed()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_where_all_is_ignored_nothing_is_left_behind():
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threads = threading.active_count()
    with PromptSignals(lambda: None):
        pass
    assert threading.active_count() == threads
    assert signal.set_wakeup_fd(-1) == -1


def test_what_others_have_woken_is_put_back():
    told, tells = socket.socketpair()
    tells.setblocking(False)
    with told, tells:
        signal.set_wakeup_fd(tells.fileno())
        try:
            with PromptSignals(lambda: None):
                pass
        finally:
            assert signal.set_wakeup_fd(-1) == tells.fileno()


def test_on_another_thread_nothing_is_done():
    seen = []

    def run():
        with PromptSignals(lambda: None) as signals:
            signals.heed()
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]
