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


"""How many publish which topics, whether anybody here hears them or not."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from cyclonedds.builtin import BuiltinDataReader
from cyclonedds.builtin import BuiltinTopicDcpsPublication
from vpr_ros.dds.entities import delete
from vpr_ros.dds.names import dds_topic
from vpr_ros.dds.participant import Participant

__all__ = ['Publishers']

_MOST_TAKEN = 100


class Publishers:
    """Counts those on the graph by what DDS tells of them, which is looked at when asked."""

    def __init__(self, participant: Participant) -> None:
        self._reader = BuiltinDataReader(participant.entity, BuiltinTopicDcpsPublication)
        self._topics: dict[UUID, str] = {}

    def count(self, topic: str) -> int:
        """Return how many publish a topic, by its full name."""
        while news := self._reader.take(_MOST_TAKEN):
            for writer in news:
                if writer.sample_info.valid_data:
                    self._topics[writer.key] = writer.topic_name
                else:
                    self._topics.pop(writer.key, None)
        return Counter(self._topics.values())[dds_topic(topic)]

    def close(self) -> None:
        """Count no more; once more does nothing."""
        delete(self._reader._next_condition)
        delete(self._reader)
