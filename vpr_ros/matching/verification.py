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


"""
A closer look at the likeliest places, by local features.

A count of inliers means little by itself: by night there are fewer everywhere, and every kind of
features has a level of its own that look-alikes reach. So with each frame one place that the robot
cannot be at, though it looks like it, is verified as well, and what counts is how far a candidate
stands above the mean of those.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import logging
import math
from typing import Protocol
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.calibration import GeometryEvidence
from vpr_ros.matching.geometry.settings import GeometrySettings
from vpr_ros.matching.geometry.sight import Sight
from vpr_ros.matching.geometry.verifier import Verification
from vpr_ros.matching.geometry.verifier import verify
from vpr_ros.matching.hypotheses import Hypothesis
from vpr_ros.matching.hypotheses import likeliest_first
from vpr_ros.matching.hypotheses import Neighbourhoods
from vpr_ros.matching.support import Support
from vpr_ros.types import Camera
from vpr_ros.types import Description
from vpr_ros.types import LocalFeatures

__all__ = ['Check', 'Compare', 'PlaceSights', 'reweighed', 'Verifier', 'View']

_log = logging.getLogger(__name__)
# Less likely places are not worth the time.
_LEAST_PROBABILITY = 0.02
# The place to compare with is not quite the one most alike, which may be the same street.
_LESS_ALIKE = 10
# Neighbourhoods that see the same houses reach so many times as far as those of one answer.
_SAME_HOUSES = 8.0


Compare: TypeAlias = Callable[[Sight, Sight, GeometrySettings], Verification]


class PlaceSights(Protocol):
    """Where local features and calibrations of places come from."""

    def features(self, place_id: int, camera: str) -> LocalFeatures | None:
        """Return what a camera saw of a place, or None."""
        ...

    def calibration(self, session: str, camera: str) -> Camera | None:
        """Return what is known of a camera on a traverse, or None."""
        ...


@dataclass(frozen=True, eq=False)
class View:
    """
    Which two images of a place and a moment look most alike.

    :param query: index of the description.
    :param view: of the snapshot.
    """

    query: int
    view: int
    similarity: float

    @classmethod
    def of(cls, snapshot: Snapshot, row: int, queries: Sequence[Description]) -> View:
        """Choose among all pairs of a place's views and what the cameras saw."""
        views = snapshot.views_of(row)
        descriptors = np.stack([q.descriptor for q in queries])
        products = snapshot.descriptors[views].astype(np.float32) @ descriptors.T
        view, query = np.unravel_index(int(np.argmax(products)), products.shape)
        return cls(int(query), int(views[view]), float(products[view, query]))


@dataclass(frozen=True, eq=False)
class Check:
    """
    What geometry says of one hypothesis.

    :param log_ratio: log likelihood ratio "taken here" against "taken elsewhere".
    """

    hypothesis: Hypothesis
    verification: Verification
    log_ratio: float


class Verifier:
    """
    Verifies hypotheses about one robot, frame by frame.

    :param sights: local features of the places.
    :param most: how many hypotheses are looked at.
    :param compare: compares two images.
    """

    def __init__(self, snapshot: Snapshot, sights: PlaceSights, evidence: GeometryEvidence,
                 settings: GeometrySettings, *, radius_m: float, frames: int,
                 most: int, compare: Compare = verify) -> None:
        self._snapshot = snapshot
        self._sights = sights
        self._evidence = evidence
        self._settings = settings
        self._most = most
        self._compare = compare
        self._told: set[int] = set()
        self._around = Neighbourhoods(snapshot, radius_m=_SAME_HOUSES * radius_m,
                                      frames=round(_SAME_HOUSES * max(frames, 1)))

    def check(self, queries: Sequence[Description], calibrations: Mapping[str, Camera],
              hypotheses: Sequence[Hypothesis], alike: NDArray[np.int64],
              support: Support) -> tuple[Check, ...]:
        """
        Verify the likeliest of the hypotheses, and one place that is none of them.

        :param queries: what the cameras saw at this moment.
        :param calibrations: of the cameras, by name, where known.
        :param alike: rows of places that look like it, best first.
        :param support: what is remembered of the frames before; it learns.
        :returns: of those that have features, likeliest first; with a ratio of 0 where nobody
            knows what inliers are worth, and empty where there are none.
        """
        if all(q.local_features is None for q in queries):
            return ()
        # What does not tell right from wrong may still say how the robot stands.
        tells = self._evidence.slope > 0.0
        found: list[tuple[Hypothesis, Verification]] = []
        for hypothesis in hypotheses[:self._most if tells else 1]:
            if hypothesis.probability < _LEAST_PROBABILITY:
                break
            verification = self._verify(hypothesis.row, queries, calibrations)
            if verification is not None:
                found.append((hypothesis, verification))
        elsewhere = self._elsewhere(alike, hypotheses) if tells else None
        if elsewhere is not None:
            control = self._verify(elsewhere, queries, calibrations)
            if control is not None:
                support.learn_usual(math.log1p(control.inliers))
        if not found:
            return ()
        if support.usual is None:
            # A small map, all of which is near: what agrees is known, though not what it is worth.
            return tuple(Check(h, v, 0.0) for h, v in found)
        best, verification = found[0]
        support.learn_certain(best.probability, math.log1p(verification.inliers) - support.usual)
        evidence = self._evidence.in_run(support.stands_out(self._evidence.right))
        return tuple(Check(h, v, evidence.log_ratio(v.inliers, support.usual))
                     for h, v in found)

    def _verify(self, row: int, queries: Sequence[Description],
                calibrations: Mapping[str, Camera]) -> Verification | None:
        """Compare a place with the moment; None where one has no features to compare."""
        try:
            return self._compared(row, queries, calibrations)
        except VprError as error:
            # A robot goes on by its descriptors where a part of the map is damaged.
            if row not in self._told:
                self._told.add(row)
                _log.warning('place %d is not verified: %s',
                             int(self._snapshot.place_ids[row]), error)
            return None

    def _compared(self, row: int, queries: Sequence[Description],
                  calibrations: Mapping[str, Camera]) -> Verification | None:
        snapshot = self._snapshot
        pair = View.of(snapshot, row, queries)
        query = queries[pair.query]
        camera = snapshot.cameras[int(snapshot.view_cameras[pair.view])]
        features = self._sights.features(int(snapshot.place_ids[row]), camera)
        if features is None or query.local_features is None:
            return None
        session = snapshot.sessions[int(snapshot.session_of[row])]
        return self._compare(Sight(features, self._sights.calibration(session, camera)),
                             Sight(query.local_features, calibrations.get(query.camera)),
                             self._settings)

    def _elsewhere(self, alike: NDArray[np.int64],
                   hypotheses: Sequence[Hypothesis]) -> int | None:
        """Return a place that looks like the frame and is none of the hypotheses' streets."""
        far = np.ones(len(alike), bool)
        for hypothesis in hypotheses:
            far &= ~self._around.near(hypothesis.row, alike)
        rows = alike[far]
        return int(rows[min(_LESS_ALIKE, len(rows) - 1)]) if len(rows) else None


def reweighed(hypotheses: Sequence[Hypothesis], checks: Sequence[Check]) -> list[Hypothesis]:
    """
    Return hypotheses in the light of geometry, likeliest first.

    What speaks for one speaks against all others, those that nobody named and "nowhere" too.
    """
    ratios = {check.hypothesis.row: math.exp(check.log_ratio) for check in checks}
    weights = [h.probability * ratios.get(h.row, 1.0) for h in hypotheses]
    rest = max(1.0 - sum(h.probability for h in hypotheses), 0.0)
    total = max(sum(weights) + rest, 1e-300)
    return likeliest_first(Hypothesis(h.row, min(weight / total, 1.0))
                           for h, weight in zip(hypotheses, weights, strict=True))
