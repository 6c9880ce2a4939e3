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

"""Where the robot is, frame by frame."""

from __future__ import annotations

from pathlib import Path
import time

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.index.flat_index import FlatIndex
from vpr_ros.maps.index.opening import open_index
from vpr_ros.maps.index.place_index import Neighbours
from vpr_ros.maps.index.place_index import PlaceIndex
from vpr_ros.maps.settings import IndexSettings
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.evidence import Background
from vpr_ros.matching.evidence import log_evidence
from vpr_ros.matching.forward_filter import ForwardFilter
from vpr_ros.matching.forward_filter import Transition
from vpr_ros.matching.hypotheses import hypotheses
from vpr_ros.matching.hypotheses import Hypothesis
from vpr_ros.matching.hypotheses import Neighbourhoods
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import Localization

__all__ = ['Localizer', 'open_localizer']

# Stamps of two cameras may come in the wrong order; further back is a new run.
_STAMP_JITTER_NS = 500_000_000
# Log likelihood ratio of places that search did not return, at most.
_NOT_AMONG_THE_BEST = -0.5


class Localizer:
    """
    Answers each frame with a :class:`vpr_ros.types.Localization`.

    Frames of one robot come in the order they were taken; :meth:`reset` starts anew, and a stamp
    that goes back by more than half a second does so by itself.

    :param snapshot: the map, with at least one place.
    :param index: finds places of it; exact search unless another one is given.
    """

    def __init__(self, snapshot: Snapshot, extractor: Extractor, settings: MatchingSettings,
                 index: PlaceIndex | None = None) -> None:
        if len(snapshot) == 0:
            raise ValueError('a map without places cannot localize anything')
        if extractor.identity != snapshot.network:
            raise ValueError('the extractor is not the network of this map')
        self.snapshot = snapshot
        self._extractor = extractor
        self._index: PlaceIndex = FlatIndex(snapshot) if index is None else index
        self._background = Background.of(snapshot.descriptors)
        self._filter = ForwardFilter(
            snapshot.session_of, snapshot.stamps_ns, _transition(settings))
        self.change_settings(settings)
        self._last_ns: int | None = None

    def change_settings(self, settings: MatchingSettings) -> None:
        """Go on with other settings; the belief stays. Refused ones change nothing."""
        transition = _transition(settings)
        self.settings = settings
        self._neighbourhoods = Neighbourhoods(
            self.snapshot, radius_m=settings.same_place_m, frames=settings.same_place_frames)
        self._filter.transition = transition

    def reset(self) -> None:
        """Forget all evidence, as after a restart."""
        self._filter.reset()
        self._extractor.restart()
        self._last_ns = None

    def localize(self, frame: Frame) -> tuple[Description, Localization]:
        """Describe a frame and say where it was taken."""
        began = time.perf_counter_ns()
        description = self._extractor.describe(frame)
        describe_ns = time.perf_counter_ns() - began
        return description, self.match(description, describe_ns=describe_ns)

    def match(self, description: Description, *, describe_ns: int = 0) -> Localization:
        """
        Say where a described frame was taken.

        :param describe_ns: how long describing took, for the answer's stage times.
        """
        times = {'describe': describe_ns}
        began = time.perf_counter_ns()
        depth = max(self.settings.search_depth, self.settings.candidates)
        neighbours = self._index.search(description.descriptor, depth)
        times['search'] = time.perf_counter_ns() - began

        began = time.perf_counter_ns()
        rows = self.snapshot.rows_of(neighbours.place_ids)
        self._follow(description, rows, neighbours)
        found = hypotheses(self._filter.places, self._neighbourhoods, self.settings.candidates)
        times['filter'] = time.perf_counter_ns() - began
        return self._answer(description, rows, neighbours, found, times)

    def _follow(self, description: Description, rows: NDArray[np.int64],
                neighbours: Neighbours) -> None:
        s = self.settings
        elapsed_ns = None if self._last_ns is None else description.stamp_ns - self._last_ns
        if s.filter == 'none' or elapsed_ns is None or elapsed_ns < -_STAMP_JITTER_NS:
            self._filter.reset()
            self._last_ns = description.stamp_ns
            news = 1.0
        else:
            elapsed_ns = max(elapsed_ns, 0)
            self._filter.predict(elapsed_ns)
            self._last_ns = description.stamp_ns if elapsed_ns else self._last_ns
            # Sequences of S frames share all but one with the sequence before.
            news = self._filter.independence(elapsed_ns) / self._extractor.frames
        deviations = self._background.standardise(description.descriptor,
                                                  neighbours.similarities)
        evidence = log_evidence(deviations, slope=s.evidence_slope,
                                threshold=s.evidence_threshold, bound=s.largest_evidence)
        # What search did not return looks no better than the last that it did; on a large map
        # even that looks good, but not to be among the best speaks against a place.
        elsewhere = min(float(evidence.min()), _NOT_AMONG_THE_BEST)
        self._filter.update(rows, news * evidence, news * elsewhere)

    def _answer(self, description: Description, rows: NDArray[np.int64], neighbours: Neighbours,
                found: list[Hypothesis], times: dict[str, int]) -> Localization:
        similarity = dict(zip(rows.tolist(), neighbours.similarities.tolist(), strict=True))
        camera = dict(zip(rows.tolist(), neighbours.cameras.tolist(), strict=True))
        candidates = tuple(
            self._candidate(h, description, similarity.get(h.row), camera.get(h.row))
            for h in found)
        probability = candidates[0].probability if candidates else 0.0
        decision, reason = self._decide(probability)
        known = decision is Decision.KNOWN
        return Localization(
            stamp_ns=description.stamp_ns, camera=description.camera,
            map_id=self.snapshot.map_id, map_revision=self.snapshot.revision,
            network=self._extractor.identity.name, decision=decision, reason=reason,
            probability=probability, probability_source='default', candidates=candidates,
            T_map_base=candidates[0].T_map_base if known else None, stage_times_ns=times)

    def _candidate(self, hypothesis: Hypothesis, description: Description,
                   similarity: float | None, camera: int | None) -> Candidate:
        snapshot, row = self.snapshot, hypothesis.row
        if similarity is None or camera is None:
            # The filter holds on to a place that this frame's search did not return.
            views = snapshot.views_of(row)
            products = snapshot.descriptors[views].astype(np.float32) @ description.descriptor
            best = int(np.argmax(products))
            similarity, camera = float(products[best]), int(snapshot.view_cameras[views[best]])
        return Candidate(
            place_id=int(snapshot.place_ids[row]), stamp_ns=int(snapshot.stamps_ns[row]),
            session=snapshot.sessions[snapshot.session_of[row]],
            camera=snapshot.cameras[camera], similarity=similarity,
            probability=hypothesis.probability, T_map_base=snapshot.poses[row])

    def _decide(self, probability: float) -> tuple[Decision, str]:
        nowhere, wanted = self._filter.nowhere, self.settings.known_probability
        if probability >= wanted:
            return Decision.KNOWN, (
                f'the best place has probability {probability:.2f} (at least {wanted:.2f} is '
                'asked for)')
        if nowhere >= 1.0 - nowhere:
            return Decision.UNKNOWN, (
                f'no place of the map looks enough like this (probability {nowhere:.2f} that it '
                'is none of them)')
        return Decision.UNKNOWN, (
            f'several places look like this: the best has probability {probability:.2f}, less '
            f'than {wanted:.2f}')


def open_localizer(map_path: Path, extraction: ExtractionSettings, matching: MatchingSettings,
                   index: IndexSettings | None = None) -> Localizer:
    """Make the localizer of a map file, with the network that the map was made with."""
    snapshot, places = open_index(map_path, index or IndexSettings())
    try:
        if len(snapshot) == 0:
            raise VprError(f'the map {map_path} has no places: build one with "vpr_ros map build"')
        return Localizer(snapshot, make_extractor(extraction, snapshot.network), matching, places)
    except BaseException:
        places.close()
        raise


def _transition(settings: MatchingSettings) -> Transition:
    return Transition(settings.fastest_speed_ratio, settings.enter_probability,
                      settings.leave_probability, settings.jump_probability)
