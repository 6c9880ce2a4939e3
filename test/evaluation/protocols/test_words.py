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

"""Rules and printed numbers in words."""

import pytest
from vpr_ros.evaluation.protocols.protocol import Pair
from vpr_ros.evaluation.protocols.protocol import Protocol
from vpr_ros.evaluation.protocols.protocol import TruthRule
from vpr_ros.evaluation.protocols.words import data_sets
from vpr_ros.evaluation.protocols.words import frame_words
from vpr_ros.evaluation.protocols.words import printed_numbers
from vpr_ros.evaluation.protocols.words import truth_words


def pair(**changes):
    values = {'name': 'p', 'data': 'd', 'reference': 'a', 'query': 'b', 'truth': {'frames': 1}}
    return Pair.model_validate({**values, **changes}, strict=False)


@pytest.mark.parametrize('rule, words', [
    ({'frames': 0}, 'same frame number'), ({'frames': 1}, 'within 1 frame'),
    ({'frames': 3}, 'within 3 frames'), ({'metres': 2.5}, 'within 2.5 m'),
    ({'nearest_frames': 5}, 'within 5 frames of the nearest, within 25 m'),
    ({'nearest_frames': 1, 'nearest_metres': 8.0}, 'within 1 frame of the nearest, within 8 m'),
    ({'lists': 'a.csv'}, 'listed in a.csv'), ({'published': True}, 'as the data set publishes it'),
])
def test_a_rule_in_words(rule, words):
    assert truth_words(TruthRule(**rule)) == words


@pytest.mark.parametrize('changes, words', [
    ({}, ''), ({'reference_every_m': 1.0}, 'a reference every 1 m'),
    ({'query_every_s': 0.5}, 'a query every 0.5 s'),
    ({'reference_every_s': 1.0, 'query_every_s': 1.0}, 'a frame every 1 s'),
    ({'reference_every_s': 1.0, 'reference_every_m': 2.0, 'query_every_s': 1.0},
     'a reference every 1 s and 2 m; a query every 1 s'),
    ({'part': [10, 20], 'options': ['posed_only:=true']}, 'frames 10 to 19; posed_only true'),
    ({'reference_crop': {'left': 0.2, 'bottom': 0.1667}},
     'references without 20 % on the left, 16.67 % at the bottom'),
])
def test_frames_in_words(changes, words):
    assert frame_words(pair(**changes)) == words


def test_printed_numbers_are_a_table():
    protocol = Protocol.model_validate({
        'name': 'n', 'title': 't', 'pairs': [pair(), pair(name='q', data='e', group='g')],
        'published': {'One': {'p': {'auc': 0.5}, 'g': {'auc': 0.0, 'auc worst': 0.25}},
                      'Two': {'g': {'auc': 0.0096}}}}, strict=False)
    columns, rows = printed_numbers(protocol)
    assert columns == [('p', 'auc'), ('g', 'auc'), ('g', 'auc worst')]
    # As many digits as the finest of them: these were printed by one paper.
    assert rows == [['One', '0.5000', '0.0000', '0.2500'], ['Two', '', '0.0096', '']]
    assert data_sets(protocol) == ['d', 'e']
