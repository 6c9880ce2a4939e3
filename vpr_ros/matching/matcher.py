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


"""Where the robot is, description by description."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from functools import partial

import numpy as np
from vpr_ros.maps.index.flat_index import FlatIndex
from vpr_ros.maps.index.place_index import PlaceIndex
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.calibration import Calibration
from vpr_ros.matching.calibration import mode_name
from vpr_ros.matching.follower import Look
from vpr_ros.matching.follower import StageTimes
from vpr_ros.matching.followers import make_follower
from vpr_ros.matching.geometry.covariance import carried
from vpr_ros.matching.geometry.verifier import verify
from vpr_ros.matching.hypotheses import hypotheses
from vpr_ros.matching.hypotheses import Hypothesis
from vpr_ros.matching.hypotheses import likeliest_first
from vpr_ros.matching.hypotheses import Neighbourhoods
from vpr_ros.matching.localizer_state import LocalizerState
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.support import Support
from vpr_ros.matching.verification import Check
from vpr_ros.matching.verification import Compare
from vpr_ros.matching.verification import PlaceSights
from vpr_ros.matching.verification import reweighed
from vpr_ros.matching.verification import Verifier
from vpr_ros.matching.verification import View
from vpr_ros.runtime.time_jumps import goes_back
from vpr_ros.types import Camera
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Description
from vpr_ros.types import Localization
from vpr_ros.types import Pose
from vpr_ros.types import RelativePose

__all__ = ['Matcher', 'robot_pose']

# How many answers are weighed against each other, however many are listed: what ships as
# calibration was learnt so.
_WEIGHED = 5
# Near a place, one sigma: along the ground by all that counts as one answer, hardly up or down;
# roll, pitch and heading in radians: streets slope, and lanes and bends turn a robot.
_NEAR_SHARES = np.array([1.0, 1.0, 0.1])
_LOOKS_SIGMAS = np.array([0.1, 0.1, 0.5])


class Matcher:
    """
    Answers each description with a :class:`vpr_ros.types.Localization`.

    Frames of one robot come in the order they were taken; :meth:`reset` starts anew, and a stamp
    that goes back by more than half a second does so by itself.

    :param snapshot: the map, with at least one place.
    :param index: finds places of it; exact search unless another one is given.
    :param sights: local features of its places; without them nothing is verified.
    :param calibration: what beliefs and inliers are worth, where that is known.
    :param compare: compares two images.
    :ivar support: what geometry has been worth so far.
    :ivar checks: what geometry said of the latest moment.
    """

    def __init__(self, snapshot: Snapshot, settings: MatchingSettings,
                 index: PlaceIndex | None = None, *, sights: PlaceSights | None = None,
                 calibration: Calibration | None = None, compare: Compare = verify) -> None:
        if len(snapshot) == 0:
            raise ValueError('a map without places cannot localize anything')
        self.snapshot = snapshot
        self._follower = make_follower(
            snapshot, FlatIndex(snapshot) if index is None else index, settings)
        self._sights = sights
        self._compare = compare
        self.calibration = calibration or Calibration()
        self.support = Support()
        self.checks: tuple[Check, ...] = ()
        self._last_ns: int | None = None
        self.settings = settings
        self.change_settings(settings)

    def change_settings(self, settings: MatchingSettings) -> None:
        """
        Go on with other settings; the belief stays. Refused ones change nothing.

        What geometry was worth is forgotten where images are compared in another way: inliers of
        one are no measure for those of the other.
        """
        self._follower.change_settings(settings)
        if settings.geometry != self.settings.geometry:
            self.support = Support()
        self.settings = settings
        self._neighbourhoods = Neighbourhoods(
            self.snapshot, radius_m=settings.same_place_m, frames=settings.same_place_frames)
        self._verifier = None
        if self._sights is not None and settings.verify:
            self._verifier = Verifier(
                self.snapshot, self._sights, self.calibration.geometry, settings.geometry,
                radius_m=settings.same_place_m, frames=settings.same_place_frames,
                most=settings.verify, compare=self._compare)

    def reset(self) -> None:
        """Forget all evidence, as after a restart."""
        self._follower.reset()
        self.support = Support()
        self.checks = ()
        self._last_ns = None

    def state(self) -> LocalizerState:
        """Return all that is remembered of earlier frames; later frames do not change it."""
        return LocalizerState(self.snapshot.map_id, self.snapshot.revision, self._last_ns,
                              self._follower.state(), self.support.array())

    def restore(self, state: LocalizerState) -> None:
        """
        Go on where a state was taken.

        :raises VprError: for the state of another map, or of another filter; nothing is changed.
        """
        state.check(self.snapshot.map_id, self.snapshot.revision)
        support = Support.of(state.support, state.last_ns)
        self._follower.restore(state.follower)
        self.support = support
        self._last_ns = state.last_ns

    def match(self, *descriptions: Description, T_odom_base: Pose | None = None,
              calibrations: Mapping[str, Camera] | None = None,
              times: StageTimes | None = None) -> Localization:
        """
        Say where a described frame was taken, or what several cameras saw at one moment.

        :param descriptions: that of the leading camera first.
        :param T_odom_base: where odometry had the robot at that stamp, when known.
        :param calibrations: of the cameras, by name, where known.
        :param times: of the stages before this.
        """
        times = StageTimes() if times is None else times
        self._check(descriptions)
        lead = descriptions[0]
        if goes_back(lead.stamp_ns, self._last_ns):
            self.reset()
        # A little older than the last: seen at its time.
        stamp_ns = max(lead.stamp_ns, self._last_ns or 0)
        others = np.stack([d.descriptor for d in descriptions[1:]]) if descriptions[1:] else None
        belief = self._follower.follow(
            Look(stamp_ns, lead.descriptor, T_odom_base, others), times)
        self._last_ns = stamp_ns
        with times.stage('answer'):
            weighed = max(_WEIGHED, self.settings.verify)
            found, further = hypotheses(belief, self._neighbourhoods, weighed,
                                        max(0, self.settings.candidates - weighed))
        self.checks = ()
        if self._verifier is not None:
            with times.stage('geometry'):
                self.checks = self._verifier.check(descriptions, calibrations or {}, found,
                                                   belief.alike, self.support)
        with times.stage('answer'):
            for check in self.checks:
                row = check.hypothesis.row
                near = partial(self._neighbourhoods.near, row)
                self._follower.confirm(row, near, check.log_ratio)
            before, found = found, reweighed(found, self.checks)
            return self._answer(
                descriptions, found, _beside(further, before, found), belief.nowhere,
                T_odom_base is not None, times)

    def _check(self, descriptions: Sequence[Description]) -> None:
        dimension = self.snapshot.descriptors.shape[1]
        if not descriptions:
            raise ValueError('at least one description is needed, got none')
        for description in descriptions:
            descriptor = description.descriptor
            if descriptor.shape != (dimension,):
                raise ValueError(f'a descriptor must have {dimension} numbers, as in this map, '
                                 f'got shape {descriptor.shape}')
            if not np.isfinite(descriptor).all():
                raise ValueError('a descriptor must be finite, got NaN or infinity')

    def _answer(self, descriptions: Sequence[Description], found: Sequence[Hypothesis],
                further: Sequence[Hypothesis], nowhere: float, odometry: bool,
                times: StageTimes) -> Localization:
        lead, check = descriptions[0], None
        probability, source = 0.0, self.calibration.source
        if found:
            check = next((c for c in self.checks if c.hypothesis.row == found[0].row), None)
            support = self.support.follow(
                self._last_ns or 0, 0.0 if check is None else check.log_ratio)
            mode = self._mode(odometry, geometry=any(c.log_ratio for c in self.checks))
            probability, source = self.calibration.probability(
                mode, found[0].probability, support)
        others = 1.0 if not found or found[0].probability >= 1.0 else (
            (1.0 - probability) / (1.0 - found[0].probability))
        candidates = tuple(
            self._candidate(Hypothesis(h.row, min(h.probability * others, probability)
                                       if number else probability), descriptions)
            for number, h in enumerate(
                [*found[:1], *likeliest_first([*found[1:], *further])][:self.settings.candidates]))
        relative = None if check is None else check.verification.relative_pose
        decision, reason = self._decide(probability, nowhere)
        known = decision is Decision.KNOWN
        return Localization(
            stamp_ns=lead.stamp_ns, camera=lead.camera,
            map_id=self.snapshot.map_id, map_revision=self.snapshot.revision,
            network=self.snapshot.network.name, decision=decision, reason=reason,
            probability=probability, probability_source=source, candidates=candidates,
            relative_pose=relative if known else None,
            T_map_base=robot_pose(
                candidates[0].T_map_base, relative,
                same_place_m=self.settings.same_place_m) if known else None,
            stage_times_ns=times)

    def _mode(self, odometry: bool, *, geometry: bool) -> str:
        s = self.settings
        if s.filter not in ('forward', 'none'):
            return s.filter  # baselines are not calibrated
        return mode_name(sequence=s.filter == 'forward',
                         odometry=odometry and s.motion == 'odometry', geometry=geometry)

    def _candidate(self, hypothesis: Hypothesis,
                   descriptions: Sequence[Description]) -> Candidate:
        snapshot, row = self.snapshot, hypothesis.row
        best = View.of(snapshot, row, descriptions)
        return Candidate(
            place_id=int(snapshot.place_ids[row]), stamp_ns=int(snapshot.stamps_ns[row]),
            session=snapshot.sessions[snapshot.session_of[row]],
            camera=snapshot.cameras[int(snapshot.view_cameras[best.view])],
            similarity=best.similarity, probability=hypothesis.probability,
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


def _beside(further: Sequence[Hypothesis], before: Sequence[Hypothesis],
            after: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Return what nobody weighed, now that geometry has given more or less to the others."""
    left = 1.0 - sum(h.probability for h in before)
    share = max(1.0 - sum(h.probability for h in after), 0.0) / left if left > 0.0 else 0.0
    return [Hypothesis(h.row, h.probability * share) for h in further]


def robot_pose(T_map_match: Pose | None, relative: RelativePose | None, *,
               same_place_m: float) -> Pose | None:
    """
    Return where the robot is in the map: near the place, or better where that is known.

    It is as unsure as the place and the way from there together. A place whose covariance nobody
    told is taken for exact: such a map says where it is itself. Without a relative pose in metres
    the robot is at the place, give or take what counts as one answer; it is turned by what images
    say of that, and else looks as it did then, more or less.

    :param same_place_m: how far apart places of one answer may be.
    """
    if T_map_match is None:
        return None
    if T_map_match.covariance is None:
        T_map_match = Pose(T_map_match.position, T_map_match.quaternion, np.zeros((6, 6)))
    if relative is not None and relative.rotation_valid and relative.translation_valid:
        return _from_place(T_map_match, relative.T_match_query)
    T_map_robot, turn = T_map_match, np.diag(_LOOKS_SIGMAS ** 2)
    if relative is not None and relative.rotation_valid:
        T_match_query = relative.T_match_query
        T_map_robot = T_map_match @ Pose(np.zeros(3), T_match_query.quaternion)
        if T_match_query.covariance is not None:
            rotation = T_map_match.rotation()
            turn = rotation @ T_match_query.covariance[3:, 3:] @ rotation.T
    covariance = np.array(T_map_match.covariance)
    covariance[:3, :3] += np.diag((same_place_m * _NEAR_SHARES) ** 2)
    covariance[3:, 3:] += turn
    return Pose(T_map_robot.position, T_map_robot.quaternion, covariance)


def _from_place(T_map_match: Pose, T_match_query: Pose) -> Pose:
    """Return the end of a measured way, as unsure as where it begins and the way itself."""
    of_place = carried(Pose.identity(), T_map_match, T_match_query)
    of_robot = carried(T_map_match, T_match_query, Pose.identity())
    if of_place.covariance is None or of_robot.covariance is None:
        return T_map_match @ T_match_query
    return Pose(of_robot.position, of_robot.quaternion,
                of_place.covariance + of_robot.covariance)
