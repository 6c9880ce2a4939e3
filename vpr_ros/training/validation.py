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

"""How well a network knows places that it was not trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.errors import VprError
from vpr_ros.evaluation.metrics import rank
from vpr_ros.evaluation.metrics import Recall
from vpr_ros.training.objectives.base import Describe
from vpr_ros.training.places import groups_by_number
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule

__all__ = ['Validation']

Array = NDArray[Any]


class Validation:
    """
    Recall at 1 among held-out examples.

    Of labelled places so many images each, evenly over time, are compared: in turn the first, the
    second and so on of every place are the map, and all others are queries. So images of one
    night do not find each other. Where positions tell, the first half of the traverses of each
    region are the map and the others the queries; queries without a match in it do not count. Of
    examples of both kinds each is compared with its own.

    :param times: images of each labelled place.
    """

    def __init__(self, images: PlaceImages, rule: PlaceRule, *, times: int) -> None:
        if images.single.any():
            raise VprError(f'{images.single.sum() // 2} images stand for places of their own '
                           '(singles) and would always find themselves, which tells nothing: '
                           'leave them out of validation and of places.held_out_regions')
        self.images = images
        self._rounds = [*_labelled(images, times), *_posed(images, rule)]
        if not self._rounds:
            raise VprError('no held-out place was seen twice, so nothing can be validated: give '
                           'validation=<images>, or hold out more by places.held_out')
        self._examples = np.unique(np.concatenate(
            [part for queries, references, _ in self._rounds for part in (queries, references)]))

    def __call__(self, describe: Describe) -> Recall:
        """Return the recall at 1 of all rounds together."""
        _, right = self.hits(describe)
        return Recall(1, int(right.sum()), len(right), 0)

    def hits(self, describe: Describe) -> tuple[Array, NDArray[np.bool_]]:
        """Return the example (Q,) that each query of all rounds is, and whether it is right."""
        descriptors = describe(self._examples)
        right = []
        for asked, references, truth in self._rounds:
            similarity = (descriptors[np.searchsorted(self._examples, asked)]
                          @ descriptors[np.searchsorted(self._examples, references)].T)
            best = rank(similarity, 1)[:, 0]
            right.append(truth.are_matches(np.arange(len(best)), best))
        return np.concatenate([asked for asked, _, _ in self._rounds]), np.concatenate(right)


_Round = tuple[Array, Array, GroundTruth]


def _labelled(images: PlaceImages, times: int) -> list[_Round]:
    chosen = []
    rows = np.flatnonzero(images.places >= 0)
    for same in groups_by_number(images.places[rows]):
        members = rows[same]
        if len(members) > 1:
            evenly = np.linspace(0, len(members) - 1, min(times, len(members)))
            chosen.append(members[evenly.round().astype(np.int64)])
    rounds = []
    for slot in range(max((len(members) for members in chosen), default=0)):
        references = np.array([m[slot] for m in chosen if slot < len(m)])
        queries = np.concatenate([np.delete(m, slot) for m in chosen if slot < len(m)])
        truth = GroundTruth.from_lists(
            [np.flatnonzero(images.places[references] == images.places[q]) for q in queries],
            len(references), protocol='same place')
        rounds.append((queries, references, truth))
    return rounds


def _posed(images: PlaceImages, rule: PlaceRule) -> list[_Round]:
    rows = np.flatnonzero(images.places < 0)
    images = images.select(rows)
    maps: list[int] = []
    for region in np.unique(images.regions):
        traverses = np.unique(images.traverses[images.regions == region])
        maps += traverses[:len(traverses) // 2].tolist()
    in_map = np.isin(images.traverses, maps)
    references = np.flatnonzero(in_map)
    positives = rule.positives(images)
    queries = np.array([q for q in np.flatnonzero(~in_map)
                        if np.isin(positives[q], references).any()], np.int64)
    if not len(queries):
        return []
    truth = GroundTruth.from_lists(
        [np.flatnonzero(np.isin(references, positives[q])) for q in queries], len(references),
        protocol=f'within {rule.positive:g} {images.unit}')
    return [(rows[queries], rows[references], truth)]
