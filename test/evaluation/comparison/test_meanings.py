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

"""Every number of a table says what it means."""

import pytest
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.comparison.meanings import MEASURES


def test_every_measure_is_called_and_explained_in_its_own_words():
    assert len({each.title for each in MEASURES.values()}) == len(MEASURES)
    assert len({each.meaning for each in MEASURES.values()}) == len(MEASURES)
    for name, each in MEASURES.items():
        assert measure_named(name) is each
        assert each.meaning.endswith('.')
        assert '. ' not in each.meaning.replace('et al. ', '')


def test_lower_is_better_of_errors_and_of_what_is_lost():
    lower = {name for name, each in MEASURES.items() if each.better == 'lower'}
    assert lower == {'longest_unlocalized', 'longest_unlocalized_m', 'calibration_error', 'brier'}


@pytest.mark.parametrize(('name', 'title', 'words'), [
    ('match_ms@50', 'match p50', '50 of 100 images'),
    ('match_ms@99', 'match p99', '99 of 100 images'),
    ('motion_ms@max', 'motion max', 'longest time of the stage "motion"'),
])
def test_times_have_the_names_of_their_stages(name, title, words):
    found = measure_named(name)
    assert (found.title, found.better, found.kind) == (title, 'lower', 'ms')
    assert words in found.meaning


@pytest.mark.parametrize(('name', 'meant'), [
    ('recall@2', 'recall@20'), ('AUC', 'auc'), ('match_ms@98', 'match_ms@9'), ('_ms@50', '')])
def test_a_name_that_is_almost_right_is_told_how_it_is_meant(name, meant):
    with pytest.raises(VprError, match=f"unknown measure '{name}'.*{meant}"):
        measure_named(name)
