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


"""How late things were is known at the median, in the tail and at the worst."""

import pytest
from vpr_ros.runtime.lateness import Lateness


def test_shares_and_the_latest():
    lateness = Lateness()
    for late_ms in range(100, 0, -1):
        lateness.add(late_ms * 1_000_000)
    assert lateness.of_share_s(0.5) == pytest.approx(0.051)
    assert lateness.of_share_s(0.99) == pytest.approx(0.1)
    assert lateness.latest_s == pytest.approx(0.1)


def test_what_is_early_is_in_time():
    lateness = Lateness()
    lateness.add(-5)
    assert (lateness.of_share_s(0.5), lateness.latest_s) == (0, 0)


def test_of_nothing_nothing_was_late():
    lateness = Lateness()
    assert (lateness.of_share_s(0.5), lateness.of_share_s(0.99), lateness.latest_s) == (0, 0, 0)


def test_the_latest_of_all_is_remembered_and_memory_is_bounded():
    lateness = Lateness()
    lateness.add(10 ** 9)
    for _ in range(200_000):
        lateness.add(10 ** 6)
    assert lateness.of_share_s(1) == pytest.approx(1e-3)
    assert lateness.latest_s == pytest.approx(1)
