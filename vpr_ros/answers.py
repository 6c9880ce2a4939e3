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

"""What every host says about a frame: the same messages, under the same names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from typing import Literal

from vpr_ros.maps.datum import Datum
from vpr_ros.maps.geodetic import fix_of_pose
from vpr_ros.matching.loop_closures import loop_closure_of
from vpr_ros.messages.factory import MessageFactory
from vpr_ros.messages.results import loop_closure_message
from vpr_ros.messages.results import place_match_message
from vpr_ros.messages.results import pose_message
from vpr_ros.messages.sensors import fix_message
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Localization
from vpr_ros.types import LoopClosure

__all__ = ['ANSWER_TYPES', 'answer_messages']

# Topic below the name of the node -> type of its messages.
ANSWER_TYPES = {
    'place_match': 'vpr_msgs/msg/PlaceMatch',
    'loop_closure': 'vpr_msgs/msg/LoopClosure',
    'pose': 'geometry_msgs/msg/PoseWithCovarianceStamped',
    'fix': 'sensor_msgs/msg/NavSatFix',
}


def answer_messages(factory: MessageFactory, answer: Localization, *, session: str,
                    settings: LocalizeSettings, datum: Datum | None = None,
                    closure: LoopClosure | Literal['of the answer'] | None = 'of the answer',
                    ) -> Iterator[tuple[str, Any]]:
    """
    Yield (topic, message) for one answer; topics as in ``ANSWER_TYPES``.

    A match for every answer; for a known place a loop closure, and a pose where the map has one,
    and where on earth that is where the map knows.

    :param session: the run that the query belongs to.
    :param datum: that of the map.
    :param closure: what a loop detector made of the answer, None where that is nothing; where
        there is no detector every known place closes a loop.
    """
    yield 'place_match', place_match_message(factory, answer, map_frame=settings.map_frame)
    if isinstance(closure, str):
        closure = loop_closure_of(answer, session=session)
    if closure is not None:
        yield 'loop_closure', loop_closure_message(factory, closure,
                                                   frame_id=settings.base_frame)
    if not answer.known or answer.T_map_base is None:
        return
    yield 'pose', pose_message(factory, answer, map_frame=settings.map_frame)
    if datum is not None:
        fix = fix_of_pose(answer.T_map_base, datum, stamp_ns=answer.stamp_ns)
        yield 'fix', fix_message(factory, fix, frame_id=settings.base_frame)
