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

"""What is remembered in one map, for another that has the same places at the same rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from vpr_ros.errors import VprError
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.follower import FollowerState
from vpr_ros.matching.localizer_state import LocalizerState
from vpr_ros.matching.route import Route

__all__ = ['carried_state']


def carried_state(state: LocalizerState, before: Snapshot, after: Snapshot) -> LocalizerState:
    """
    Return what was remembered in a map, for the map after its places have moved or become more.

    :raises VprError: where places of the earlier map have other rows, or are no more.
    """
    if not np.array_equal(before.place_ids, after.place_ids[:len(before)]):
        raise VprError('places of the map are no longer where they were: start anew')
    return replace(state, map_id=after.map_id, map_revision=after.revision,
                   follower=_carried(state.follower, before, after))


def _carried(state: FollowerState, before: Snapshot, after: Snapshot) -> FollowerState:
    if 'x' not in state.arrays:
        return state
    # Cells lie beside stops. Places keep their rows, but which of them are one stop may change
    # with the usual distance between them.
    old, new = Route.of(before), Route.of(after)
    x = state.arrays['x']
    stops = np.clip(np.floor(x + 0.5).astype(np.int64), 0, len(old) - 1)
    moved = new.stop_of[old.row_of[stops]] + (x - stops)
    return FollowerState(state.kind, {**state.arrays, 'x': moved})
