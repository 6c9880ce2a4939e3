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


"""Topics that are sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cyclonedds.core import DDSException
from vpr_ros.dds.entities import delete
from vpr_ros.errors import VprError

__all__ = ['Writer']


class Writer:
    """
    Sends messages on one topic; a participant makes it.

    :param entity: the ``DataWriter``.
    :param on_close: is told, once.
    """

    def __init__(self, entity: Any, topic: str, type_name: str,
                 on_close: Callable[[Writer], None]) -> None:
        self._entity = entity
        self.topic = topic
        self.type_name = type_name
        self._on_close = on_close
        self.gid: bytes = entity.guid.bytes

    def write(self, data: bytes) -> bool:
        """
        Send a message.

        :param data: CDR, with its four bytes of encapsulation.
        :return: False where none may be dropped (:data:`~vpr_ros.dds.qos.KEEP_ALL`), listeners
            could not follow for 0.1 s, and it was not sent.
        :raises VprError: where the bytes are no message of this type.
        """
        try:
            self._entity.write(self._entity.data_type(data))
        except DDSException as error:
            if error.code == DDSException.DDS_RETCODE_TIMEOUT:
                return False
            if error.code == DDSException.DDS_RETCODE_BAD_PARAMETER:
                raise VprError(f'{len(data)} bytes for {self.topic} are no message of type '
                               f'{self.type_name}') from error
            raise
        return True

    def matched(self) -> int:
        """Return how many listen."""
        return len(self._entity.get_matched_subscriptions())

    def wait_for_acks(self, timeout_s: float) -> bool:
        """Wait until all reliable listeners have all that was sent; False when time is up."""
        # DataWriter.wait_for_acks stumbles over its own time-out, and a Publisher knows none.
        code = self._entity._wait_for_acks(self._entity._ref, round(timeout_s * 1e9))
        if code not in (DDSException.DDS_RETCODE_OK, DDSException.DDS_RETCODE_TIMEOUT):
            raise DDSException(code, f'while waiting for those who listen to {self.topic}')
        return bool(code == DDSException.DDS_RETCODE_OK)

    def close(self) -> None:
        """Send no more; once more does nothing."""
        delete(self._entity)
        self._on_close(self)
