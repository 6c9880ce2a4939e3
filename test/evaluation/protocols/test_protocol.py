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

"""Protocols are read whole or refused, and a hash stands for a rule."""

import pytest
from vpr_ros.datasets import crop
from vpr_ros.errors import VprError
from vpr_ros.evaluation.protocols.protocol import protocol_names
from vpr_ros.evaluation.protocols.protocol import read_protocol

PAIR = '- {name: p, data: gardens_point, reference: a, query: b, truth: {frames: 3}%s}\n'
START = 'title: t\npairs:\n'


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a protocol of this text."""
    def reads(text, name='mine'):
        path = tmp_path / f'{name}.yaml'
        path.write_text(text)
        return read_protocol(path)

    return reads


def test_a_file_is_named_by_itself_and_knows_where_it_lies(read, tmp_path):
    protocol = read(START + PAIR % '')
    assert (protocol.name, protocol.folder) == ('mine', tmp_path)
    assert read_protocol(str(tmp_path / 'mine.yaml')) == protocol
    assert protocol.networks == ()
    assert protocol.measures == ('recall@1', 'recall@5', 'recall@10', 'auc')
    # What is written elsewhere tells nothing of this machine.
    assert str(tmp_path) not in protocol.model_dump_json() + repr(protocol)


def test_those_of_the_package_are_known_by_name():
    assert 'gardens_point_day_night' in protocol_names()
    assert read_protocol('gardens_point_day_night').name == 'gardens_point_day_night'
    with pytest.raises(VprError, match="unknown protocol 'gardenspoint'.*did you mean"):
        read_protocol('gardenspoint')


@pytest.mark.parametrize('text, told', [
    ('[1, 2]', 'is no protocol: expected title, pairs and so on'),
    ('title: [', 'cannot read the protocol .*mine.yaml'),
    ('title: t\npairs: []\n', 'pairs: tuple should have at least 1 item'),
    (START + PAIR % ', frames: 3', 'pairs.0.frames: extra inputs are not permitted, got 3'),
    (START + PAIR % ', reference_every_m: -1.0', 'pairs.0.reference_every_m: .*greater than or'),
    (START + PAIR % '' + PAIR % '', "two pairs are called 'p'"),
    (START + PAIR % ', group: p', "'p' is called both a pair and a group"),
    (START + PAIR % ', part: [3, 3]', 'part holds the number of the first frame'),
    (START + PAIR % ', query_crop: {left: 1.0}', 'what is cut off is a share'),
    (START + '- {name: a b, data: d, reference: a, query: b, truth: {frames: 3}}', 'pairs.0.name'),
    (START + '- {name: p, data: d, reference: a, query: b, truth: {}}',
     'expected just one of frames, .* got none'),
    (START + '- {name: p, data: d, reference: a, query: b, truth: {frames: 1, metres: 2.0}}',
     'got frames and metres'),
    (START + '- {name: p, data: d, reference: a, query: b, truth: {lists: gone.csv}}',
     'there is no file .*gone.csv, which truth.lists names'),
    ('published: {N: {q: {auc: 0.5}}}\n' + START + PAIR % '',
     "numbers are published of N on 'q', which is neither a pair nor a group .p."),
    ('published: {N: {p: {auc: 58.0}}}\n' + START + PAIR % '',
     "auc of N on 'p' is a share, from 0 to 1, got 58.0: is it in percent"),
    ('published: {N: {p: {acu worst: 0.5}}}\n' + START + PAIR % '',
     "unknown measure 'acu'.*did you mean 'auc'"),
    ('measures: [recall@2]\n' + START + PAIR % '', "unknown measure 'recall@2'"),
    ('measures: []\n' + START + PAIR % '', 'measures: tuple should have at least 1 item'),
    (START + '- {name: p, data: d, reference: a, query: b, truth: {frames: 3, nearest_metres: 9}}',
     'nearest_metres says nothing without nearest_frames'),
    ('networks: [{label: N, network: gem}, {label: N, network: gem}]\n' + START + PAIR % '',
     "two networks are called 'N'"),
])
def test_what_is_no_protocol_is_refused(read, text, told):
    with pytest.raises(VprError, match=told):
        read(text)


def test_a_file_that_is_missing_is_said_so(tmp_path):
    with pytest.raises(VprError, match='cannot read the protocol .*gone.yaml'):
        read_protocol(tmp_path / 'gone.yaml')


def test_numbers_may_be_published_of_a_pair_or_of_a_group(read):
    text = START + PAIR % ', group: g' + (PAIR % ', group: g').replace('name: p', 'name: q')
    protocol = read('published: {N: {q: {auc: 0.5}, g: {auc worst: 0.1}}}\n' + text)
    assert protocol.published['N']['g'] == {'auc worst': 0.1}
    assert {name: [pair.name for pair in pairs] for name, pairs in protocol.groups().items()} == {
        'g': ['p', 'q']}


def test_a_hash_is_of_the_rule_alone(read):
    one = read(START + PAIR % '')
    other = read('about: more words.\nmeasures: [auc]\nnetworks: [{label: N, network: gem}]\n'
                 + START + (PAIR % ', group: g').replace('name: p', 'name: q'), 'other')
    assert one.hash == other.hash
    assert one.pairs[0].hash == other.pairs[0].hash
    # What is said as it is anyway is the same rule, in whatever order.
    assert read(START + '- {truth: {frames: 3}, query: b, reference: a, data: gardens_point, '
                'name: p, query_every_s: 0.0, options: []}').hash == one.hash
    rules = [one] + [read(START + PAIR % more) for more in (
        ', query_every_s: 1.0', ', reference_every_s: 1.0', ', reference_every_m: 1.0',
        ", options: ['every_s:=1.0']", ', part: [0, 3]', ', query_crop: {top: 0.5}',
        ', reference_crop: {top: 0.5}')]
    rules += [read((START + PAIR % '').replace(*change)) for change in (
        ('frames: 3', 'frames: 2'), ('reference: a', 'reference: c'), ('query: b', 'query: c'),
        ('data: gardens_point', 'data: corridor'), ('{frames: 3}', '{published: true}'),
        ('{frames: 3}', '{metres: 3.0}'), ('{frames: 3}', '{nearest_frames: 3}'))]
    assert len({protocol.hash for protocol in rules}) == len(rules)
    two = START + PAIR % '' + (PAIR % ', query_every_s: 1.0').replace('name: p', 'name: q')
    turned = START + ''.join(reversed(two.removeprefix(START).splitlines(keepends=True)))
    assert read(two).hash != read(turned).hash


def test_hashes_stay_what_they_are():
    """Published numbers name them: one that changes by itself would break the tie."""
    assert read_protocol('gardens_point_day_night').pairs[0].hash == 'b8308edac041'
    assert read_protocol('gardens_point_day_night').hash == 'd43cf7b86ee5'


def test_a_crop_cuts_images(read):
    pair = read(START + PAIR % ', query_crop: {left: 0.25, bottom: 0.5}').pairs[0]
    assert pair.query_crop.parts() == crop.Crop(left=0.25, bottom=0.5)
    assert not pair.reference_crop.parts()
