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

"""Keeping and leaving out parts of a source by their names."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.training.places import PlaceImages

__all__ = ['chosen_names', 'keep_regions']


def chosen_names(names: Sequence[str], *, only: Sequence[str], leave_out: Sequence[str],
                 what: str) -> list[str]:
    """
    Return the names that are kept, in their order.

    :param only: all when empty.
    :param what: one of the things that are named, for messages.
    :raises VprError: for a name that is not there, or when nothing is left.
    """
    for name in (*only, *leave_out):
        if name not in names:
            raise unknown_name(what, name, names)
    kept = [name for name in names if (not only or name in only) and name not in leave_out]
    if not kept:
        raise VprError(f'nothing is left: every {what} is left out; say less in leave_out')
    return kept


def keep_regions(images: PlaceImages, *, only: Sequence[str], leave_out: Sequence[str],
                 what: str) -> PlaceImages:
    """Return the examples of the regions that are kept; VprError as for names."""
    if not only and not leave_out:
        return images
    names = list(dict.fromkeys(images.region_names))
    kept = chosen_names(names, only=only, leave_out=leave_out, what=what)
    of_example = np.array(images.region_names)[images.regions]
    return images.select(np.flatnonzero(np.isin(of_example, kept)))
