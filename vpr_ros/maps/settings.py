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

"""What can be set about building maps."""

from __future__ import annotations

from typing import Literal

from vpr_ros.config import setting
from vpr_ros.config import Settings

__all__ = ['IndexSettings', 'MapSettings']


class MapSettings(Settings):
    """Which frames become places, and how they are kept."""

    keyframe_by: Literal['distance', 'time'] = setting(
        'distance', 'What makes a new place: distance and angle where poses are known and time '
        'where they are not, or always time.')
    keyframe_distance_m: float = setting(
        1.0, 'Where poses are known: a new place after this many metres. 0 keeps every frame.',
        ge=0.0)
    keyframe_angle_rad: float = setting(
        0.35, 'Where poses are known: a new place after turning this far. 0 ignores turns.',
        ge=0.0)
    keyframe_interval_s: float = setting(
        0.5, 'Where poses are not known, or time decides: a new place after this many seconds. '
        '0 keeps every frame.', ge=0.0)
    descriptor_type: Literal['float16', 'float32'] = setting(
        'float16', 'How descriptors are stored.')
    thumbnail_width_px: int = setting(
        320, 'Width of the small pictures kept for people to look at. 0 keeps none.',
        ge=0, le=4096)
    local_features_bytes: int = setting(
        18_000, 'How many bytes the local features of a place may take, shared equally by its '
        'views, for geometric verification: the best by score are kept. In the file they take '
        'about a twentieth more. 0 keeps none.', ge=0, le=10_000_000)
    camera_tolerance_s: float = setting(
        0.05, 'With several cameras: images of the others are views of a place when they were '
        'taken at most so long before or after the one that makes it.', ge=0.0)
    pose_gap_s: float = setting(
        2.0, 'Poses of a bag or a trajectory that are further apart are not interpolated '
        'between.', ge=0.0)
    fix_sigma_m: float = setting(
        10.0, 'Satellite fixes whose standard deviation is larger give no pose. 0 takes all.',
        ge=0.0)
    heading_distance_m: float = setting(
        5.0, 'How far a robot that knows its place by satellite moves before it knows its '
        'heading.', gt=0.0)


class IndexSettings(Settings):
    """How a map is searched."""

    kind: Literal['auto', 'exact', 'fp16', 'int8', 'ivf', 'hnsw', 'pq'] = setting(
        'auto', 'How views are searched: "exact" compares each in float32; "fp16" too, in a '
        'mapped file; "int8" rounds; "ivf" looks at near clusters of rounded ones; "hnsw" follows '
        'a graph; "pq" looks at near clusters of compressed ones; "auto" is exact for a small map '
        'or on a GPU, and "pq" elsewhere.')
    recall: float = setting(
        0.98, 'Share of the best view, and of the 20 best, that a fast index must find, measured '
        'on the map itself when it is made.', ge=0.5, le=0.999)
    exact_views: int = setting(
        50_000, 'Up to this many views a map is searched exactly in memory, unless a kind is '
        'named.', ge=0)
    device: str = setting(
        'auto', 'Where exact search of a large map runs: "auto" (a GPU where there is one with '
        'room for the map), "cpu", "cuda", "cuda:1".')
    threads: int = setting(
        0, 'CPU threads that make an index in the background; 0: all but one.', ge=0)
