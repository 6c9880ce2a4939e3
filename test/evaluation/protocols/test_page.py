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

"""The page about protocols says what they say, and what it shows can be typed."""

from pathlib import Path
import re
import shlex

import pytest
from vpr_ros.errors import VprError
from vpr_ros.evaluation.protocols import page as pages
from vpr_ros.evaluation.protocols.page import page
from vpr_ros.evaluation.protocols.protocol import Pair
from vpr_ros.evaluation.protocols.protocol import Protocol
from vpr_ros.evaluation.protocols.protocol import protocol_names
from vpr_ros.evaluation.protocols.protocol import read_protocol
from vpr_ros.evaluation.protocols.protocol import TruthRule

ROOT = Path(__file__).resolve().parents[3]


def commands():
    return [shlex.split(line.partition('    #')[0]) for line in page().splitlines()
            if line.startswith('vpr_ros ')]


def test_the_page_is_up_to_date():
    assert (ROOT / 'docs/protocols.md').read_text(encoding='utf-8') == page(), (
        'python -m vpr_ros.evaluation.protocols.page > docs/protocols.md')


@pytest.mark.parametrize('name', protocol_names())
def test_every_protocol_is_there_with_its_hash(name):
    protocol = read_protocol(name)
    part = page().partition(f'\n### {name}\n')[2].partition('\n### ')[0] if protocol.source else \
        next(line for line in page().splitlines() if line.startswith(f'| `{name}` |'))
    assert protocol.about.strip() in part
    assert f'`{protocol.hash}`' in part
    for row in protocol.networks:
        assert f'\n| {row.label} | `{row.network}` |' in part
    for label, numbers in protocol.published.items():
        [line] = [line for line in part.splitlines()
                  if re.match(re.escape(f'| {label} | ') + r'[\d.]*[ |]', line)]
        printed = {float(cell) for cell in line.split('|')[2:-1] if cell.strip()}
        assert printed == {value for values in numbers.values() for value in values.values()}


@pytest.mark.parametrize('words', commands(), ids=' '.join)
def test_every_command_has_the_options_that_it_is_given(parsed, words):
    given = parsed(words)
    for name in given.get('protocol') or ():
        assert name == 'mine.yaml' or name in protocol_names()


def test_the_example_is_a_protocol(tmp_path):
    text = re.search(r'```yaml\n(.*?)```', page(), re.DOTALL)[1]
    (tmp_path / 'mine.yaml').write_text(text)
    with pytest.raises(VprError, match='there is no file .*by_hand.csv'):
        read_protocol(tmp_path / 'mine.yaml')
    (tmp_path / 'by_hand.csv').write_text('query,reference\n')
    assert [pair.name for pair in read_protocol(tmp_path / 'mine.yaml').pairs] == [
        'lights_off', 'other_side']


def test_every_key_has_a_meaning():
    for record in (Protocol, Pair, TruthRule):
        rows = re.findall(r'^\| `(\w+)` \|[^|]*\| (.+) \|$', '\n'.join(pages._keys(record)),
                          re.MULTILINE)
        left_out = {'name', 'folder'} if record is Protocol else set()
        assert [name for name, _ in rows] == [
            name for name in record.model_fields if name not in left_out]


def test_links_lead_somewhere():
    for file, anchor in re.findall(r'\]\(([\w.]+)(?:#([\w-]+))?\)', page()):
        text = (ROOT / 'docs' / file).read_text(encoding='utf-8')
        anchors = {re.sub(r'[^\w -]', '', title.lower()).replace(' ', '-')
                   for title in re.findall(r'^#+ (.+)$', text, re.MULTILINE)}
        assert not anchor or anchor in anchors, (file, anchor)
