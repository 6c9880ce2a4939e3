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

"""The page that all reports are made of."""

import numpy as np
import pytest
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.report_page import card
from vpr_ros.evaluation.report_page import facts
from vpr_ros.evaluation.report_page import heading
from vpr_ros.evaluation.report_page import inline_picture
from vpr_ros.evaluation.report_page import render_page
from vpr_ros.evaluation.report_page import scroll_table
from vpr_ros.evaluation.report_page import write_page


def test_sections_without_a_body_are_left_out_of_page_and_navigation():
    page = render_page('a <b>', 'kind', 'lead', [
        ('summary', 'Summary', heading('summary', 'Sum')), ('plan', 'Plan', None),
        ('speed', 'Speed', Markup(''))], version='7.8')
    assert '<title>a &lt;b&gt;</title>' in page
    assert page.count('<section') == 1
    assert 'href="#plan"' not in page
    assert 'id="summary-title"' in page
    assert 'Written by vpr_ros 7.8.' in page
    assert 'Written by vpr_ros.' in render_page('t', 'k', 'l', [])


def test_tables_and_facts_escape_what_they_are_given():
    table = scroll_table('numbers', 'a caption', ['', 'x < y'], [['first', '<3']])
    assert '<th scope="col">x &lt; y</th>' in table
    assert '<th scope="row">first</th><td>&lt;3</td>' in table
    assert 'tabindex="0"' in table
    listed = facts([('Map', '<m>'), ('Command', ''), ('Seed', None)])
    assert listed.count('<dt>') == 1
    assert '&lt;m&gt;' in listed
    assert '<small>' not in card('term', '5', '', 'small')


def test_pictures_are_carried_small():
    large = np.zeros((600, 800, 3), np.uint8)
    small = inline_picture(large, 'caption', 'alt')
    assert 'width="320"' in small
    assert 'height="240"' in small
    assert 'src="data:image/jpeg;base64,' in small


def test_a_page_appears_whole(tmp_path):
    path = tmp_path / 'page.html'
    assert write_page('new', str(path)) == path
    assert path.read_text() == 'new'
    with pytest.raises(OSError, match='gone'):
        write_page('new', tmp_path / 'gone' / 'page.html')
    assert [p.name for p in tmp_path.iterdir()] == ['page.html']
