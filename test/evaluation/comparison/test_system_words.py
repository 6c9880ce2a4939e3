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

import json

from vpr_ros.evaluation.comparison.system_words import LISTED
from vpr_ros.evaluation.comparison.system_words import system_words
from vpr_ros.evaluation.comparison.table_markdown import results_markdown
from vpr_ros.evaluation.run import Provenance

NETWORK = json.dumps({'name': 'gem', 'dimension': 256, 'weights_hash': 'ab' * 32,
                      'options': '{"p": 3.0}'})


def test_a_label_says_which_network_it_is(make_result):
    results = [make_result(label='mine', network=NETWORK),
               make_result(label='mine', network=NETWORK, pair='rain'),
               make_result(label='theirs', network='', method='listed', statistics='not known')]
    assert system_words(results) == {
        'mine': ['gem, 256 numbers, weights abababababab, options {"p": 3.0}'],
        'theirs': [LISTED]}


def test_a_table_says_what_its_systems_are_and_how_it_was_made(make_result, protocol):
    text = results_markdown([make_result(label='mine', network=NETWORK)], [protocol],
                            provenance=Provenance(command='vpr_ros evaluate', version='1.2'))
    assert '- **mine**: gem, 256 numbers, weights abababababab, options' in text
    assert text.endswith('Made by `vpr_ros evaluate` (vpr_ros 1.2).\n')
