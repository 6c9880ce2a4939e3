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

"""Finding places again that a robot has been at since it set out."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
import logging

import numpy as np
from vpr_ros.errors import VprError
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.maps.keyframes import Keyframes
from vpr_ros.maps.settings import MapSettings
from vpr_ros.matching.calibration import Calibration
from vpr_ros.matching.calibration import GeometryEvidence
from vpr_ros.matching.carried_state import carried_state
from vpr_ros.matching.drift import not_too_far
from vpr_ros.matching.follower import StageTimes
from vpr_ros.matching.loop_closures import loop_closure_of
from vpr_ros.matching.loop_settings import LoopSettings
from vpr_ros.matching.matcher import Matcher
from vpr_ros.matching.matcher import robot_pose
from vpr_ros.matching.online_map import OnlineMap
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.verification import Check
from vpr_ros.runtime.time_jumps import goes_back
from vpr_ros.types import Camera
from vpr_ros.types import Decision
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import Localization
from vpr_ros.types import LoopClosure
from vpr_ros.types import Place
from vpr_ros.types import Pose

__all__ = ['LoopDetection', 'LoopDetector']

_log = logging.getLogger(__name__)
# With fewer keyframes there is no telling what stands out.
_LEAST_PLACES = 10
# The searched map is made anew when it has grown by so many keyframes, and by such a share: then
# each keyframe costs the same, however many there are.
_GROWN_BY, _GROWN_SHARE = 10, 0.02
# Making it anew takes as long as some hundred keyframes, and SLAM may move them often: it is
# for what changes which places are next to each other.
_MOVED_M = 1.0
# What is not calibrated for loops: most of what a robot sees it sees for the first time, and look-
# alikes agree on a motion nearly as well as images of one place. So inliers count for little.
_DEFAULT = Calibration(geometry=GeometryEvidence(slope=1.0, midpoint=0.4, bound=1.0))


@dataclass(frozen=True)
class LoopDetection:
    """
    What became of one moment.

    :param place_id: of the keyframe that it is; None where it is none, and all else is None too.
    :param localization: where among the older keyframes it was taken; None before there are any.
    :param closure: where that is certain enough.
    :param descriptions: of the frames, of a keyframe.
    :param searchable: how many keyframes, from the first, are old enough to be looked for; the
        newest of them may not be in the searched map yet.
    """

    place_id: int | None = None
    localization: Localization | None = None
    closure: LoopClosure | None = None
    descriptions: tuple[Description, ...] = ()
    searchable: int = 0


class LoopDetector:
    """
    Builds the map of a run and finds in it, keyframe by keyframe, where the robot was before.

    What it looks for are the keyframes that are old enough: the recent past is no loop. Moments
    come in the order they were taken; :meth:`reset` starts anew, and a stamp that goes back by
    more than half a second does so by itself. The same moments give the same answers.

    :param session: the name of the run at both ends of its closures.
    :param map_id: UUID of the map that keeps the keyframes, if there is one.
    :param calibration: what beliefs and inliers are worth, where that is known.
    """

    def __init__(self, extractor: Extractor, settings: LoopSettings, matching: MatchingSettings, *,
                 session: str, map_id: str = '', calibration: Calibration | None = None) -> None:
        if matching.filter not in ('forward', 'none'):
            raise VprError(f'loops are found with the filter "forward" or "none", not with '
                           f'{matching.filter!r}: it cannot follow a robot through a map that '
                           'grows; change matching.filter')
        self.settings = settings
        self.matching = self._of_keyframes(matching)
        self._extractor = extractor
        self._session = session
        self._map_id = map_id
        self._calibration = calibration or _DEFAULT
        self.map: OnlineMap | None = None
        self.reset()

    def reset(self) -> None:
        """Forget all keyframes."""
        s = self.settings
        self.map = None
        self._keyframes = Keyframes(MapSettings(
            keyframe_distance_m=s.keyframe_distance_m, keyframe_angle_rad=s.keyframe_angle_rad,
            keyframe_interval_s=s.keyframe_interval_s))
        self._searched: Matcher | None = None
        self._last_ns: int | None = None
        self._extractor.restart()

    def _of_keyframes(self, matching: MatchingSettings) -> MatchingSettings:
        return matching.model_copy(update={'same_place_m': self.settings.same_place_m})

    def change_matching(self, matching: MatchingSettings) -> None:
        """Go on with other settings of the matching; refused ones change nothing."""
        matching = self._of_keyframes(matching)
        if self._searched is not None:
            self._searched.change_settings(matching)
        self.matching = matching

    def resume(self) -> None:
        """Go on after a break: no frame that comes follows the last one of a sequence."""
        self._extractor.restart()

    def detect(self, frames: Sequence[Frame]) -> LoopDetection:
        """
        Take in what one or several cameras saw at one moment.

        :param frames: of different cameras; the first leads: its stamp and its odometry count.
            Where odometry is known at all, frames without it are passed over.
        """
        lead = frames[0]
        if not self._is_keyframe(lead.stamp_ns, lead.T_odom_base):
            return LoopDetection()
        times = StageTimes()
        with times.stage('describe'):
            descriptions = self._extractor.describe_batch(list(frames))
        calibrations = {f.camera: f.calibration for f in frames if f.calibration is not None}
        return self._take(descriptions, lead.T_odom_base, calibrations, times)

    def match(self, *descriptions: Description, T_odom_base: Pose | None = None,
              calibrations: Mapping[str, Camera] | None = None) -> LoopDetection:
        """
        Take in frames of one moment that are described already; else as :meth:`detect`.

        :param descriptions: that of the leading camera first.
        :param calibrations: of the cameras, by name, where known.
        """
        if not self._is_keyframe(descriptions[0].stamp_ns, T_odom_base):
            return LoopDetection()
        return self._take(descriptions, T_odom_base, calibrations or {}, StageTimes())

    def update_poses(self, poses: Mapping[int, Pose]) -> None:
        """
        Move keyframes to where a SLAM system has them now, by place id.

        See :meth:`vpr_ros.matching.online_map.OnlineMap.update_poses`.
        """
        if self.map is None:
            raise VprError('there are no keyframes yet that could be moved')
        self.map.update_poses(poses)
        if self._searched is None:
            return
        searched = self._searched.snapshot
        moved = self.map.snapshot(len(searched)).poses.positions - searched.poses.positions
        if float(np.linalg.norm(moved, axis=1).max()) > _MOVED_M:
            self._search(len(searched))

    def _is_keyframe(self, stamp_ns: int, T_odom_base: Pose | None) -> bool:
        if self._last_ns is not None and goes_back(stamp_ns, self._last_ns):
            _log.warning('time went back by %.1f s: all keyframes before are forgotten',
                         (self._last_ns - stamp_ns) / 1e9)
            self.reset()
        known = self.map
        if known is not None and len(known):
            if known.posed and T_odom_base is None:
                return False
            if not known.posed and T_odom_base is not None:
                # Odometry came up after the camera: what it cannot place is of no use.
                _log.warning('odometry begins: the %d keyframes without it are forgotten',
                             len(known))
                self.reset()
        if self._last_ns is not None and stamp_ns <= self._last_ns:
            return False
        if not self._keyframes.take(Place(1, stamp_ns, self._session, T_odom_base)):
            return False
        self._last_ns = stamp_ns
        return True

    def _take(self, descriptions: Sequence[Description], T_odom_base: Pose | None,
              calibrations: Mapping[str, Camera], times: StageTimes) -> LoopDetection:
        if self.map is None:
            self.map = OnlineMap(self._extractor.identity, session=self._session,
                                 first_ns=descriptions[0].stamp_ns, map_id=self._map_id)
        s, known = self.settings, self.map
        place_id = known.add(descriptions, T_odom_base=T_odom_base, calibrations=calibrations)
        with times.stage('map'):
            old = known.old_enough(seconds=s.exclude_s, metres=s.exclude_m)
            grown = old - (0 if self._searched is None else len(self._searched.snapshot))
            if old >= _LEAST_PLACES and grown >= max(_GROWN_BY, _GROWN_SHARE * old):
                self._search(old)
        if self._searched is None:
            return LoopDetection(place_id, descriptions=tuple(descriptions), searchable=old)
        found = self._in_reach(self._searched.match(
            *descriptions, T_odom_base=T_odom_base, calibrations=calibrations, times=times))
        return LoopDetection(place_id, found, self._closure(place_id, found),
                             tuple(descriptions), old)

    def _search(self, count: int) -> None:
        """Search the first keyframes from now on, and go on where the robot is believed to be."""
        assert self.map is not None
        before, after = self._searched, self.map.snapshot(count)
        self._searched = Matcher(after, self.matching, sights=self.map,
                                 calibration=self._calibration)
        if before is not None:
            self._searched.restore(carried_state(before.state(), before.snapshot, after))

    def _in_reach(self, found: Localization) -> Localization:
        """Return an answer in the light of how far odometry can be off."""
        known, drift = self.map, self.settings.odometry_drift
        assert known is not None
        if not known.posed or not found.candidates:
            return found
        rows = np.array([known.row_of(c.place_id) for c in found.candidates])
        likely = not_too_far(*known.apart(rows), drift) if drift > 0.0 else np.ones(len(rows))
        candidates = sorted(
            (replace(c, probability=c.probability * share, T_map_base=known.pose(c.place_id))
             for c, share in zip(found.candidates, likely.tolist(), strict=True)),
            key=lambda c: -c.probability)
        best, probability = candidates[0], candidates[0].probability
        found = replace(found, candidates=tuple(candidates), probability=probability)
        if not found.known:
            return found
        if probability >= self.matching.known_probability:
            # That of the best now, which may be another, and may have moved since it was searched.
            check = self._check_of(best.place_id)
            relative = None if check is None else check.verification.relative_pose
            return replace(found, relative_pose=relative,
                           T_map_base=robot_pose(best.T_map_base, relative,
                                                 same_place_m=self.matching.same_place_m))
        away, way = (float(v[0]) for v in known.apart(rows[:1]))
        return replace(
            found, decision=Decision.UNKNOWN, relative_pose=None, T_map_base=None, reason=(
                f'the place most like this is {away:.0f} m away by odometry, {way:.0f} m driven '
                f'since: too far off for a drift of {drift:g} (probability {probability:.2f}, '
                f'less than {self.matching.known_probability:.2f})'))

    def _closure(self, place_id: int, found: Localization) -> LoopClosure | None:
        if not found.known:
            return None
        check = self._check_of(found.candidates[0].place_id)
        if check is not None and check.verification.inliers < self.settings.least_inliers:
            return None
        return loop_closure_of(found, session=self._session, place_id=place_id)

    def _check_of(self, place_id: int) -> Check | None:
        """Return what geometry says of a candidate, None where nobody looked."""
        assert self._searched is not None
        ids = self._searched.snapshot.place_ids
        return next((check for check in self._searched.checks
                     if ids[check.hypothesis.row] == place_id), None)
