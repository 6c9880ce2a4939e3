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


"""What the tables of topics promise, in the terms of DDS."""

from __future__ import annotations

from typing import Any

from cyclonedds.qos import Policy
from cyclonedds.qos import Qos as DdsQos
from cyclonedds.util import duration
from vpr_ros.live.interface import Qos

__all__ = ['discovery_qos', 'endpoint_qos', 'KEEP_ALL', 'participant_qos', 'policy_name']

#: The depth of a topic none of whose messages is dropped.
KEEP_ALL = 2**31 - 1
# How long a publisher waits for reliable listeners that cannot follow.
_LONGEST_WAIT_MS = 100
# As DDS numbers them, and ROS calls them, which has no name for the last.
_POLICIES = {2: 'DURABILITY', 4: 'DEADLINE', 8: 'LIVELINESS', 11: 'RELIABILITY', 24: 'TYPE'}


def endpoint_qos(qos: Qos, type_hash: str) -> Any:
    """
    Return the policies of what sends or hears a topic.

    :param type_hash: of its messages, which ROS wants to be told (REP 2011).
    """
    history = (Policy.History.KeepAll if qos.depth >= KEEP_ALL
               else Policy.History.KeepLast(qos.depth))
    policies = [
        history,
        Policy.Reliability.Reliable(duration(milliseconds=_LONGEST_WAIT_MS)) if qos.reliable
        else Policy.Reliability.BestEffort,
        Policy.DataRepresentation(use_cdrv0_representation=True),
        Policy.WriterDataLifecycle(autodispose=False),
        Policy.Userdata(f'typehash={type_hash};'.encode()),
    ]
    if qos.latched:
        # Cyclone DDS keeps for late ones what the service of durability is told, not the history.
        policies += [Policy.Durability.TransientLocal,
                     Policy.DurabilityService(0, history, -1, -1, -1)]
    return DdsQos(*policies)


def discovery_qos(type_hash: str) -> Any:
    """Return the policies of the topic on which participants tell of their nodes."""
    return endpoint_qos(Qos(reliable=True, depth=1, latched=True), type_hash)


def participant_qos() -> Any:
    """Return the policies of a participant without security."""
    return DdsQos(Policy.Userdata(b'enclave=/;'))


def policy_name(policy: int) -> str:
    """Return what ROS calls a policy of DDS, ``TYPE`` that of types, ``INVALID`` any other."""
    return _POLICIES.get(policy, 'INVALID')
