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

"""What a benchmark found: as a table, and between marks of a page that a person wrote."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from pathlib import Path

__all__ = ['MarkedPart', 'table']


def table(rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; the second row says how columns are aligned."""
    return '\n'.join(f'| {" | ".join(cells)} |' for cells in rows)


class MarkedPart:
    """
    The part of a page between ``<!-- NAME begins -->`` and ``<!-- NAME ends -->``.

    A page without it is refused at once, before hours are spent on what would stand there.
    """

    def __init__(self, page: Path, name: str) -> None:
        self._page = page
        self._begins, self._ends = f'<!-- {name} begins -->', f'<!-- {name} ends -->'
        self._around()

    def write(self, text: str) -> None:
        """Replace the part; the page may have changed elsewhere in the meantime."""
        before, after = self._around()
        self._page.write_text(f'{before}{self._begins}\n{text}\n{self._ends}{after}',
                              encoding='utf-8')

    def _around(self) -> tuple[str, str]:
        if not self._page.is_file():
            raise SystemExit(f'{self._page} is not there: expected a page with {self._begins} and '
                             f'{self._ends}')
        before, begins, rest = self._page.read_text(encoding='utf-8').partition(self._begins)
        _, ends, after = rest.partition(self._ends)
        if not (begins and ends):
            raise SystemExit(f'{self._page} has no place for it: expected {self._begins} and '
                             f'{self._ends}')
        return before, after
