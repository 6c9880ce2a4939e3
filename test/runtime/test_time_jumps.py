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

from vpr_ros.runtime.time_jumps import goes_back

SECOND = 10 ** 9


def test_more_than_half_a_second_back_is_a_new_run():
    assert not goes_back(5 * SECOND, None)
    assert not goes_back(5 * SECOND, 5 * SECOND)
    assert not goes_back(5 * SECOND, 5 * SECOND + SECOND // 2)
    assert goes_back(5 * SECOND, 5 * SECOND + SECOND // 2 + 1)
    assert not goes_back(6 * SECOND, 5 * SECOND)
