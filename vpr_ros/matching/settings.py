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

"""What can be set about matching."""

from __future__ import annotations

from typing import Literal

import pydantic
from vpr_ros.config import setting
from vpr_ros.config import Settings
from vpr_ros.matching.geometry.settings import GeometrySettings

__all__ = ['MatchingSettings']


class MatchingSettings(Settings):
    """How candidates become a belief and a decision."""

    candidates: int = setting(
        5, 'How many candidates an answer carries.', ge=1, le=100, live=True)
    filter: Literal[  # noqa: A003
        'forward', 'none', 'sequence_sum', 'seqslam'] = setting(
        'forward', 'Evidence over time: "forward" follows the robot along the traverses of the '
        'map, "none" judges every frame alone (on a large map one frame is rarely enough); '
        '"sequence_sum" and "seqslam" are baselines, for maps of some thousand places.')
    motion: Literal['odometry', 'image', 'time'] = setting(
        'odometry', 'What says how far the robot drove: "odometry" where it is given (and, where '
        'it is not, the images), "image" how alike successive images are, "time" the clock alone.',
        live=True)
    verify: int = setting(
        3, 'How many of the likeliest places are compared with the image by local features, where '
        'the map holds them; 0: none.', ge=0, le=100, live=True)
    search_depth: int = setting(
        50, 'How many places of the map each frame brings evidence for.', ge=1, le=10000)
    background: bool = setting(
        True, 'Compare an image with what sets a place apart from the rest of the map, and not '
        'with all that it looks like.')
    evidence_slope: float = setting(
        0.7, 'Log odds of "same place" for each mean exceedance: how far wrong places stand above '
        'the worst of the best, on average.', gt=0.0, le=100.0, live=True)
    evidence_threshold: float = setting(
        1.0, 'How many mean exceedances make even odds between a place and "nowhere".',
        ge=0.0, le=100.0, live=True)
    largest_evidence: float = setting(
        8.0, 'Bound on the log odds that one frame can give between two places.',
        gt=0.0, le=100.0, live=True)
    temperature: float = setting(
        0.0, 'Share of the evidence of each frame that is news, a place after the last; 0: as the '
        'map shows.', ge=0.0, le=1.0, live=True)
    gate: bool = setting(
        True, 'Expect the robot elsewhere where the frames before do not explain what it sees.',
        live=True)
    filter_cells: int = setting(
        1000, 'How many hypotheses the filter holds at most.', ge=10, le=1_000_000, live=True)
    sequence_frames: int = setting(
        20, 'How many frames the baselines compare at once.', ge=1, le=10_000)
    fastest_speed_ratio: float = setting(
        3.0, 'How much faster than on the traverse of the map the robot may drive.',
        gt=0.0, le=50.0, live=True)
    enter_probability: float = setting(
        0.05, 'Chance that a robot outside of the map comes to one of its places, per time '
        'between two of them.',
        gt=0.0, lt=1.0, live=True)
    leave_probability: float = setting(
        0.02, 'Chance that a robot leaves the places of the map, per time between two of them.',
        gt=0.0, lt=1.0, live=True)
    jump_probability: float = setting(
        0.002, 'Chance that the robot is carried to any place of the map, per time between two of '
        'them.',
        gt=0.0, lt=1.0, live=True)
    same_place_m: float = setting(
        5.0, 'Places of the map within this distance count as one answer, where poses are '
        'known.', gt=0.0, live=True)
    same_place_frames: int = setting(
        2, 'Places of a traverse within this many count as one answer, where poses are not '
        'known.', ge=0, live=True)
    known_probability: float = setting(
        0.5, 'Least probability of the best answer for the decision "known".',
        ge=0.0, le=1.0, live=True)
    geometry: GeometrySettings = GeometrySettings()

    @pydantic.model_validator(mode='after')
    def _chances_fit(self) -> MatchingSettings:
        # Here, so that a node refuses them when they are set and not at its next image.
        if self.enter_probability + self.leave_probability > 1.0:
            raise ValueError(
                'enter_probability and leave_probability may add up to at most 1')
        return self
