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

"""Command: vpr_ros networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from typing import TYPE_CHECKING

import typer
from vpr_ros.cli.console import columns
from vpr_ros.cli.console import say
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.networks.measure import NetworkCost

__all__ = ['networks', 'short_options', 'told_cost']

_NUMBERS = ('descriptor', 'parameters', 'GFLOPs')
_UNKNOWN = '-'


def networks(
    name: Annotated[str, typer.Argument(
        metavar='NAME', help='Show the options and variants of this network.',
        show_default=False)] = '',
) -> None:
    """
    List the networks, or show the options and variants of one.

    Example: `vpr_ros networks`

    Example: `vpr_ros networks gem`
    """
    if name:
        _show(name)
    else:
        _list()
    say('[dim]input: height x width, after the number of frames for a network of sequences.\n'
        'GFLOPs: 2 x multiply-adds of convolutions and matrix products, for one image; of a '
        'network of\nsequences for one new frame, when the earlier ones are encoded already.[/]')


def _list() -> None:
    from vpr_ros.networks.registry import network_entry
    from vpr_ros.networks.registry import network_names

    rows, notes = [], []
    for name in network_names():
        measured, problem = _measured(name)
        rows.append([name, network_entry(name).paper or 'vpr_ros', *measured])
        if problem:
            notes.append(problem)
    columns(['network', 'paper', 'input', *_NUMBERS], rows, numbers=len(_NUMBERS))
    _say_all(notes)


def _show(name: str) -> None:
    from rich.markup import escape
    from vpr_ros.networks.registry import network_entry
    from vpr_ros.networks.registry import network_options
    from vpr_ros.networks.registry import network_variants

    paper = network_entry(name).paper
    say(f'[bold]{escape(name)}[/]  {escape(paper)}\n')
    columns(['option', 'default', 'meaning'], [
        [option.name, 'must be given' if option.required else repr(option.default), option.help]
        for option in network_options(name).values()])
    rows, notes = [], []
    for label, options in network_variants(name).items():
        measured, problem = _measured(name, options)
        rows.append([label or 'as it is', short_options(options), *measured])
        if problem and problem not in notes:
            notes.append(problem)
    columns(['variant', 'options', 'input', *_NUMBERS], rows, numbers=len(_NUMBERS))
    _say_all(notes)


def short_options(options: Mapping[str, object]) -> str:
    """Return options as the YAML mapping in one line that a user would type."""
    import yaml

    if not options:
        return ''
    return str(yaml.safe_dump(dict(options), default_flow_style=True, sort_keys=False,
                              width=10 ** 6)).strip()


def _measured(name: str, options: Mapping[str, object] | None = None) -> tuple[list[str], str]:
    """Return the cells of a network, and what keeps it from being measured or ''."""
    from vpr_ros.networks.measure import measure_network

    try:
        cost = measure_network(name, options)
    except VprError as error:
        return [_UNKNOWN] * (1 + len(_NUMBERS)), f'{name} is not measured: {error}'
    return told_cost(cost), ''


def told_cost(cost: NetworkCost) -> list[str]:
    """Return input size, descriptor size, parameters and GFLOPs as a table shows them."""
    frames = f'{cost.frames} x ' if cost.frames > 1 else ''
    return [f'{frames}{cost.height} x {cost.width}', f'{cost.dimension:,}',
            f'{cost.parameters:,}', f'{cost.flops / 1e9:.2f}']


def _say_all(notes: list[str]) -> None:
    from rich.markup import escape

    for note in notes:
        say(escape(note))
