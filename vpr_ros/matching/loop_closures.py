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

"""From the answer to one frame to a loop closure for a SLAM graph."""

from __future__ import annotations

from vpr_ros.types import Localization
from vpr_ros.types import LoopClosure

__all__ = ['loop_closure_of']


def loop_closure_of(localization: Localization, *, session: str,
                    place_id: int = 0) -> LoopClosure | None:
    """
    Return the loop closure that a known place is, or None for an unknown one.

    :param session: the run that the query belongs to.
    :param place_id: of the query, where it is a place too.
    """
    if not localization.known:
        return None
    best = localization.candidates[0]
    return LoopClosure(
        query_session=session, query_place_id=place_id, query_stamp_ns=localization.stamp_ns,
        match_session=best.session, match_place_id=best.place_id, match_stamp_ns=best.stamp_ns,
        map_id=localization.map_id, similarity=best.similarity, probability=best.probability,
        probability_source=localization.probability_source,
        relative_pose=localization.relative_pose)
