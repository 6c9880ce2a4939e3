# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The settings of maps."""

import pytest
from vpr_ros.config import make_settings
from vpr_ros.config import parameters
from vpr_ros.errors import VprError
from vpr_ros.maps.settings import MapSettings


def test_defaults_are_valid_and_described():
    rows = parameters(MapSettings)
    assert {row.name for row in rows} == {
        'keyframe_distance_m', 'keyframe_angle_rad', 'keyframe_interval_s', 'descriptor_type',
        'thumbnail_width_px'}
    assert all(row.description.endswith('.') for row in rows)
    assert make_settings(MapSettings, {r.name: r.default for r in rows}) == MapSettings()


@pytest.mark.parametrize('name, value', [
    ('keyframe_distance_m', -0.1), ('keyframe_angle_rad', -1.0), ('keyframe_interval_s', -1.0),
    ('descriptor_type', 'int8'), ('thumbnail_width_px', -1), ('thumbnail_width_px', 4097),
])
def test_what_makes_no_sense_is_refused_by_name(name, value):
    with pytest.raises(VprError, match=f'parameter {name}'):
        make_settings(MapSettings, {name: value})
