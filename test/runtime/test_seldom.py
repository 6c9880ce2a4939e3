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

"""What goes on and on is said again, but not each time."""

from __future__ import annotations

from vpr_ros.runtime.seldom import Seldom


def test_one_thing_is_said_again_after_its_period_and_keeps_no_other_back() -> None:
    now_s = [100.0]
    seldom = Seldom(10.0, clock=lambda: now_s[0])
    assert seldom.due('odometry')
    assert not seldom.due('odometry')
    assert seldom.due('image')
    now_s[0] += 9.9
    assert not seldom.due('odometry')
    now_s[0] += 0.2
    assert seldom.due('odometry')
    assert not seldom.due('odometry')


def test_what_is_forgotten_is_said_when_it_comes_next() -> None:
    seldom = Seldom(10.0, clock=lambda: 0.0)
    assert seldom.due()
    seldom.forget()
    assert seldom.due()
