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

__all__ = ['MatchingSettings']


class MatchingSettings(Settings):
    """How candidates become a belief and a decision."""

    candidates: int = setting(
        5, 'How many candidates an answer carries.', ge=1, le=100, live=True)
    filter: Literal['forward', 'none'] = setting(  # noqa: A003
        'forward', 'Evidence over time: "forward" follows the robot along the traverses of the '
        'map, "none" judges every frame alone (on a large map one frame is rarely enough).')
    search_depth: int = setting(
        50, 'How many places of the map each frame brings evidence for.', ge=1, le=10000)
    evidence_slope: float = setting(
        1.2, 'Log odds of "same place" that one robust standard deviation of similarity is '
        'worth.', gt=0.0, le=100.0, live=True)
    evidence_threshold: float = setting(
        1.8, "How many robust standard deviations above the map's background the similarity "
        'must stand for even odds.', ge=0.0, le=100.0, live=True)
    largest_evidence: float = setting(
        6.0, 'Bound on the log odds that one frame can give, for or against.',
        gt=0.0, le=100.0, live=True)
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

    @pydantic.model_validator(mode='after')
    def _chances_fit(self) -> MatchingSettings:
        # Here, so that a node refuses them when they are set and not at its next image.
        if self.enter_probability + self.leave_probability > 1.0:
            raise ValueError(
                'enter_probability and leave_probability may add up to at most 1')
        return self
