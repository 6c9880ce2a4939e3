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


"""Topics that are heard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cyclonedds.core import DDSStatus
from cyclonedds.core import InstanceState
from cyclonedds.core import ReadCondition
from cyclonedds.core import SampleState
from cyclonedds.core import ViewState
from cyclonedds.internal import InvalidSample
from vpr_ros.dds.entities import delete
from vpr_ros.dds.qos import policy_name

__all__ = ['Reader']

# What is taken at once: some large images, and any number of small messages soon enough.
_MOST_TAKEN = 32


class Reader:
    """
    Hears messages of one topic; a participant makes it.

    :param entity: the ``DataReader``.
    :param on_close: is told, once.
    """

    def __init__(self, entity: Any, topic: str, type_name: str,
                 on_close: Callable[[Reader], None]) -> None:
        self._entity = entity
        self.topic = topic
        self.type_name = type_name
        self._on_close = on_close
        self.gid: bytes = entity.guid.bytes
        entity.set_status_mask(DDSStatus.RequestedIncompatibleQos)
        self._waiting = ReadCondition(
            entity, SampleState.Any | ViewState.Any | InstanceState.Any)

    @property
    def conditions(self) -> tuple[Any, ...]:
        """Return what a ``WaitSet`` waits for: messages, and publishers that do not fit."""
        return self._waiting, self._entity

    def is_ready(self) -> bool:
        """Tell whether one of them has come about."""
        # The entity tells also of changes that nobody waits for.
        return bool(self._waiting.triggered
                    or self._entity.get_status_changes() & DDSStatus.RequestedIncompatibleQos)

    def take(self) -> list[bytes]:
        """Return messages that wait, the oldest first, as CDR; 32 at most, and then the next."""
        return [sample.data for sample in self._entity.take(_MOST_TAKEN)
                if not isinstance(sample, InvalidSample)]

    def matched(self) -> int:
        """Return how many publish what is heard here."""
        return len(self._entity.get_matched_publications())

    def requested_incompatible(self) -> str:
        """
        Return the policy in which a publisher, new since the last call, asks for less.

        :return: as ROS calls it, such as ``RELIABILITY``; empty where all fit.
        """
        status = self._entity.get_requested_incompatible_qos_status()
        return policy_name(status.last_policy_id) if status.total_count_change else ''

    def close(self) -> None:
        """Hear no more; once more does nothing."""
        delete(self._waiting)
        delete(self._entity)
        self._on_close(self)
