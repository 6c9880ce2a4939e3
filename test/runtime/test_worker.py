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
