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


"""Our own way to follow a robot: search, evidence, motion, and a filter that weighs them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.maps.index.place_index import PlaceIndex
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.background import Background
from vpr_ros.matching.belief import Belief
from vpr_ros.matching.evidence import Evidence
from vpr_ros.matching.evidence import weigh
from vpr_ros.matching.follower import FollowerState
from vpr_ros.matching.follower import Look
from vpr_ros.matching.follower import Near
from vpr_ros.matching.follower import StageTimes
from vpr_ros.matching.motion import driven_places
from vpr_ros.matching.motion import ImageMotion
from vpr_ros.matching.motion import Step
from vpr_ros.matching.place_filter import Cells
from vpr_ros.matching.place_filter import PlaceFilter
from vpr_ros.matching.place_filter import Transition
from vpr_ros.matching.redundancy import Redundancy
from vpr_ros.matching.route import Route
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.types import Pose

__all__ = ['ForwardFollower']

# The index ranks by a scalar product and the evidence by a contrast, which is nearly the same: so
# many times as many are asked for.
_SEARCHED = 3
# The share of what a closer look says that is kept for frames to come: inliers of one street err
# alike, frame after frame, and prefer places that lie some way off.
_CLOSER_LOOK = 0.25
# Change below this is rounding: not even a robot at rest sees the same pixels twice.
_SAME_IMAGE = 1e-5
# Odometry is not believed that is so many times as fast as the fastest robot, over more than a few
# places: its driver was started anew, and counts from elsewhere.
_IMPOSSIBLE, _FEW_PLACES = 10.0, 3.0


class ForwardFollower:
    """
    Follows a robot with a filter over place, speed and "nowhere".

    With the setting ``filter: none`` it forgets between frames.

    :param snapshot: the map, with at least one place.
    :param index: finds places of it.
    """

    def __init__(self, snapshot: Snapshot, index: PlaceIndex, settings: MatchingSettings) -> None:
        self._snapshot = snapshot
        self._index = index
        self._settings = settings
        self._route = Route.of(snapshot)
        descriptors, views = snapshot.descriptors, snapshot.first_views
        self._background = (Background.of(descriptors) if settings.background
                            else Background.none(descriptors))
        self._images = ImageMotion.of(descriptors, views, self._route)
        posed = bool(snapshot.poses.known.all())
        self._redundancy = Redundancy.of(
            self._background, views, snapshot.session_of, settings.search_depth,
            snapshot.poses.positions if posed else None)
        self._filter = PlaceFilter(self._route, _transition(settings))
        self.reset()

    def change_settings(self, settings: MatchingSettings) -> None:
        """Go on with other settings; the belief stays. Refused ones change nothing."""
        transition = _transition(settings)
        self._settings = settings
        self._filter.change(transition)

    def reset(self) -> None:
        """Forget all frames."""
        self._filter.reset()
        self._last: Look | None = None
        self._news = 0.0
        self._usual_change, self._pairs = 1.0, 0

    def follow(self, look: Look, times: StageTimes) -> Belief:
        """Take in one frame; stamps never go back between two resets."""
        s = self._settings
        if s.filter == 'none':
            self.reset()
        with times.stage('search'):
            rows, scores = self._search(look.descriptors)
        with times.stage('evidence'):
            evidence = weigh(rows, scores, slope=s.evidence_slope,
                             threshold=s.evidence_threshold, bound=s.largest_evidence)
        with times.stage('motion'):
            self._news, news_at = self._predict(look)
        with times.stage('filter'):
            if self._news > 0.0:
                self._filter.update(evidence, self._news, news_at)
            return self._shown(self._filter.belief(), evidence)

    def confirm(self, row: int, near: Near, log_ratio: float) -> None:
        """
        Take in what a closer look says of a place, after :meth:`follow`.

        What is no news to the first look is none to the second: the robot stands.
        """
        if self._news > 0.0:
            self._filter.confirm(row, near, _CLOSER_LOOK * self._news * log_ratio)

    def _search(self, queries: NDArray[np.float32]) -> tuple[NDArray[np.int64],
                                                             NDArray[np.float64]]:
        """Return the rows and contrasts of the best places for the images (q, D) of a moment."""
        depth = self._settings.search_depth
        directions = np.stack([self._background.direction(query) for query in queries])
        found = [self._index.search(direction, _SEARCHED * depth) for direction in directions]
        if len(queries) == 1:
            rows = self._snapshot.rows_of(found[0].place_ids)
            scores = self._background.contrasts(
                directions[0], self._snapshot.views_at(rows, found[0].cameras),
                found[0].similarities)
        else:
            rows = self._snapshot.rows_of(np.unique(np.concatenate([f.place_ids for f in found])))
            scores = self._together(directions, rows)
        best = np.argsort(-scores, kind='stable')[:depth]
        return rows[best], scores[best]

    def _together(self, directions: NDArray[np.float32],
                  rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """
        Return the contrasts (n,) of places with all that q cameras saw.

        Each camera is compared with its best view of the place, for nobody knows which way the
        robot faces: who comes back the other way sees behind what the map has ahead. Of a place
        with fewer views than that the best so many count.
        """
        views = [self._snapshot.views_of(int(row)) for row in rows]
        counts = np.array([len(of_place) for of_place in views])
        begins = np.concatenate([[0], np.cumsum(counts)[:-1]])
        flat = np.concatenate(views)
        descriptors = np.asarray(self._snapshot.descriptors[flat], np.float32)
        each = np.sort([
            np.maximum.reduceat(
                self._background.contrasts(direction, flat, descriptors @ direction), begins)
            for direction in directions], axis=0)[::-1]
        pairs = np.minimum(counts, len(directions))
        sums = np.cumsum(each, axis=0)
        return np.asarray(sums[pairs - 1, np.arange(len(rows))] / pairs)

    def _predict(self, look: Look) -> tuple[float, NDArray[np.float64]]:
        """
        Move the belief on to a frame.

        :returns: how much of its evidence is news, and (speeds,) how much for a robot that drove
            at each speed: who stands sees one place of the map again and again.
        """
        last, speeds = self._last, self._filter.speeds
        if last is None:
            self._last = look
            return 1.0, np.ones(len(speeds))
        elapsed_s = (look.stamp_ns - last.stamp_ns) / 1e9
        if elapsed_s <= 0.0:
            return 0.0, np.zeros(len(speeds))
        self._last = look
        step = self._step(last, look, elapsed_s)
        if step.change is not None and step.change < _SAME_IMAGE:
            # A repeated image, of a robot that stands or of a camera that does.
            return 0.0, np.zeros(len(speeds))
        places = self._filter.predict(step, self._images)
        ways = np.append(np.full(len(speeds), places) if step.measured
                         else np.minimum(np.abs(speeds), 1.0) * step.places, places)
        fixed = self._settings.temperature
        news = fixed * np.minimum(ways, 1.0) if fixed > 0.0 else self._redundancy.news(ways)
        return float(news[-1]), news[:-1]

    def _step(self, last: Look, look: Look, elapsed_s: float) -> Step:
        motion = self._settings.motion
        places = elapsed_s / self._route.seconds
        if motion == 'odometry' and last.T_odom_base is not None and look.T_odom_base is not None:
            driven = driven_places(self._route, last.T_odom_base.inverse() @ look.T_odom_base)
            fastest = _IMPOSSIBLE * max(self._settings.fastest_speed_ratio, 1.0)
            if driven is not None and abs(driven) <= max(fastest * places, _FEW_PLACES):
                return Step(driven, measured=True)
        if motion == 'time' or self._images is None:
            return Step(places)
        change = 1.0 - float(last.descriptor @ look.descriptor)
        usual = self._usual_change
        if change >= _SAME_IMAGE:
            self._usual_change = self._images.learnt(change, places, usual, seen=self._pairs)
            self._pairs += 1
        return Step(places, change=change, usual=usual if self._pairs > 1 else self._usual_change)

    def _shown(self, belief: Belief, evidence: Evidence) -> Belief:
        """Show for each stop the one of its places that looked most like the frame."""
        stops, first = np.unique(self._route.stop_of[evidence.rows], return_index=True)
        mine = self._route.stop_of[belief.rows]
        at = np.minimum(np.searchsorted(stops, mine), len(stops) - 1)
        # Of a stop the first is the best.
        rows = np.where(stops[at] == mine, evidence.rows[first[at]], belief.rows)
        return Belief(rows, belief.probabilities, belief.nowhere, evidence.rows)

    def state(self) -> FollowerState:
        """Return what is remembered; later frames do not change it."""
        cells, last = self._filter.cells, self._last
        arrays: dict[str, NDArray[Any]] = {
            'x': cells.x.copy(), 'speed': self._filter.speeds[cells.speed],
            'weight': cells.weight.copy(), 'told': cells.told.copy(),
            'rest': np.array([cells.spread, cells.nowhere, cells.helped, self._usual_change]),
            'pairs': np.array([self._pairs])}
        if last is not None:
            arrays |= {'stamp_ns': np.array([last.stamp_ns]), 'descriptor': last.descriptor.copy()}
            if last.T_odom_base is not None:
                arrays['odometry'] = np.concatenate(
                    [last.T_odom_base.position, last.T_odom_base.quaternion])
        return FollowerState('forward', arrays)

    def restore(self, state: FollowerState) -> None:
        """
        Go on where a state was taken.

        :raises VprError: for one that is of no such follower of this map; nothing is changed.
        """
        arrays = state.of_kind('forward')
        n = np.size(arrays.get('x', ()))
        cells = {name: state.numbers(name, n).astype(np.float64)
                 for name in ('x', 'speed', 'weight', 'told')}
        spread, nowhere, helped, usual = state.numbers('rest', 4).tolist()
        total = float(cells['weight'].sum()) + spread + nowhere
        inside = (cells['x'] >= -0.5) & (cells['x'] < len(self._route) - 0.5)
        least = min(float(cells['weight'].min(initial=0.0)), spread, nowhere)
        pairs = int(state.numbers('pairs', 1)[0])
        if not inside.all() or least < 0.0 or abs(total - 1.0) > 1e-6:
            raise VprError('this state is of no filter of this map: its cells lie outside, or its '
                           f'weights add up to {total:.6f} and not to 1; start anew')
        last = None
        odometry = state.numbers('odometry', 7) if 'odometry' in arrays else None
        turned = 1.0 if odometry is None else float(np.linalg.norm(odometry[3:]))
        if usual <= 0.0 or pairs < 0 or abs(turned - 1.0) > 1e-6:
            raise VprError('this state has a usual change, a count of images or a rotation of '
                           'odometry that cannot be: it is damaged; start anew')
        if 'stamp_ns' in arrays:
            descriptor = state.numbers('descriptor', self._snapshot.descriptors.shape[1])
            last = Look(int(state.numbers('stamp_ns', 1)[0]), descriptor.astype(np.float32),
                        None if odometry is None else Pose(odometry[:3], odometry[3:]))
        speed = np.abs(cells['speed'][:, None] - self._filter.speeds).argmin(axis=1)
        self._filter.cells = Cells(cells['x'], speed, cells['weight'], cells['told'], spread,
                                   nowhere, helped)
        self._last, self._usual_change, self._pairs = last, usual, pairs


def _transition(settings: MatchingSettings) -> Transition:
    return Transition(settings.fastest_speed_ratio, settings.enter_probability,
                      settings.leave_probability, settings.jump_probability,
                      settings.filter_cells, settings.gate)
