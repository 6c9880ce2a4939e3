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

"""Markup that cannot forget to escape."""

from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.markup import number


def test_text_is_escaped_and_markup_is_kept():
    inner = element('b', '<x> & "y"')
    assert inner == '<b>&lt;x&gt; &amp; "y"</b>'
    assert element('p', inner, ' < ', None, '') == f'<p>{inner} &lt; </p>'
    assert isinstance(element('p'), Markup)


def test_attributes_are_escaped_and_named_as_in_html():
    got = element('a', 'x', class_='big', aria_label='"><script>', href='#a', hidden=True,
                  title=None, draggable=False, name='n', viewBox='0 0 1 1')
    assert got == ('<a class="big" aria-label="&quot;&gt;&lt;script&gt;" href="#a" hidden '
                   'name="n" viewBox="0 0 1 1">x</a>')


def test_elements_without_end():
    assert element('img', alt='') == '<img alt="">'


def test_join_takes_one_or_many():
    assert join('a<b') == 'a&lt;b'
    assert join([Markup('<i>'), 3, None, 'x']) == '<i>3x'


def test_numbers_are_short():
    assert [number(v) for v in (1.0, 0.25, -3.14159, 120)] == ['1', '0.2', '-3.1', '120']
    assert number(0.256, 2) == '0.26'
    assert number(100.0, 0) == '100'
