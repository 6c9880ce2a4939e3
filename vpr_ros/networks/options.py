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

"""The options of a network, read from its factory: names, defaults and what their help says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import inspect
import re

from vpr_ros.docstrings import parameters_told

__all__ = ['factory_options', 'NetworkOption']

_ROLE = re.compile(r':\w+:`([^`]*)`')


@dataclass(frozen=True)
class NetworkOption:
    """
    One keyword argument of a network's factory.

    :param help: what the docstring says of it, as plain text; empty where it says nothing.
    :param required: it has no default and must be given.
    """

    name: str
    default: object
    help: str  # noqa: A003
    required: bool = False


def factory_options(factory: Callable[..., object]) -> dict[str, NetworkOption]:
    """Return the options of a factory by name, in its order."""
    told = {name: _plain(text) for name, text in parameters_told(factory).items()}
    return {
        name: NetworkOption(
            name=name, required=parameter.default is parameter.empty,
            default=None if parameter.default is parameter.empty else parameter.default,
            help=told.get(name, ''))
        for name, parameter in inspect.signature(factory).parameters.items()}


def _plain(text: str) -> str:
    """Return text in one line, without the markup of documentation."""
    return ' '.join(_ROLE.sub(r'\1', text).replace('``', '').split())
