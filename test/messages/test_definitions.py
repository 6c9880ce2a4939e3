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

"""The message texts exist twice; they must not drift apart."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_package_data_equals_the_interface_package():
    interface = ROOT / 'vpr_msgs' / 'msg'
    data = ROOT / 'vpr_ros' / 'messages' / 'definitions' / 'vpr_msgs' / 'msg'
    texts = {path.name: path.read_text() for path in interface.glob('*.msg')}
    assert len(texts) >= 3
    assert {path.name: path.read_text() for path in data.glob('*.msg')} == texts


@pytest.mark.parametrize('path', sorted((ROOT / 'vpr_msgs').glob('*/*.[ms][sr][gv]')),
                         ids=lambda path: path.name)
def test_every_field_says_what_it_is(path):
    first, *lines = path.read_text().splitlines()
    assert first.startswith('# ') and first.endswith('.')
    fields = [line for line in lines if line and line[0] not in '#- ' and '=' not in line]
    assert fields
    assert [line for line in fields if '  # ' not in line] == []
