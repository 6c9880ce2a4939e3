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


"""The domains of this process, each of which is configured once and shared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any

from cyclonedds.core import DDSException
from cyclonedds.domain import Domain
from vpr_ros.dds.entities import delete
from vpr_ros.errors import VprError

__all__ = ['held_domain']


@dataclass
class _Held:
    domain: Any
    config: str
    holders: int = 0


_domains: dict[int, _Held] = {}
_lock = Lock()


@contextmanager
def held_domain(number: int, config: str) -> Iterator[None]:
    """
    Have a domain with this configuration, until the last who holds it lets go.

    :param config: XML, or where it can be read.
    :raises VprError: where it cannot be configured so.
    """
    with _lock:
        if number not in _domains:
            _domains[number] = _Held(_configured(number, config), config)
        held = _domains[number]
        if held.config != config:
            raise VprError(f'domain {number} is in use in this process with another '
                           'configuration: end what uses it first')
        held.holders += 1
    try:
        yield
    finally:
        with _lock:
            held.holders -= 1
            if not held.holders:
                delete(_domains.pop(number).domain)


def _configured(number: int, config: str) -> Any:
    try:
        return Domain(number, config)
    except (DDSException, UnicodeEncodeError) as error:
        raise VprError(f'domain {number} cannot be configured ({error}): see what Cyclone DDS '
                       'wrote above; there may be too many nodes on this machine, or '
                       'CYCLONEDDS_URI may say what it does not know') from error
