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


"""The page about data sets says what the readers say, and its commands can be typed."""

from pathlib import Path
import re
import shlex

import pytest
from vpr_ros.config import make_settings
from vpr_ros.config import parameters
from vpr_ros.config import parse_assignments
from vpr_ros.datasets.page import page
from vpr_ros.datasets.reading import ReadingSettings
from vpr_ros.datasets.registry import KNOWN

ROOT = Path(__file__).resolve().parents[2]
BY_NAME = {known.name: known for known in KNOWN}


def commands():
    return [shlex.split(line.partition('    #')[0]) for line in page().splitlines()
            if line.startswith('vpr_ros ')]


def section(name):
    return page().partition(f'\n### {name}\n')[2].partition('\n### ')[0]


def test_the_page_is_up_to_date():
    assert (ROOT / 'docs/datasets.md').read_text(encoding='utf-8') == page(), (
        'python -m vpr_ros.datasets.page > docs/datasets.md')


@pytest.mark.parametrize('known', KNOWN, ids=lambda known: known.name)
def test_every_set_has_a_section_with_its_options(known):
    text = section(known.name)
    assert known.source in text
    assert known.licence in text
    # A variant may say that its options are those of another set.
    as_of = re.search(r'Options as of \[(\w+)\]', text)
    rows = re.findall(r'^\| `([\w.]+)` \|', section(as_of[1]) if as_of else text, re.MULTILINE)
    own = {row.name for row in parameters(known.settings_type)} - {
        row.name for row in parameters(ReadingSettings)}
    assert set(rows) >= own


@pytest.mark.parametrize('words', commands(), ids=' '.join)
def test_every_command_has_the_options_that_it_is_given(parsed, words):
    given = parsed(words)
    data = given.get('data') or ''
    name, _, query = str(data).partition('?')
    name = name.partition(':')[0]
    if name in BY_NAME:
        options = [text.replace('=', ':=', 1) for text in query.split('&') if text]
        model = BY_NAME[name].settings_type
        make_settings(model, parse_assignments(model, [*options, *(given.get('param') or [])]))
    else:
        assert not query
        assert name in ('', 'town') or '/' in name, name


def test_links_lead_to_files():
    for link in re.findall(r'\]\(([^)#]+)\)', page()):
        assert link.startswith('https://') or (ROOT / 'docs' / link).is_file(), link
    for anchor in re.findall(r'\]\(#([^)]+)\)', page()):
        assert re.search(f'^#+ {anchor}$', page(), flags=re.MULTILINE | re.IGNORECASE), anchor
