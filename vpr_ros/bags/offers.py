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


"""How a recorded topic was published."""

from __future__ import annotations

from collections.abc import Iterable

from rosbags.interfaces import Connection
from rosbags.interfaces import ConnectionExtRosbag1
from rosbags.interfaces import Qos as RecordedQos
from rosbags.interfaces import QosDurability
from rosbags.interfaces import QosHistory
from rosbags.interfaces import QosReliability
from vpr_ros.messages.qos import Qos

__all__ = ['recorded_offer']

# As many as ROS keeps where nobody says otherwise, and rosbag2 does for all that it plays.
_DEPTH = 10
# Drivers say one by one where they are mounted: who comes late needs what all of them said.
_STILL_DEPTH = 100
_MOST = 1000


def recorded_offer(topic: str, connections: Iterable[Connection]) -> Qos:
    """
    Return how to publish a topic so that all are served who were when it was recorded.

    Publishers that differ are joined to the one that offers most, which suits everybody. Where the
    bag says nothing it is what ROS does of itself; static transforms are always latched.

    :param connections: all of that topic.
    """
    still = topic.rpartition('/')[2] == 'tf_static'
    reliable, latched, depths = [], [still], [_STILL_DEPTH if still else _DEPTH]
    together = 0
    for connection in connections:
        if isinstance(connection.ext, ConnectionExtRosbag1):
            latched.append(bool(connection.ext.latching))
            together += 1
            continue
        for profile in connection.ext.offered_qos_profiles:
            reliable.append(profile.reliability is not QosReliability.BEST_EFFORT)
            latched.append(profile.durability is QosDurability.TRANSIENT_LOCAL)
            depths.append(_depth(profile))
            together += _depth(profile)
    # Of a latched topic each publisher had its own last messages.
    depth = max(*depths, together) if any(latched) else max(depths)
    return Qos(any(reliable) if reliable else True, min(depth, _MOST), any(latched))


def _depth(profile: RecordedQos) -> int:
    if profile.history is QosHistory.KEEP_ALL:
        return _MOST
    # Recorders that hear of publishers over DDS do not learn their depth, and write 0.
    return max(profile.depth, 0) if profile.history is QosHistory.KEEP_LAST else 0
