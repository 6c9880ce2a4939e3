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

"""How topics are sent and heard."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ['Qos']


@dataclass(frozen=True)
class Qos:
    """
    How a topic is sent or heard; parameters ``qos_overrides`` may say otherwise.

    :param depth: messages that wait at most, of which the oldest is dropped.
    :param latched: who comes late gets the last message, too ("transient local").
    """

    reliable: bool
    depth: int
    latched: bool = False

    def __str__(self) -> str:
        kept = 'reliable' if self.reliable else 'best effort'
        return f"{kept}, depth {self.depth}{', transient local' if self.latched else ''}"
