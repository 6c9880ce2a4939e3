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
