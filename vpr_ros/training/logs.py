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

"""Logs of a run: CSV for tables, TensorBoard for watching; a resumed run goes on where it was."""

from __future__ import annotations

from collections.abc import Mapping
import csv
from pathlib import Path
from typing import Any

from vpr_ros.errors import VprError

__all__ = ['RunLog']


class RunLog:
    """
    Values by step, as rows (step, name, value) of ``log.csv`` and as curves of TensorBoard.

    :param step: of the checkpoint that training goes on from: what was logged later is dropped.
    """

    def __init__(self, folder: Path, *, step: int, tensorboard: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / 'log.csv'
        rows = [row for row in _read(self._path) if int(row[0]) <= step] if step else []
        self._file = open(self._path, 'w', newline='', encoding='utf-8')
        self._rows = csv.writer(self._file)
        self._rows.writerow(('step', 'name', 'value'))
        self._rows.writerows(rows)
        self._file.flush()
        self._curves = _curves(folder, step) if tensorboard else None

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log values of a step."""
        for name, value in values.items():
            self._rows.writerow((step, name, f'{value:.9g}'))
            if self._curves is not None:
                self._curves.add_scalar(name, value, step)
        self._file.flush()

    def close(self) -> None:
        """Close the files."""
        self._file.close()
        if self._curves is not None:
            self._curves.close()


def _read(path: Path) -> list[list[str]]:
    try:
        with open(path, newline='', encoding='utf-8') as file:
            rows = list(csv.reader(file))[1:]
    except FileNotFoundError:
        return []
    # The last line of a killed process may be cut off.
    return [row for row in rows if len(row) == 3 and row[0].isdecimal()]


def _curves(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise VprError('logs for TensorBoard need the package tensorboard: pip install '
                       "'vpr_ros[train]', or give run.tensorboard=false") from error
    return SummaryWriter(str(folder), purge_step=step + 1 if step else 0)
