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


"""Parameters that say how single topics are heard, as nodes of ROS take them."""

from __future__ import annotations

from collections.abc import Mapping

from vpr_ros.dds.qos import KEEP_ALL
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.live.interface import Qos

__all__ = ['QosOverrides']

_PREFIX = 'qos_overrides'
_CHOICES = {
    'history': ('keep_all', 'keep_last'),
    'reliability': ('best_effort', 'reliable'),
    'durability': ('transient_local', 'volatile'),
}


class QosOverrides:
    """
    What parameters say about the quality of service of subscriptions.

    :param parameters: by their full names. Those count that are called
        ``qos_overrides.<topic>.subscription.<policy>``, with the full name of a topic and a
        policy of ``history``, ``depth``, ``reliability`` and ``durability``.
    :raises VprError: for one of these that is not understood.
    """

    def __init__(self, parameters: Mapping[str, object]) -> None:
        self._depths: dict[str, int] = {}
        self._choices: dict[str, dict[str, str]] = {}
        self._asked: set[str] = set()
        for name, value in parameters.items():
            # What is said of publishers is for nodes that heed it: files are shared.
            if name.split('.')[0] != _PREFIX or name.split('.')[2:3] == ['publisher']:
                continue
            topic, policy = _parse(name)
            if policy == 'depth':
                self._depths[topic] = _depth(name, value)
            else:
                self._choices.setdefault(topic, {})[policy] = _choice(name, policy, value)

    def of(self, topic: str, qos: Qos) -> Qos:
        """
        Return how a topic is heard.

        :param topic: its full name.
        :param qos: what holds where parameters say nothing.
        """
        self._asked.add(topic)
        said = self._choices.get(topic, {})
        depth = self._depths.get(topic, qos.depth)
        return Qos(
            reliable=said['reliability'] == 'reliable' if 'reliability' in said else qos.reliable,
            depth=KEEP_ALL if said.get('history') == 'keep_all' else depth,
            latched=(said['durability'] == 'transient_local' if 'durability' in said
                     else qos.latched))

    def unused(self) -> list[str]:
        """Return the topics that parameters name, and nobody has asked for."""
        return sorted({*self._depths, *self._choices} - self._asked)


def _parse(name: str) -> tuple[str, str]:
    """Return the topic and the policy that a parameter is about."""
    parts = name.split('.')
    if len(parts) != 4 or not parts[1].startswith('/') or parts[2] != 'subscription':
        raise VprError(f'parameter {name!r}: expected {_PREFIX}.<topic>.subscription.<policy> '
                       f'with the full name of a topic, as in '
                       f'{_PREFIX}./camera/image_raw.subscription.reliability')
    if parts[3] not in ('depth', *_CHOICES):
        raise unknown_name(f'policy of {_PREFIX}.{parts[1]}.subscription:', parts[3],
                           ('depth', *_CHOICES))
    return parts[1], parts[3]


def _choice(name: str, policy: str, value: object) -> str:
    if value not in _CHOICES[policy]:
        choices = ' or '.join(_CHOICES[policy])
        raise VprError(f'parameter {name!r} is {value!r}: expected {choices}')
    return str(value)


def _depth(name: str, value: object) -> int:
    try:
        depth = 0 if isinstance(value, bool) else int(str(value))
    except ValueError:
        depth = 0
    if not 1 <= depth <= KEEP_ALL:
        raise VprError(f'parameter {name!r} is {value!r}: expected a whole number of messages, '
                       'at least 1')
    return depth
