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

import threading
import time

from vpr_ros.runtime.latest_slot import LatestSlot


def test_the_latest_replaces_what_waits_and_is_counted():
    slot: LatestSlot[int] = LatestSlot()
    for item in (1, 2, 3):
        slot.put(item)
    assert slot.take() == 3
    assert slot.dropped == 2


def test_take_waits_for_an_item():
    slot: LatestSlot[str] = LatestSlot()
    taken = []
    taker = threading.Thread(target=lambda: taken.append(slot.take()))
    taker.start()
    time.sleep(0.05)
    assert not taken
    slot.put('late')
    taker.join(timeout=5)
    assert taken == ['late']
    assert slot.dropped == 0


def test_closing_wakes_who_waits_and_forgets_what_lies_there():
    slot: LatestSlot[int] = LatestSlot()
    taken = []
    taker = threading.Thread(target=lambda: taken.append(slot.take()))
    taker.start()
    slot.close()
    taker.join(timeout=5)
    assert taken == [None]
    slot.put(1)
    assert slot.take() is None


def test_falsy_items_are_items():
    slot: LatestSlot[int] = LatestSlot()
    slot.put(0)
    slot.put(0)
    assert slot.take() == 0
    assert slot.dropped == 1


def test_with_room_for_several_the_oldest_is_taken_first_and_dropped_first():
    slot: LatestSlot[int] = LatestSlot(3)
    for item in range(5):
        slot.put(item)
    assert (slot.waiting, slot.dropped) == (3, 2)
    assert [slot.take() for _ in range(3)] == [2, 3, 4]
    assert (slot.waiting, slot.dropped) == (0, 2)
    slot.put(5)
    assert (slot.take(), slot.dropped) == (5, 2)


def test_what_is_urgent_is_taken_before_all_that_waits_in_its_own_order():
    slot: LatestSlot[str] = LatestSlot(2)
    slot.put('a')
    assert slot.put_first('first') and slot.put_first('second')
    slot.put('b')
    assert slot.waiting == 2
    assert [slot.take() for _ in range(4)] == ['first', 'second', 'a', 'b']


def test_what_is_urgent_is_never_dropped_and_drops_nothing():
    slot: LatestSlot[int] = LatestSlot(1)
    slot.put(0)
    for item in range(1, 6):
        slot.put_first(item)
    assert slot.dropped == 0
    slot.put(6)
    assert slot.dropped == 1
    assert [slot.take() for _ in range(6)] == [1, 2, 3, 4, 5, 6]


def test_who_waits_is_woken_by_what_is_urgent():
    slot: LatestSlot[str] = LatestSlot()
    taken = []
    taker = threading.Thread(target=lambda: taken.append(slot.take()))
    taker.start()
    time.sleep(0.05)
    slot.put_first('now')
    taker.join(timeout=5)
    assert taken == ['now']


def test_what_is_forgotten_was_not_dropped_and_what_is_urgent_stays():
    slot: LatestSlot[int] = LatestSlot(3)
    for item in range(3):
        slot.put(item)
    slot.put_first(9)
    slot.clear()
    assert (slot.waiting, slot.dropped) == (0, 0)
    slot.put(4)
    assert [slot.take(), slot.take()] == [9, 4]


def test_closed_it_hands_out_what_is_urgent_and_takes_nothing():
    slot: LatestSlot[int] = LatestSlot()
    slot.put(1)
    assert slot.put_first(2)
    slot.close()
    assert not slot.put_first(3)
    slot.put(4)
    assert [slot.take(), slot.take()] == [2, None]
    assert slot.waiting == 0
