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

"""Which networks stand behind the labels of a table."""

from __future__ import annotations

from collections.abc import Sequence
import json

from vpr_ros.evaluation.comparison.result import PairResult

__all__ = ['LISTED', 'networks_of', 'system_words']

#: What stands for a label without a network.
LISTED = 'a list of matches from elsewhere'
_HASH_DIGITS = 12


def networks_of(results: Sequence[PairResult]) -> dict[str, list[str]]:
    """Return label -> the identities (JSON) of the networks behind it, none behind a list."""
    found: dict[str, list[str]] = {}
    for result in results:
        own = found.setdefault(result.label, [])
        if result.network and result.network not in own:
            own.append(result.network)
    return found


def system_words(results: Sequence[PairResult]) -> dict[str, list[str]]:
    """
    Return what a reader needs to have the same network as each label.

    :returns: label -> a text for each network that it stands for.
    """
    return {label: [_network(identity) for identity in networks] or [LISTED]
            for label, networks in networks_of(results).items()}


def _network(identity: str) -> str:
    told = json.loads(identity)
    parts = [str(told['name'])]
    if 'dimension' in told:
        parts.append(f'{told["dimension"]} numbers')
    if 'weights_hash' in told:
        parts.append(f'weights {told["weights_hash"][:_HASH_DIGITS]}')
    if told.get('options', '{}') != '{}':
        parts.append(f'options {told["options"]}')
    return ', '.join(parts)
