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

"""Talking to the person at the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
import logging
import sys
from typing import TYPE_CHECKING
from typing import TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress
    from rich.status import Status

__all__ = ['columns', 'fail', 'log_to_stderr', 'plural', 'progress', 'remark', 'say', 'status',
           'table']

Item = TypeVar('Item')


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=True)


class _ToStderr(logging.Handler):
    """Writes where stderr is at the time: a line that is being shown stays below."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


def log_to_stderr(level: int) -> None:
    """Have what the library logs from this level on written to stderr."""
    logging.basicConfig(level=level, format='%(levelname)s: %(message)s', handlers=[_ToStderr()])


def say(text: str) -> None:
    """Print a line; rich markup is allowed, so escape what users gave."""
    _console().print(text)


def plural(count: int, noun: str) -> str:
    """Return a noun for so many things."""
    return noun if count == 1 else f'{noun}s'


def fail(text: str) -> None:
    """Print an error to stderr."""
    from rich.markup import escape

    _console(stderr=True).print(f'[bold red]error:[/] {escape(text)}')


def remark(text: str) -> None:
    """Print what a person should know beside the work to stderr, where it spoils no output."""
    from rich.markup import escape

    _console(stderr=True).print(f'[dim]note:[/] {escape(text)}')


def table(rows: list[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    from rich.markup import escape
    from rich.table import Table

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style='dim')
    grid.add_column()
    for name, value in rows:
        grid.add_row(escape(name), escape(value))
    _console().print(grid)


def columns(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: int = 0) -> None:
    """
    Print a table with a header.

    :param numbers: how many of the last columns hold numbers and stand to the right.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.measure import Measurement
    from rich.table import Table

    grid = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for at, title in enumerate(header):
        number = at >= len(header) - numbers
        grid.add_column(title, justify='right' if number else 'left',
                        no_wrap=number or at == 0, overflow='fold')
    for row in rows:
        grid.add_row(*map(escape, row))
    # Long texts are broken to fit a terminal; a file has room for whole lines.
    console = Console(highlight=False)
    if not console.is_terminal:
        wide = console.options.update(max_width=10 ** 4)
        console.width = max(console.width, Measurement.get(console, wide, grid).maximum)
    console.print(grid)
    console.print()


@contextmanager
def progress(doing: str, total: int | None) -> Iterator[ProgressLine]:
    """Show a line that advances; on a pipe it prints nothing until it is done."""
    from rich.progress import BarColumn
    from rich.progress import MofNCompleteColumn
    from rich.progress import Progress
    from rich.progress import TextColumn
    from rich.progress import TimeElapsedColumn
    from rich.progress import TimeRemainingColumn

    columns = (TextColumn('{task.description:<24}'), BarColumn(), MofNCompleteColumn(),
               TimeElapsedColumn(), TimeRemainingColumn(), TextColumn('{task.fields[note]}'))
    with Progress(*columns, console=_console()) as bar:
        yield ProgressLine(bar, doing, total)


@contextmanager
def status(text: str) -> Iterator[StatusLine]:
    """Show a line that can be replaced, while something goes on; on a pipe it is left out."""
    from rich.markup import escape

    console = _console()
    with console.status(escape(text)) as line:
        yield StatusLine(console, line)


class StatusLine:
    """A line that can be replaced."""

    def __init__(self, console: Console, line: Status) -> None:
        self._console = console
        self._line = line

    def show(self, text: str) -> None:
        """Show another text in its place."""
        from rich.markup import escape

        self._line.update(escape(text))

    def say(self, text: str) -> None:
        """Print a line above it, which stays; also on a pipe."""
        from rich.markup import escape

        self._console.print(escape(text))


class ProgressLine:
    """One advancing line."""

    def __init__(self, bar: Progress, doing: str, total: int | None) -> None:
        self._bar = bar
        self._task = bar.add_task(doing, total=total, note='')

    def passing(self, items: Iterable[Item]) -> Iterator[Item]:
        """Yield items, advancing by one for each that was dealt with."""
        for item in items:
            yield item
            self._bar.advance(self._task)

    def advance(self) -> None:
        """Advance by one."""
        self._bar.advance(self._task)

    def reach(self, done: int, total: int) -> None:
        """Show that ``done`` are done, of a total that was not known before."""
        self._bar.update(self._task, completed=done, total=total)

    def restart(self) -> None:
        """Begin again: nothing is done."""
        self._bar.reset(self._task)

    def note(self, text: str) -> None:
        """Show a text behind the line."""
        self._bar.update(self._task, note=text)
