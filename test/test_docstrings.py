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

from vpr_ros.docstrings import parameters_told


def documented() -> None:
    """
    Do something.

    :param one: in a line.
    :param two: in
        several lines.
    :returns: nothing.
    """


def test_parameters_are_told_by_name() -> None:
    assert parameters_told(documented) == {'one': 'in a line.', 'two': 'in\n    several lines.'}
    assert parameters_told(lambda: None) == {}
