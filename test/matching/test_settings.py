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

"""The settings of matching."""

import pytest
from vpr_ros.config import make_settings
from vpr_ros.config import parameters
from vpr_ros.errors import VprError
from vpr_ros.matching.settings import MatchingSettings


def test_defaults_are_valid_and_described():
    rows = parameters(MatchingSettings)
    assert all(row.description.endswith('.') for row in rows)
    assert make_settings(MatchingSettings, {r.name: r.default for r in rows}) == (
        MatchingSettings())


@pytest.mark.parametrize('name, value', [
    ('candidates', 0), ('candidates', 101), ('filter', 'kalman'), ('search_depth', 0),
    ('search_depth', 10001), ('evidence_slope', 0.0), ('evidence_threshold', -1.0),
    ('largest_evidence', 0.0), ('largest_evidence', 101.0), ('fastest_speed_ratio', 0.0),
    ('enter_probability', 0.0), ('enter_probability', 1.0), ('leave_probability', 0.0),
    ('jump_probability', 1.0), ('same_place_m', 0.0), ('same_place_frames', -1),
    ('known_probability', 1.1), ('motion', 'gps'), ('temperature', -0.1), ('temperature', 1.1),
    ('filter_cells', 9), ('filter_cells', 1_000_001), ('sequence_frames', 0),
    ('background', 'perhaps'), ('gate', 'perhaps'), ('known_probability', float('nan')),
    ('evidence_slope', float('nan')), ('evidence_slope', float('inf')),
    ('same_place_m', float('nan')),
])
def test_what_makes_no_sense_is_refused_by_name(name, value):
    with pytest.raises(VprError, match=f'parameter {name}'):
        make_settings(MatchingSettings, {name: value})


def test_chances_that_cannot_be_together_are_refused_when_they_are_set():
    with pytest.raises(VprError, match='may add up to at most 1'):
        make_settings(MatchingSettings, {'enter_probability': 0.6, 'leave_probability': 0.5})
