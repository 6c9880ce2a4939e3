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

import numpy as np
from vpr_ros.errors import VprError
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.index.flat_index import FlatIndex
from vpr_ros.maps.index.opening import open_index
from vpr_ros.maps.index.place_index import PlaceIndex
from vpr_ros.maps.settings import IndexSettings
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.follower import Look
from vpr_ros.matching.follower import StageTimes
from vpr_ros.matching.followers import make_follower
from vpr_ros.matching.hypotheses import hypotheses
from vpr_ros.matching.hypotheses import Hypothesis
from vpr_ros.matching.hypotheses import Neighbourhoods
from vpr_ros.matching.localizer_state import LocalizerState
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import Localization
from vpr_ros.types import Pose

__all__ = ['Localizer', 'open_localizer']

# Stamps of two cameras may come in the wrong order; further back is a new run.
_STAMP_JITTER_NS = 500_000_000


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
        self._follower = make_follower(
            snapshot, FlatIndex(snapshot) if index is None else index, settings)
        self._last_ns: int | None = None
        self.change_settings(settings)

    def change_settings(self, settings: MatchingSettings) -> None:
        """Go on with other settings; the belief stays. Refused ones change nothing."""
        self._follower.change_settings(settings)
        self.settings = settings
        self._neighbourhoods = Neighbourhoods(
            self.snapshot, radius_m=settings.same_place_m, frames=settings.same_place_frames)

    def reset(self) -> None:
        """Forget all evidence, as after a restart."""
        self._follower.reset()
        self._extractor.restart()
        self._last_ns = None

    def state(self) -> LocalizerState:
        """
        Return all that is remembered of earlier frames; later frames do not change it.

        Not the frames of a network of sequences: after :meth:`restore` its window fills again.
        """
        return LocalizerState(self.snapshot.map_id, self.snapshot.revision, self._last_ns,
                              self._follower.state())

    def restore(self, state: LocalizerState) -> None:
        """
        Go on where a state was taken.

        :raises VprError: for the state of another map, or of another filter; nothing is changed.
        """
        state.check(self.snapshot.map_id, self.snapshot.revision)
        self._follower.restore(state.follower)
        self._extractor.restart()
        self._last_ns = state.last_ns

    def localize(self, frame: Frame) -> tuple[Description, Localization]:
        """Describe a frame and say where it was taken."""
        times = StageTimes()
        with times.stage('describe'):
            description = self._extractor.describe(frame)
        return description, self._match(description, frame.T_odom_base, times)

    def match(self, description: Description, *,
              T_odom_base: Pose | None = None) -> Localization:
        """
        Say where a described frame was taken.

        :param T_odom_base: where odometry had the robot at that stamp, when known.
        """
        return self._match(description, T_odom_base, StageTimes())

    def _match(self, description: Description, T_odom_base: Pose | None,
               times: StageTimes) -> Localization:
        descriptor = description.descriptor
        if descriptor.shape != (self.snapshot.descriptors.shape[1],):
            raise ValueError(f'a descriptor must have {self.snapshot.descriptors.shape[1]} '
                             f'numbers, as in this map, got shape {descriptor.shape}')
        if not np.isfinite(descriptor).all():
            raise ValueError('a descriptor must be finite, got NaN or infinity')
        if self._last_ns is not None and description.stamp_ns < self._last_ns - _STAMP_JITTER_NS:
            self._follower.reset()
            self._last_ns = None
        # A little older than the last: seen at its time.
        stamp_ns = max(description.stamp_ns, self._last_ns or 0)
        belief = self._follower.follow(Look(stamp_ns, descriptor, T_odom_base), times)
        self._last_ns = stamp_ns
        with times.stage('answer'):
            found = hypotheses(belief, self._neighbourhoods, self.settings.candidates)
            candidates = tuple(self._candidate(h, description) for h in found)
        return self._answer(description, candidates, belief.nowhere, times)

    def _answer(self, description: Description, candidates: tuple[Candidate, ...],
                nowhere: float, times: StageTimes) -> Localization:
        probability = candidates[0].probability if candidates else 0.0
        decision, reason = self._decide(probability, nowhere)
        known = decision is Decision.KNOWN
        return Localization(
            stamp_ns=description.stamp_ns, camera=description.camera,
            map_id=self.snapshot.map_id, map_revision=self.snapshot.revision,
            network=self._extractor.identity.name, decision=decision, reason=reason,
            probability=probability, probability_source='default', candidates=candidates,
            T_map_base=candidates[0].T_map_base if known else None, stage_times_ns=times)

    def _candidate(self, hypothesis: Hypothesis, description: Description) -> Candidate:
        snapshot, row = self.snapshot, hypothesis.row
        views = snapshot.views_of(row)
        products = snapshot.descriptors[views].astype(np.float32) @ description.descriptor
        best = int(np.argmax(products))
        return Candidate(
            place_id=int(snapshot.place_ids[row]), stamp_ns=int(snapshot.stamps_ns[row]),
            session=snapshot.sessions[snapshot.session_of[row]],
            camera=snapshot.cameras[int(snapshot.view_cameras[views[best]])],
            similarity=float(products[best]), probability=hypothesis.probability,
            T_map_base=snapshot.poses[row])

    def _decide(self, probability: float, nowhere: float) -> tuple[Decision, str]:
        wanted = self.settings.known_probability
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
