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
How far the robot came between two frames, in places along a traverse.

From odometry where it is given and the map knows metres. Else from the images: the map shows how
much less alike two images are the further they are apart, so the likeness of two frames says how
far apart *they* are, above all whether the robot stands. All that is known without either is the
time that passed.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.matching.background import sample_rows
from vpr_ros.matching.route import Route
from vpr_ros.matching.route import TURN_RAD
from vpr_ros.types import Pose

__all__ = ['driven_places', 'ImageMotion', 'Step']

# Places apart at which a map's images are compared.
_APART = (1, 2, 3, 5, 8, 12)
_SAMPLES, _LEAST_SAMPLES = 256, 8
# Two images of a standing robot differ too, by noise and by what moves before it: less than this
# share of what a place makes is not told from nothing.
_STANDING = 0.1
# Change is told apart in deviations of its logarithm, at least so large.
_LEAST_DEVIATION = 0.3
# Now and then it says nothing: a bus passes.
_OUTLIERS = 0.05
# How fast the usual change of a run is learnt, per place, and from how much of it upwards: to
# stand is not usual.
_LEARNING, _DRIVING, _MOST_TIMES = 0.05, 0.4, 10.0


@dataclass(frozen=True, eq=False)
class ImageMotion:
    """
    How much images change (1 less their cosine) from place to place of a map.

    In a tunnel hardly anything does, however fast one drives, so it is asked of each place.

    :param places: (n,) distances, increasing from 0.
    :param change: (n,) the median change at each.
    :param deviation: robust, of the logarithm of the change at one place.
    """

    descriptors: NDArray[Any]
    views: NDArray[np.int64]
    route: Route
    places: NDArray[np.float64]
    change: NDArray[np.float64]
    deviation: float
    _local: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        # Of each stop once, when the robot may be there: a large map is not read for it.
        object.__setattr__(self, '_local', np.full(len(self.route), np.nan, np.float32))

    @classmethod
    def of(cls, descriptors: NDArray[Any], views: NDArray[np.int64],
           route: Route) -> ImageMotion | None:
        """
        Learn it from a map; None for one that is too short.

        :param descriptors: (V, D) of the map.
        :param views: (N,) a view of each place.
        """
        here = sample_rows(len(route), _SAMPLES)
        distances, changes, deviations = [0.0], [0.0], []
        for apart in _APART:
            stops = here[here + apart <= route.last[here]]
            if len(stops) < _LEAST_SAMPLES:
                break
            change = _changes(descriptors, views[route.row_of[stops]],
                              views[route.row_of[stops + apart]])
            away = float(np.median(route.timed[stops + apart] - route.timed[stops]))
            if away <= distances[-1]:
                continue
            median = float(np.median(change))
            distances.append(away)
            # Further away is never more alike, whatever a small sample says.
            changes.append(max(median, changes[-1]))
            deviations.append(1.4826 * float(np.median(np.abs(np.log(change / median)))))
        if not deviations:
            return None
        return cls(descriptors, views, route, np.array(distances), np.array(changes),
                   max(deviations[0], _LEAST_DEVIATION))

    def learnt(self, change: float, places: float, usual: float, *, seen: int = 1000) -> float:
        """
        Return the usual change of a run, over the map's, after one more pair of frames.

        A winter changes less from place to place than the summer of the map, and a dark image
        more, for its noise.

        :param places: how far the robot came at its usual speed.
        :param seen: how many pairs it has been learnt from: the first ones teach most.
        """
        relative = change / max(usual * float(self._typical(places)), 1e-9)
        if relative < _DRIVING:
            return usual
        rate = max(_LEARNING * min(places, 1.0), 1.0 / (seen + 1))
        return float(np.clip(usual * relative ** rate, 1.0 / _MOST_TIMES, _MOST_TIMES))

    def log_likelihoods(self, change: float, usual: float,
                        stops: NDArray[np.int64] | None,
                        ways: NDArray[np.float64]) -> NDArray[np.float64]:
        """
        Return the log likelihoods (n,) of a change between two frames.

        :param usual: the change in this run, over the map's.
        :param stops: (n,) where the robot may be now; None for anywhere.
        :param ways: (n,) how many places it drove to come there.
        """
        least = _STANDING * usual * float(self._typical(1.0))
        expected = self._typical(np.abs(ways))
        if stops is not None:
            expected = expected * self._at(stops) / float(self._typical(1.0))
        expected = np.maximum(usual * expected, least)
        z = (math.log(max(change, least)) - np.log(expected)) / self.deviation
        return np.asarray(np.log((1.0 - _OUTLIERS) * np.exp(-0.5 * z * z) + _OUTLIERS))

    def _typical(self, places: float | NDArray[np.float64]) -> NDArray[np.float64]:
        typical: NDArray[np.float64] = np.maximum(
            np.interp(places, self.places, self.change), 1e-9)
        return typical

    def _at(self, stops: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the change from the stop before, as if that were one place away."""
        unread = np.unique(stops[np.isnan(self._local[stops])])
        if len(unread):
            route = self.route
            # The first of a traverse has none before it: the one after will do.
            low = np.maximum(unread - 1, route.first[unread])
            high = np.minimum(low + 1, route.last[unread])
            change = _changes(self.descriptors, self.views[route.row_of[low]],
                              self.views[route.row_of[high]])
            ways = self._typical(route.timed[high] - route.timed[low])
            self._local[unread] = np.where(
                high > low, change * self._typical(1.0) / ways, self._typical(1.0))
        found: NDArray[np.float64] = self._local[stops].astype(np.float64)
        return found


def _changes(descriptors: NDArray[Any], here: NDArray[np.int64],
             there: NDArray[np.int64]) -> NDArray[np.float64]:
    a, b = (np.asarray(descriptors[views], np.float32) for views in (here, there))
    cosines = np.einsum('ij,ij->i', a, b).astype(np.float64)
    return np.asarray(np.maximum(1.0 - cosines, 1e-6))


@dataclass(frozen=True)
class Step:
    """
    What is known of the way between two frames.

    :param places: how far it is: as measured, with its sign, or as the mapping robot would have
        come in the time.
    :param measured: whether odometry says so.
    :param change: 1 less the cosine of the two images; None where it is not looked at.
    :param usual: the change in this run, over the map's.
    """

    places: float
    measured: bool = False
    change: float | None = None
    usual: float = 1.0


def driven_places(route: Route, T_before_now: Pose) -> float | None:
    """
    Return how many places odometry says the robot drove; None where the map knows no metres.

    Negative when it went backwards; turning on the spot counts, as it does in the map.
    """
    if route.metres <= 0.0:
        return None
    metres = float(np.linalg.norm(T_before_now.position)) / route.metres
    if metres < 0.25:
        turned = min(T_before_now.angle_to(Pose.identity()) / TURN_RAD, 1.0)
        if turned >= max(metres, 0.25):
            return turned
    return math.copysign(metres, float(T_before_now.position[0]))
