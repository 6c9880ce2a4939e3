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

"""How the places of each step are shared out among several sources of images."""

from __future__ import annotations

from vpr_ros.errors import VprError
from vpr_ros.training.objectives.base import Array

__all__ = ['read_shares']


def read_shares(text: str, *, data: str, parts: Array, places: int) -> tuple[int, ...]:
    """
    Return how many places of each step are of each source; none for an empty text.

    :param text: such as ``12+10+4``.
    :param data: the sources, separated by commas.
    :param parts: (N,) which of them each example that is trained on came from.
    :param places: of a step, in all.
    :raises VprError: unless there is a number for each source, they come to ``places``, and
        something is left of each source to train on.
    """
    if not text.strip():
        return ()
    said = f'places.shares={text}'
    numbers = [number.strip() for number in text.split('+')]
    if not all(number.isdecimal() and int(number) > 0 for number in numbers):
        raise VprError(f'{said} is no list of shares: expected whole numbers from 1 on, joined by '
                       '"+", such as 12+10+4')
    shares = tuple(map(int, numbers))
    sources = [source.strip() for source in data.split(',')]
    if len(shares) != len(sources):
        raise VprError(f'{said} must give a number for each of the {len(sources)} sources of '
                       f'data, in their order, got {len(shares)}')
    if sum(shares) != places:
        raise VprError(f'{said} must come to the {places} places of a step, got {sum(shares)}: '
                       'change shares, or how many places a step has')
    for part, source in enumerate(sources):
        if not (parts == part).any():
            raise VprError(f'{said} takes {shares[part]} places of each step from {source}, but '
                           'nothing of it is left to train on: hold out less of it '
                           '(places.held_out, places.held_out_regions), or leave it out of data '
                           'and of shares')
    return shares
