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

"""The followers by the name of their setting."""

from __future__ import annotations

from vpr_ros.maps.index.place_index import PlaceIndex
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.follower import Follower
from vpr_ros.matching.forward import ForwardFollower
from vpr_ros.matching.seqslam import SeqSlam
from vpr_ros.matching.sequence_sum import SequenceSum
from vpr_ros.matching.settings import MatchingSettings

__all__ = ['make_follower']


def make_follower(snapshot: Snapshot, index: PlaceIndex, settings: MatchingSettings) -> Follower:
    """Make what the setting ``filter`` names; VprError when it is not made for such a map."""
    if settings.filter == 'seqslam':
        return SeqSlam(snapshot, settings)
    if settings.filter == 'sequence_sum':
        return SequenceSum(snapshot, settings)
    return ForwardFollower(snapshot, index, settings)
