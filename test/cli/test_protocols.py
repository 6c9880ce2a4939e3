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

"""Listing protocols, and showing one."""

import pytest
from vpr_ros.cli.protocols import protocols
from vpr_ros.errors import VprError
from vpr_ros.evaluation.protocols.protocol import protocol_names
from vpr_ros.evaluation.protocols.protocol import read_protocol


@pytest.fixture
def said(capsys):
    """Return a function that returns the lines that are printed."""
    def run(*arguments, **options):
        protocols(*arguments, **options)
        return capsys.readouterr().out.splitlines()

    return run


def words(lines, first):
    """Return the cells of the line that begins with this one."""
    [line] = [line for line in lines if line.split('  ')[0] == first]
    return [cell.strip() for cell in line.split('  ') if cell.strip()]


def test_all_are_listed_those_of_papers_last(said):
    lines = said()
    names = [line.split(' ')[0] for line in lines if line.split(' ')[0] in protocol_names()]
    assert sorted(names) == protocol_names()
    sources = [bool(read_protocol(name).source) for name in names]
    assert sources == sorted(sources)
    assert words(lines, 'corridor') == [
        'corridor', 'Corridor, an indoor walk twice', 'corridor', 'any', '1']
    assert words(lines, 'seymour2019_table1')[2:] == [
        'nordland_seymour, st_lucia, robotcar', '9', '12']


def test_one_is_shown_with_its_rule_its_rows_and_what_was_printed(said):
    lines = said('seymour2019_table1')
    text = ' '.join(' '.join(lines).split())
    assert read_protocol('seymour2019_table1').hash in text
    assert 'BMVC 2019, table 1' in text
    assert words(lines, 'robotcar_am_pm') == [
        'robotcar_am_pm', read_protocol('seymour2019_table1').pairs[10].hash, 'robotcar',
        'overcast_autumn', 'night_autumn', 'within 5 frames of the nearest, within 25 m',
        'a frame every 1 s; camera stereo_centre; posed_only true']
    assert 'APANet-MM saane {variant: apanet_mm}' in text
    assert words(lines, 'DenseVLAD') == ['DenseVLAD', '0.192', '0.645', '0.355', '0.229', '0.786']
    assert lines[-1] == 'st_lucia: mean and worst of 9 pairs'


def test_columns_that_would_be_empty_are_left_out(said):
    lines = said('corridor')
    assert words(lines, 'pair') == ['pair', 'rule', 'data', 'reference', 'query', 'right']
    assert words(lines, 'corridor')[2:] == ['corridor', 'ref', 'query', 'within 2 frames']


def test_a_file_is_printed_as_it_is(said, tmp_path):
    text = ('# Mine [bold] it is.\ntitle: t\npairs:\n- {name: p, data: town, reference: day, '
            'query: night, truth: {metres: 10.0}}\n')
    path = tmp_path / 'mine.yaml'
    path.write_text(text)
    assert '\n'.join([*said(str(path), yaml=True), '']) == text
    assert words(said(str(path)), 'p')[2:] == ['town', 'day', 'night', 'within 10 m']
    printed = said('gardens_point_day_night', yaml=True)
    (tmp_path / 'copy.yaml').write_text('\n'.join(printed))
    assert (read_protocol(tmp_path / 'copy.yaml').hash
            == read_protocol('gardens_point_day_night').hash)


def test_what_is_typed_wrong_is_told(said, tmp_path):
    with pytest.raises(VprError, match="unknown protocol 'coridor'; did you mean 'corridor'"):
        said('coridor')
    with pytest.raises(VprError, match='which protocol is to be printed'):
        said(yaml=True)
    (tmp_path / 'none.yaml').write_text('title: t\n')
    with pytest.raises(VprError, match='none.yaml is no protocol: pairs: field required'):
        said(str(tmp_path / 'none.yaml'), yaml=True)


def test_the_command_is_there(vpr_ros):
    assert 'gardens_point_day_night' in vpr_ros('protocols').stdout
    assert 'unknown protocol' in vpr_ros('protocols', 'nosuch', ok=False).stderr
