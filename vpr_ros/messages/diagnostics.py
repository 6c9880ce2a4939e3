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

"""How a node is, as diagnostic_msgs."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any
from typing import Protocol

from vpr_ros.messages.factory import MessageFactory
from vpr_ros.messages.geometry import header

__all__ = ['diagnostics_message', 'StatusLike']


class StatusLike(Protocol):
    """How one part of a node is."""

    @property
    def name(self) -> str:
        """Which part, the same in every message."""

    @property
    def level(self) -> int:
        """As in diagnostic_msgs/DiagnosticStatus: 0 fine, 1 warning, 2 error, 3 stale."""

    @property
    def message(self) -> str:
        """In one sentence, for people."""

    @property
    def values(self) -> Mapping[str, str]:
        """Tell what was measured, with units in the names or values."""


def diagnostics_message(factory: MessageFactory, statuses: Iterable[StatusLike], *, stamp_ns: int,
                        hardware_id: str) -> Any:
    """
    Make a diagnostic_msgs/DiagnosticArray.

    :param stamp_ns: when this was so, by the clock of the node.
    :param hardware_id: whose statuses these are: of two nodes they differ.
    """
    return factory.new(
        'diagnostic_msgs/msg/DiagnosticArray', header=header(factory, stamp_ns, ''),
        status=[_status(factory, status, hardware_id) for status in statuses])


def _status(factory: MessageFactory, status: StatusLike, hardware_id: str) -> Any:
    return factory.new(
        'diagnostic_msgs/msg/DiagnosticStatus', level=factory.byte(int(status.level)),
        name=status.name, message=status.message, hardware_id=hardware_id,
        values=[factory.new('diagnostic_msgs/msg/KeyValue', key=str(key), value=str(value))
                for key, value in status.values.items()])
