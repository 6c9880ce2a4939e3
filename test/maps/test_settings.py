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

"""The settings of maps."""

import pytest
from vpr_ros.config import make_settings
from vpr_ros.config import parameters
from vpr_ros.errors import VprError
from vpr_ros.maps.settings import IndexSettings
from vpr_ros.maps.settings import MapSettings


def test_defaults_are_valid_and_described():
    rows = parameters(MapSettings)
    assert {row.name for row in rows} == {
        'keyframe_by', 'keyframe_distance_m', 'keyframe_angle_rad', 'keyframe_interval_s',
        'descriptor_type', 'thumbnail_width_px', 'local_features_bytes', 'camera_tolerance_s',
        'pose_gap_s', 'fix_sigma_m', 'heading_distance_m'}
    assert all(row.description.endswith('.') for row in rows)
    assert make_settings(MapSettings, {r.name: r.default for r in rows}) == MapSettings()


@pytest.mark.parametrize('name, value', [
    ('keyframe_distance_m', -0.1), ('keyframe_angle_rad', -1.0), ('keyframe_interval_s', -1.0),
    ('descriptor_type', 'int8'), ('thumbnail_width_px', -1), ('thumbnail_width_px', 4097),
    ('keyframe_by', 'angle'), ('local_features_bytes', -1),
    ('camera_tolerance_s', -0.1), ('pose_gap_s', -1.0), ('fix_sigma_m', -1.0),
    ('heading_distance_m', 0.0),
])
def test_what_makes_no_sense_is_refused_by_name(name, value):
    with pytest.raises(VprError, match=f'parameter {name}'):
        make_settings(MapSettings, {name: value})


def test_an_index_is_right_without_being_told_anything():
    rows = parameters(IndexSettings)
    assert {row.name for row in rows} == {'kind', 'recall', 'exact_views', 'device', 'threads'}
    assert make_settings(IndexSettings, {r.name: r.default for r in rows}) == IndexSettings()


@pytest.mark.parametrize('name, value', [
    ('kind', 'flat'), ('recall', 0.4), ('recall', 1.0), ('exact_views', -1), ('threads', -1)])
def test_what_makes_no_sense_for_an_index_is_refused_by_name(name, value):
    with pytest.raises(VprError, match=f'parameter {name}'):
        make_settings(IndexSettings, {name: value})
