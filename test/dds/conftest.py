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


"""A domain on this machine alone, and other processes on it."""

from collections.abc import Callable
from collections.abc import Iterator
from importlib.util import find_spec
import os
import subprocess
import sys
import time
from typing import Any

import pytest

# Without the extra "dds" there is nothing to test.
collect_ignore_glob = [] if find_spec('cyclonedds') else ['test_*.py']


def own_domain() -> int:
    """Return a domain of this process: its ports lie below those that others get at random."""
    return 2 + os.getpid() % 100


@pytest.fixture(autouse=True)
def domain(monkeypatch: pytest.MonkeyPatch) -> int:
    """Return the number of the domain that the environment says, on this machine alone."""
    for name in ('ROS_STATIC_PEERS', 'ROS_LOCALHOST_ONLY', 'CYCLONEDDS_URI'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    monkeypatch.setenv('ROS_DOMAIN_ID', str(own_domain()))
    return own_domain()


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any]], Any]:
    """Return what waits until a call returns something that is true, and returns that."""
    def wait(call: Callable[[], Any], timeout_s: float = 20.0) -> Any:
        end_s = time.monotonic() + timeout_s
        while not (found := call()):
            assert time.monotonic() < end_s, 'waited in vain'
            time.sleep(0.01)
        return found
    return wait


@pytest.fixture
def node(domain: int) -> Iterator[Any]:
    """Return a participant."""
    from vpr_ros.dds.participant import Participant

    with Participant('tester') as participant:
        yield participant


@pytest.fixture
def spawn(domain: int) -> Iterator[Callable[..., 'subprocess.Popen[str]']]:
    """Return what runs Python in a process of its own, which is ended with the test."""
    processes: list[subprocess.Popen[str]] = []

    def run(code: str, *words: str, **environment: str) -> 'subprocess.Popen[str]':
        process = subprocess.Popen(
            [sys.executable, '-c', code, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.communicate()
