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

import pytest
from vpr_ros.runtime.worker import Worker


def test_results_wait_until_they_are_collected_in_order():
    woken = threading.Semaphore(0)
    worker: Worker[int, int] = Worker(lambda job: job * job, woken.release)
    for job in (2, 3):
        worker.submit(job)
        assert woken.acquire(timeout=5)
    assert worker.collect() == [4, 9]
    assert worker.collect() == []
    worker.stop()


def test_a_slow_worker_answers_about_the_latest():
    begun, go_on, woken = threading.Event(), threading.Event(), threading.Semaphore(0)

    def work(job: int) -> int:
        begun.set()
        assert go_on.wait(timeout=5)
        return job

    worker: Worker[int, int] = Worker(work, woken.release)
    worker.submit(1)
    assert begun.wait(timeout=5)
    for job in (2, 3, 4):
        worker.submit(job)
    go_on.set()
    assert woken.acquire(timeout=5)
    assert woken.acquire(timeout=5)
    assert worker.collect() == [1, 4]
    assert worker.dropped == 2
    worker.stop()


def test_one_failure_is_a_result_and_not_the_end():
    woken = threading.Semaphore(0)
    worker: Worker[int, float] = Worker(lambda job: 1 / job, woken.release)
    for job in (0, 2):
        worker.submit(job)
        assert woken.acquire(timeout=5)
    failure, result = worker.collect()
    assert isinstance(failure, ZeroDivisionError)
    assert result == 0.5
    worker.stop()


@pytest.mark.parametrize('jobs', [0, 3])
def test_stopping_ends_the_thread(jobs):
    worker: Worker[int, int] = Worker(lambda job: job, lambda: None)
    for job in range(jobs):
        worker.submit(job)
    worker.stop()
    assert not worker._thread.is_alive()
    worker.submit(9)  # ignored, not an error


class Gate:
    """Work that lasts until it is let go, and what was done, in its order."""

    def __init__(self, depth: int = 1) -> None:
        self.done: list[object] = []
        self.begun, self.go_on = threading.Event(), threading.Event()
        self.woken = threading.Semaphore(0)
        self.worker: Worker[object, object] = Worker(self.work, self.woken.release, depth=depth)

    def work(self, job: object) -> object:
        self.begun.set()
        assert self.go_on.wait(timeout=5)
        self.done.append(job)
        return job

    def hold(self) -> None:
        """Have the worker busy with a first job."""
        self.worker.submit('first')
        assert self.begun.wait(timeout=5)

    def note(self, what: object) -> object:
        self.done.append(what)
        return what


def test_as_many_jobs_wait_as_there_is_room_for():
    gate = Gate(depth=3)
    gate.hold()
    for job in range(5):
        gate.worker.submit(job)
    assert (gate.worker.waiting, gate.worker.dropped) == (3, 2)
    gate.go_on.set()
    for _ in range(4):
        assert gate.woken.acquire(timeout=5)
    assert gate.worker.collect() == ['first', 2, 3, 4]
    assert gate.worker.waiting == 0
    gate.worker.stop()


def test_what_is_asked_for_is_done_before_the_jobs_that_wait():
    gate = Gate(depth=2)
    gate.hold()
    gate.worker.submit('job')
    answers = [gate.worker.ask(lambda n=n: gate.note(n)) for n in range(3)]
    assert not any(answer.done() for answer in answers)
    gate.go_on.set()
    assert [answer.result(timeout=5) for answer in answers] == [0, 1, 2]
    assert gate.woken.acquire(timeout=5) and gate.woken.acquire(timeout=5)
    assert gate.done == ['first', 0, 1, 2, 'job']
    # It is no result, and nobody is woken for it.
    assert gate.worker.collect() == ['first', 'job']
    assert not gate.woken.acquire(timeout=0.1)
    gate.worker.stop()


def test_what_is_asked_for_is_done_by_the_thread_that_works():
    worker: Worker[int, int] = Worker(lambda job: threading.get_ident(), lambda: None)
    assert worker.ask(threading.get_ident).result(timeout=5) == worker._thread.ident
    worker.stop()


def test_what_was_asked_for_is_done_even_if_the_worker_is_stopped_right_after():
    gate = Gate(depth=5)
    gate.hold()
    gate.worker.submit('job')
    answers = [gate.worker.ask(lambda n=n: gate.note(n)) for n in range(2)]
    stopping = threading.Thread(target=gate.worker.stop)
    stopping.start()
    ends_s = time.monotonic() + 5.0
    while gate.worker.waiting and time.monotonic() < ends_s:  # until it is told to stop
        time.sleep(0.001)
    gate.go_on.set()
    stopping.join(timeout=5)
    assert not stopping.is_alive()
    assert [answer.result(timeout=0) for answer in answers] == [0, 1]
    assert gate.done == ['first', 0, 1]


def test_a_worker_that_was_stopped_refuses():
    worker: Worker[int, int] = Worker(lambda job: job, lambda: None)
    worker.stop()
    answer = worker.ask(lambda: 1)
    with pytest.raises(RuntimeError, match='the worker has been stopped'):
        answer.result(timeout=0)


def test_an_error_reaches_who_asked_and_is_not_the_end():
    worker: Worker[int, int] = Worker(lambda job: job, lambda: None)
    with pytest.raises(ZeroDivisionError):
        worker.ask(lambda: 1 // 0).result(timeout=5)
    assert worker.ask(lambda: 2).result(timeout=5) == 2
    assert worker.collect() == []
    worker.stop()


def test_what_nobody_waits_for_any_more_is_not_done():
    gate = Gate()
    gate.hold()
    given_up = gate.worker.ask(lambda: gate.note('given up'))
    assert given_up.cancel()
    wanted = gate.worker.ask(lambda: gate.note('wanted'))
    gate.go_on.set()
    assert wanted.result(timeout=5) == 'wanted'
    assert gate.done == ['first', 'wanted']
    gate.worker.stop()


def test_jobs_that_are_forgotten_are_not_dropped_and_the_one_in_hand_is_finished():
    gate = Gate(depth=3)
    gate.hold()
    for job in range(3):
        gate.worker.submit(job)
    asked = gate.worker.ask(lambda: gate.note('asked'))
    gate.worker.forget()
    assert (gate.worker.waiting, gate.worker.dropped) == (0, 0)
    gate.worker.submit('later')
    gate.go_on.set()
    assert asked.result(timeout=5) == 'asked'
    assert gate.woken.acquire(timeout=5) and gate.woken.acquire(timeout=5)
    assert gate.worker.collect() == ['first', 'later']
    gate.worker.stop()
