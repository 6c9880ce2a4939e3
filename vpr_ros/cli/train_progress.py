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
"""Training at the terminal: one line that advances, and one more for each validation."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING

from vpr_ros.cli.console import progress
from vpr_ros.cli.console import ProgressLine
from vpr_ros.cli.console import say

if TYPE_CHECKING:
    from vpr_ros.evaluation.metrics import Recall

__all__ = ['TrainingProgress']


class TrainingProgress:
    """
    Shows how a training goes; an observer of :mod:`vpr_ros.training.loop`.

    :param visible: False for the processes that leave it to another one.
    """

    def __init__(self, *, visible: bool) -> None:
        self._visible = visible
        self._open = ExitStack()
        self._line: ProgressLine | None = None
        self._loss = ''

    def __enter__(self) -> TrainingProgress:
        """Begin to show."""
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it was."""
        self._open.close()

    def begins(self, step: int, steps: int) -> None:
        """Show after which step training goes on, and where it ends."""
        if self._visible:
            self._line = self._open.enter_context(progress('steps', steps))
            for _ in range(step):
                self._line.advance()

    def describes(self, done: int, total: int) -> None:
        """Show how many examples are described for mining, or for validation."""
        if self._line is not None:
            self._line.note(f'describing {done}/{total}' if done < total else self._loss)

    def steps(self, step: int, terms: Mapping[str, float]) -> None:
        """Show the loss of a step; its terms are in the logs."""
        self._loss = f'loss {sum(terms.values()):.3f}'
        if self._line is not None:
            self._line.note(self._loss)
            self._line.advance()

    def validates(self, step: int, recall: Recall) -> None:
        """Say the recall on held-out places after a step."""
        if self._visible:
            say(f'step {step}: R@1 on held-out places {recall.value:.3f} '
                f'({recall.hits} of {recall.queries})')
