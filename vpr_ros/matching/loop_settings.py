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

"""What can be set about finding loops."""

from __future__ import annotations

from vpr_ros.config import setting
from vpr_ros.config import Settings

__all__ = ['LoopSettings']


class LoopSettings(Settings):
    """Where a robot that builds its own map looks for places it has been at before."""

    exclude_s: float = setting(
        30.0, 'Keyframes are looked for when they are at least so many seconds old, and as far '
        'back as exclude_m says.', ge=0.0, le=1e6)
    exclude_m: float = setting(
        50.0, 'Keyframes are looked for when the robot has driven at least so many metres since, '
        'where odometry says how far.', ge=0.0, le=1e6)
    keyframe_distance_m: float = setting(
        2.0, 'With odometry: a new keyframe after this many metres.', gt=0.0, le=1000.0)
    keyframe_angle_rad: float = setting(
        0.35, 'With odometry: a new keyframe after turning this far. 0 ignores turns.', ge=0.0)
    keyframe_interval_s: float = setting(
        0.5, 'Without odometry: a new keyframe after this many seconds.', gt=0.0, le=1e6)
    odometry_drift: float = setting(
        0.05, 'How far odometry is off, as a standard deviation, in metres per metre driven since '
        'a keyframe: where the robot cannot be is no loop. 0: as far as one likes.',
        ge=0.0, le=10.0)
    least_inliers: int = setting(
        12, 'A loop closure needs at least this many local features that agree on how the camera '
        'moved, where there are local features to compare. 0 needs none.',
        ge=0, le=10_000)
    same_place_m: float = setting(
        10.0, 'Keyframes within this distance count as one answer, where odometry says where they '
        'are, in place of matching.same_place_m: two passes of one street lie as far apart as '
        'odometry drifts.', gt=0.0)
