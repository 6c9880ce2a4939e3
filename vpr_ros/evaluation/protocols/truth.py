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

"""Which frames of two traverses show one place, by the rule of a protocol."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.dataset import Dataset
from vpr_ros.datasets.dataset import PublishedDataset
from vpr_ros.datasets.dataset import SynchronisedDataset
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.datasets.match_table import read_matches
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.errors import VprError
from vpr_ros.evaluation.protocols.protocol import Pair

__all__ = ['find_truth']

Array = NDArray[Any]
# Distances of so many pairs of frames are in memory at once.
_BLOCK = 1_000_000


def find_truth(pair: Pair, dataset: Dataset, whole: Sequence[Traverse],
               chosen: Sequence[Traverse], *, lists: Path) -> GroundTruth:
    """
    Return which chosen references show the place of each chosen query.

    :param whole: reference and query as the data set reads them.
    :param chosen: the parts of both that are compared.
    :param lists: the folder of lists that a rule names.
    :raises VprError: when the data does not tell what the rule asks for.
    """
    rule = pair.truth
    if rule.metres is not None:
        here, there = _positions(pair, dataset, chosen)
        return GroundTruth.from_radius(here, there, rule.metres)
    if rule.nearest_frames is not None:
        here, there = _positions(pair, dataset, chosen)
        return _around_nearest(here, there, rule.nearest_frames, rule.nearest_metres)
    reference, query = chosen
    if rule.lists:
        return _listed(lists / rule.lists, reference, query)
    if rule.frames is not None and not isinstance(dataset, SynchronisedDataset):
        return _by_number(pair, rule.frames, reference, query)
    truth = dataset.ground_truth(pair.reference, pair.query, tolerance=rule.frames)
    if truth is None:
        raise VprError(f'{dataset.root} does not tell which frames of {pair.reference} and '
                       f'{pair.query} show one place: give the truth in frames, in metres or as '
                       'a list')
    return truth.select(_kept(query, whole[1]), _kept(reference, whole[0]))


def _kept(chosen: Traverse, whole: Traverse) -> Array:
    """Return (n,) which frames of a traverse were chosen."""
    return np.asarray(np.searchsorted(whole.source_indices, chosen.source_indices))


def _by_number(pair: Pair, tolerance: int, reference: Traverse, query: Traverse) -> GroundTruth:
    there, here = len(reference.images), len(query.images)
    if there != here:
        raise VprError(f'{pair.reference} has {there} frames but {pair.query} has {here}, so '
                       'frames of one number do not show one place: give the truth in metres, as '
                       'a list, or as the data set publishes it')
    return GroundTruth.from_frame_tolerance(here, there, tolerance).select(
        query.source_indices, reference.source_indices)


def _listed(path: Path, reference: Traverse, query: Traverse) -> GroundTruth:
    # Also of the images that are left out: the list may name them.
    here, there = ([each.images.label(index) for index in range(len(each.images))]
                   for each in (query, reference))
    rows = read_matches(path, here, there)
    return GroundTruth.from_lists(rows, len(there), protocol=f'listed in {path.name}').select(
        query.source_indices, reference.source_indices)


def _positions(pair: Pair, dataset: Dataset, chosen: Sequence[Traverse]) -> tuple[Array, Array]:
    """Return (Q, 2) and (R, 2) metres; without the height, which satellites know worst."""
    reference, query = chosen
    apart = isinstance(dataset, PublishedDataset) and not dataset.one_frame
    if reference.datum != query.datum or apart and pair.reference != pair.query:
        raise VprError(f'the poses of {pair.reference} and {pair.query} are of two map frames, so '
                       'how far apart their frames were taken is not known: give the truth in '
                       'frames, or as a list')
    return _in_the_plane(query), _in_the_plane(reference)


def _in_the_plane(traverse: Traverse) -> Array:
    positions = traverse.positions()
    if positions is None:
        known = sum(pose is not None for pose in traverse.poses or ())
        advice = ('; leave them out: add "posed_only:=true" to the options of the pair' if known
                  else ', and the truth of the pair is measured in metres')
        raise VprError(f'where {len(traverse) - known} of the {len(traverse)} frames of '
                       f'{traverse.name} were taken is not known{advice}'
                       + ''.join(f'; {note}' for note in traverse.notes))
    return np.asarray(positions[:, :2])


def _around_nearest(queries: Array, references: Array, frames: int, metres: float) -> GroundTruth:
    rows: list[Array] = []
    step = max(1, _BLOCK // max(1, len(references)))
    for start in range(0, len(queries), step):
        apart = np.linalg.norm(queries[start:start + step, None] - references[None], axis=2)
        for nearest, distance in zip(apart.argmin(axis=1), apart.min(axis=1), strict=True):
            around = np.arange(max(0, nearest - frames),
                               min(len(references), nearest + frames + 1))
            rows.append(around if distance <= metres else around[:0])
    return GroundTruth.from_lists(
        rows, len(references), protocol=f'within {frames} frame{"s" * (frames != 1)} of the '
        f'nearest, within {metres:g} m')
