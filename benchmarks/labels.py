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

"""What a benchmark does, by the labels that a command line names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol
from typing import TypeVar

__all__ = ['labelled']


class Labelled(Protocol):
    """What has a label."""

    @property
    def label(self) -> str:
        """Return what a person calls it."""
        ...


_L = TypeVar('_L', bound=Labelled)


def labelled(text: str, known: Iterable[_L], *, what: str) -> list[_L]:
    """Return those of the known that a text such as ``A,B`` names, in its order."""
    by_label = {one.label: one for one in known}
    labels = text.split(',')
    unknown = [label for label in labels if label not in by_label]
    if unknown:
        raise SystemExit(f'no {what} {", ".join(unknown)}; there are {", ".join(by_label)}')
    return [by_label[label] for label in labels]
