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
