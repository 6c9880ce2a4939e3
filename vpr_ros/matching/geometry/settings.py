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

"""What can be set about geometric verification."""

from __future__ import annotations

from typing import Literal

from vpr_ros.config import setting
from vpr_ros.config import Settings

__all__ = ['GeometrySettings']


class GeometrySettings(Settings):
    """How two images of what may be one place are compared."""

    agreement: Literal['similarity', 'homography', 'essential'] = setting(
        'similarity', 'What matches have to agree on to count: on a shift, turn and scale of the '
        'image, loosely ("similarity"; tells places apart best), on a plane ("homography"), or on '
        'a motion of the camera ("essential"; where it is not calibrated, a plane).', live=True)
    ratio: float = setting(
        1.0, 'A match counts when its distance is at most this share of that of the second best; '
        '1: no such test.', gt=0.0, le=1.0, live=True)
    looseness: float = setting(
        0.015, 'How far a match may lie from where "similarity" puts it, as a share of the '
        'diagonal that the points of the image span.', gt=0.0, le=0.5, live=True)
    looseness_cells: float = setting(
        1.0, 'The same for points on a grid, as features of a network are, in cells of the grid; '
        'the larger of the two holds.', gt=0.0, le=10.0, live=True)
    samples: int = setting(
        400, 'How many pairs of matches are tried for "similarity".', ge=10, le=10_000, live=True)
    threshold_px: float = setting(
        2.0, 'How far a match of points known to a part of a pixel may lie from where the motion '
        'of the camera puts it, in pixels of the image as delivered.', gt=0.0, le=100.0,
        live=True)
    threshold_cells: float = setting(
        1.0, 'The same for points on a grid, in cells; the larger of the two holds.',
        gt=0.0, le=10.0, live=True)
    iterations: int = setting(
        200, 'How many samples are tried at most for a motion of the camera.', ge=1, le=100_000,
        live=True)
    confidence: float = setting(
        0.999, 'Chance that the best motion is found, were the share of right matches as large as '
        'it seems.', gt=0.0, lt=1.0, live=True)
    least_inliers: int = setting(
        12, 'A relative pose needs at least this many matches that agree.', ge=6, le=10_000,
        live=True)
    least_depths: int = setting(
        8, 'A relative pose in metres needs at least this many matches of known depth.',
        ge=6, le=10_000, live=True)
    largest_rotation_sigma_deg: float = setting(
        5.0, 'A rotation with a larger standard deviation about some axis is not valid.',
        gt=0.0, le=180.0, live=True)
    largest_direction_sigma_deg: float = setting(
        15.0, 'The direction of a translation without a length is not told when its standard '
        'deviation is larger.', gt=0.0, le=90.0, live=True)
    largest_translation_sigma_m: float = setting(
        1.0, 'A translation with a larger standard deviation along some axis is not valid.',
        gt=0.0, le=1000.0, live=True)
