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


"""Items are made ahead of time, in order, and not without limit."""

from collections.abc import Iterator
import threading
import time

import pytest
from vpr_ros.runtime.read_ahead import ReadAhead


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == 'read ahead']


def test_items_come_in_order_from_another_thread():
    made_by = set()

    def items() -> Iterator[int]:
        for number in range(100):
            made_by.add(threading.current_thread())
            yield number

    with ReadAhead(items(), weight=lambda item: 1, limit=7) as ahead:
        assert list(ahead) == list(range(100))
        assert list(ahead) == []
    assert len(made_by) == 1
    assert threading.current_thread() not in made_by
    assert not readers()


def test_no_more_is_made_than_may_wait():
    made = []

    def items() -> Iterator[bytes]:
        while True:
            made.append(1)
            yield bytes(10)

    with ReadAhead(items(), weight=len, limit=40) as ahead:
        ahead.wait_for_some(10)
        time.sleep(0.05)
        assert len(made) == 4
        next(ahead)
        next(ahead)
        time.sleep(0.05)
        assert len(made) == 6
    assert not readers()


def test_what_is_heavier_than_the_limit_comes_through():
    with ReadAhead([b'x' * 100, b'y' * 100], weight=len, limit=10) as ahead:
        assert [item[:1] for item in ahead] == [b'x', b'y']


def test_an_error_comes_after_the_items_before_it():
    def items() -> Iterator[int]:
        yield 1
        yield 2
        raise KeyError('damaged')

    with ReadAhead(items(), weight=lambda item: 1, limit=100) as ahead:
        assert [next(ahead), next(ahead)] == [1, 2]
        for _ in range(2):
            with pytest.raises(KeyError, match='damaged'):
                next(ahead)


def test_waiting_ends_with_the_items_and_with_the_time():
    with ReadAhead([1, 2], weight=lambda item: 1, limit=100) as ahead:
        ahead.wait_for_some(60)
        assert list(ahead) == [1, 2]
    held = threading.Event()

    def slow() -> Iterator[int]:
        yield 1
        held.wait()
        yield 2

    with ReadAhead(slow(), weight=lambda item: 1, limit=2) as ahead:
        began_s = time.monotonic()
        ahead.wait_for_some(0.05)
        assert time.monotonic() - began_s >= 0.05
        held.set()
        assert list(ahead) == [1, 2]


def test_the_first_item_is_waited_for_however_long_it_takes():
    def searching() -> Iterator[int]:
        time.sleep(0.2)
        yield 1

    with ReadAhead(searching(), weight=lambda item: 1, limit=1) as ahead:
        began_s = time.monotonic()
        ahead.wait_for_some(0.01)
        assert time.monotonic() - began_s > 0.1
        assert list(ahead) == [1]
    with ReadAhead(iter([]), weight=len, limit=1) as nothing:
        nothing.wait_for_some(60)
        assert list(nothing) == []
