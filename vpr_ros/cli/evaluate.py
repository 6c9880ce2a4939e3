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

"""Command: vpr_ros evaluate."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import ExitStack
from datetime import datetime
from datetime import timezone
from pathlib import Path
import shlex
import sys
import tempfile
from typing import Annotated
from typing import TYPE_CHECKING

import typer
from vpr_ros import __version__
from vpr_ros.cli.console import columns
from vpr_ros.cli.console import plural
from vpr_ros.cli.console import progress
from vpr_ros.cli.console import remark
from vpr_ros.cli.console import say
from vpr_ros.cli.evaluate_inputs import DATA_VARIABLE
from vpr_ros.cli.evaluate_inputs import USUAL_NETWORKS
from vpr_ros.cli.options import Assignments
from vpr_ros.cli.options import Config
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.evaluation.comparison.description_cache import Told
    from vpr_ros.evaluation.comparison.result import Counts
    from vpr_ros.evaluation.comparison.result import PairResult
    from vpr_ros.evaluation.comparison.run import Case
    from vpr_ros.evaluation.comparison.run import Ways
    from vpr_ros.evaluation.comparison.systems import NetworkSystem
    from vpr_ros.evaluation.protocols.protocol import Protocol
    from vpr_ros.evaluation.run import Provenance

__all__ = ['evaluate']

_SYSTEMS = 'What is compared'
_MEASURES_SHOWN = 6


def evaluate(
    protocol: Annotated[list[str] | None, typer.Option(
        '--protocol', metavar='A,B', help='What is compared with what: names of "vpr_ros '
        'protocols", or YAML files.', show_default=False)] = None,
    out: Annotated[Path | None, typer.Option(
        '--out', '-o', metavar='FOLDER', help='Where tables, the page index.html and all results '
        'are written. What is there already is not measured again, and stands in the tables, '
        'too.')] = None,
    data: Annotated[list[Path] | None, typer.Option(
        '--data', metavar='FOLDER', help='Where data sets lie: the folder of one or of several; '
        f'may be repeated. Else what ${DATA_VARIABLE} names. The town needs none.',
        show_default=False)] = None,
    networks: Annotated[str, typer.Option(
        '--networks', metavar='A,B{options}', rich_help_panel=_SYSTEMS, help='Networks, as in '
        '"compact,Mine=gem{weights: mine.pth}", or rows of the protocol by their label. Else the '
        f'rows of the protocol, or {USUAL_NETWORKS} where it has none.')] = '',
    weights: Annotated[Path | None, typer.Option(
        '--weights', metavar='FOLDER', rich_help_panel=_SYSTEMS, help='Weights of rows of the '
        'protocol: LABEL.safetensors or LABEL.pth each.')] = None,
    allow_random: Annotated[bool, typer.Option(
        '--allow-random', rich_help_panel=_SYSTEMS, help='Let networks run whose weights are '
        'random, all or some; every table then says so.')] = False,
    matches: Annotated[list[str] | None, typer.Option(
        '--matches', metavar='[PAIR=]CSV', rich_help_panel=_SYSTEMS, help='What some program '
        'answered: a table with the columns query and reference and, if known, score or distance, '
        'rank, probability, known. One for each pair, where there are several.',
        show_default=False)] = None,
    label: Annotated[str, typer.Option(
        '--label', rich_help_panel=_SYSTEMS, help='What tables call that program.')] = 'listed',
    statistics: Annotated[str, typer.Option(
        '--statistics', metavar='none,past,whole', help='What descriptors of single images may '
        'know of the query traverse: nothing, the past, or the whole of it.')] = 'none',
    over_time: Annotated[bool, typer.Option(
        '--over-time/--no-over-time', help='Also measure the localizer, which has seen the '
        'earlier images of the traverse.')] = False,
    odometry: Annotated[bool, typer.Option(
        '--odometry', help='Also measure the localizer with odometry, where there is some.')
    ] = False,
    cache: Annotated[Path | None, typer.Option(
        '--cache', metavar='FOLDER', help='Where descriptions are kept for another time. Else '
        'in the cache of the user.')] = None,
    no_cache: Annotated[bool, typer.Option(
        '--no-cache', help='Keep no descriptions.')] = False,
    config: Config = None,
    param: Assignments = [],  # noqa: B006
) -> None:
    """
    Compare networks on data sets as papers do: tables, curves and one page of pictures.

    Example: `vpr_ros evaluate --protocol gardens_point_day_night,corridor
    --networks compact,thumbnail --data /data --out report/`

    Example: `vpr_ros evaluate --protocol gardens_point_day_night --matches theirs.csv --label
    Theirs --data /data --out report/`
    """
    from vpr_ros.cli.evaluate_inputs import asked_protocols
    from vpr_ros.cli.evaluate_inputs import asked_statistics
    from vpr_ros.cli.evaluate_inputs import data_folders
    from vpr_ros.cli.evaluate_inputs import describing
    from vpr_ros.cli.evaluate_inputs import list_system
    from vpr_ros.cli.evaluate_inputs import make_folder
    from vpr_ros.cli.evaluate_inputs import network_systems
    from vpr_ros.cli.evaluate_inputs import open_cases
    from vpr_ros.cli.evaluate_inputs import output_folder
    from vpr_ros.evaluation.comparison.description_cache import default_cache_folder
    from vpr_ros.evaluation.comparison.report import write_comparison_report
    from vpr_ros.evaluation.comparison.run import evaluate_list
    from vpr_ros.evaluation.comparison.run import measured_before
    from vpr_ros.evaluation.comparison.run import Ways

    protocols = asked_protocols(protocol or [])
    folders = data_folders(data or [])
    written = output_folder(out, folders)
    if no_cache and cache is not None:
        raise VprError('--cache and --no-cache are both given: leave one out')
    ways = Ways(asked_statistics(statistics), over_time=over_time, odometry=odometry)
    listed = list_system(matches or [], label, protocols)
    if listed and not networks and (ways != Ways() or weights):
        raise VprError('--statistics, --over-time, --odometry and --weights are of networks, and '
                       'only --matches is given: leave them out, or name networks')
    extraction = describing(config, param)
    cases = open_cases(protocols, folders)
    there = [p for p in protocols if any(c.protocol is p for c in cases)]
    systems = [] if listed and not networks else network_systems(
        networks, there, extraction, weights, allow_random=allow_random,
        taken=[listed.label] if listed else [])
    make_folder(written)
    watcher = _Watcher()
    # First, for what is wrong in a table is soon found.
    of_list = [] if listed is None else evaluate_list(listed, cases, out=written,
                                                      watcher=watcher)
    results = _of_networks(systems, cases, ways, written, watcher,
                           None if no_cache else cache or default_cache_folder())
    results += of_list
    if not results:
        raise VprError('nothing was measured: the data of the pair that --matches is of is not '
                       'there')
    others = measured_before(cases, results, written)
    shown = [p for p in there if any(r.protocol == p.name for r in results)]
    try:
        write_comparison_report(written, [*results, *others], shown, _provenance(ways),
                                truths={c.opened.digest: c.opened.truth for c in cases})
    except OSError as error:
        raise VprError(f'tables and pictures cannot be written into {written} '
                       f'({error.strerror or error}); the results are kept: free some space, and '
                       'give the same command again') from error
    for each in there:
        if each not in shown:
            remark(f'{each.name}: nothing was measured, for no table of matches is of it')
    for each in shown:
        _show(each, [r for r in (*results, *others) if r.protocol == each.name])
    before = '' if not watcher.before else ', all measured before' if (
        watcher.before == len(results)) else f', {watcher.before} of them measured before'
    beside = f', and {len(others)} that were there' if others else ''
    say(f'{len(results)} {plural(len(results), "result")}{before}{beside}; tables and pictures: '
        f'{written / "index.html"}')


def _of_networks(systems: Sequence[tuple[NetworkSystem, set[str]]], cases: Sequence[Case],
                 ways: Ways, out: Path, watcher: _Watcher,
                 cache: Path | None) -> list[PairResult]:
    """Measure networks one after the other; without a cache descriptions last as long as this."""
    from vpr_ros.evaluation.comparison.description_cache import DescriptionCache
    from vpr_ros.evaluation.comparison.run import evaluate_network

    results: list[PairResult] = []
    try:
        with ExitStack() as stack:
            kept = DescriptionCache(cache or Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix='vpr_ros-'))))
            for system, names in systems:
                own = [c for c in cases if c.protocol.name in names]
                results += evaluate_network(system, own, ways, out=out, cache=kept,
                                            watcher=watcher) if own else []
    except KeyboardInterrupt:
        say('stopped; the same command goes on with what is not there yet')
        raise
    return results


class _Watcher:
    """Shows what goes on, a line for each thing that takes a while."""

    def __init__(self) -> None:
        self.before = 0

    @contextmanager
    def doing(self, what: str) -> Iterator[Told]:
        with progress(what, None) as line:
            yield line.reach

    def measured(self, result: PairResult, *, before: bool) -> None:
        self.before += before


def _provenance(ways: Ways) -> Provenance:
    from vpr_ros.evaluation.run import Provenance

    return Provenance(
        command=shlex.join(['vpr_ros', *sys.argv[1:]]), version=__version__,
        created=f'{datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC', seed=0,
        query_statistics=', '.join(ways.statistics))


def _show(protocol: Protocol, results: Sequence[PairResult]) -> None:
    """Print the numbers that a protocol asks for."""
    from rich.markup import escape
    from vpr_ros.evaluation.comparison.meanings import measure_named
    from vpr_ros.evaluation.comparison.number_words import number_text
    from vpr_ros.evaluation.comparison.number_words import unit_of

    named = {name for result in results for name in result.numbers}
    names = [name for name in protocol.measures if name in named][:_MEASURES_SHOWN]
    measures = [measure_named(name) for name in names]
    rows = [{'network': r.label, 'method': r.method, 'query statistics': r.statistics,
             'pair': r.pair, 'truth': r.truth, 'queries': _queries(r.counts),
             'references': str(r.counts.references)} for r in results]
    # What is the same in all of them is said once.
    same = {key: value for key, value in rows[0].items()
            if key != 'network' and all(row[key] == value for row in rows)}
    say(f'\n[bold]{escape(protocol.title)}[/]')
    say('[dim]' + escape(', '.join([f'{protocol.name} (rules {protocol.hash})',
                                    *(f'{key}: {value}' for key, value in same.items())]))
        + '[/]')
    columns(
        [*(key for key in rows[0] if key not in same),
         *(f'{m.title} {unit_of(m)}'.strip() for m in measures)],
        [[*(value for key, value in row.items() if key not in same),
          *(number_text(r.numbers[name].value, measure) if name in r.numbers else '-'
            for name, measure in zip(names, measures, strict=True))]
         for row, r in zip(rows, results, strict=True)], numbers=len(names))
    for note in dict.fromkeys(f'{r.label}, {r.pair}: {note}' for r in results
                              if r.method == 'listed' for note in r.notes):
        remark(note)


def _queries(counts: Counts) -> str:
    placed = f' ({counts.with_place} with a place)' if counts.without_place else ''
    return f'{counts.queries}{placed}'
