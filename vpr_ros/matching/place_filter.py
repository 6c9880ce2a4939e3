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
A recursive Bayesian filter over the places of a map and "nowhere".

The hidden state is where on a traverse the robot is and how fast it drives along it, forwards or
back; or that it is at no place of the map. The belief is three things: *cells* (a stop, a speed, a
position between stops, a weight), what is spread evenly over all places and speeds, and nowhere.
A frame makes cells of the few places that have evidence of their own, the rest of the map shares
one number; so a frame costs what its cells cost, whatever the size of the map, and with enough
cells this is the exact filter. The lightest cells fall back into the even spread (a beam).

Cells keep where between two stops they are, so that a steady speed does not smear.
"""

from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace
import math

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import VprError
from vpr_ros.matching.belief import Belief
from vpr_ros.matching.evidence import Evidence
from vpr_ros.matching.follower import Near
from vpr_ros.matching.motion import ImageMotion
from vpr_ros.matching.motion import Step
from vpr_ros.matching.route import Route

__all__ = ['Cells', 'PlaceFilter', 'Transition']

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Chance per place that the robot goes over to another speed; half of it to a neighbouring one, a
# quarter each to a halt and to the usual speed.
_SPEED_CHANGE = 0.1
# Chance per place of being one place further or one back: the best view lies between places, and
# between two of the speeds; odometry has no such steps.
_JITTER, _MEASURED_JITTER = 0.25, 0.1
# A long way is gone in steps of so many places, and in so many of them at most.
_LONGEST_STEP, _MOST_STEPS = 2.0, 16
# Speeds that are told apart, in those of the map, and the fastest backwards: few reverse, and none
# of them fast. A new track is so much less likely to go back.
_SPEEDS = np.array([0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0])
_FASTEST_BACK, _REVERSE_SHARE = 2.0, 0.1
# Of those who come back to the map, the share that comes back further along the way it went: a
# detour, or a stretch where nothing looked like it used to.
_RETURN = 0.95
# A stop reaches halfway to the next, less what rounding may add.
_EDGE = 0.5 - 1e-7
# Cells lighter than this share of the heaviest are let go.
_LIGHTEST = 1e-5
# How much of what the sequence misled to is remembered from frame to frame, and how sure the gate
# can become. (What it was good for is not: who is carried away must not wait for that to fade.)
_MEMORY, _MOST_DOUBT = 0.8, 0.2


@dataclass(frozen=True)
class Transition:
    """How a robot moves, see :class:`vpr_ros.matching.settings`; chances are per place."""

    fastest_speed_ratio: float
    enter_probability: float
    leave_probability: float
    jump_probability: float
    cells: int = 1000
    gate: bool = True

    def __post_init__(self) -> None:
        if self.leave_probability + self.enter_probability > 1.0:
            raise VprError(
                'enter_probability and leave_probability may add up to at most 1, '
                f'got {self.enter_probability} and {self.leave_probability}')


@dataclass(frozen=True, eq=False)
class Cells:
    """
    The weighted hypotheses of a filter, and what is no cell.

    :param x: (n,) where on the route: a whole number is a stop.
    :param speed: (n,) int64, which of the speeds.
    :param weight: (n,).
    :param told: (n,) the evidence that the last frame gave it above that of any place.
    :param spread: the weight that is spread evenly over the map.
    :param nowhere: the weight of no place of the map; all weights add up to 1.
    :param helped: decayed sum of how much likelier the sequence made each frame: nats, at most 0.
    """

    x: Floats
    speed: Ints
    weight: Floats
    told: Floats
    spread: float
    nowhere: float
    helped: float = 0.0


class PlaceFilter:
    """
    The belief of one robot.

    :param route: the M stops of the map.
    """

    def __init__(self, route: Route, transition: Transition) -> None:
        self._route = route
        self.cells: Cells
        self._set(transition)
        self.reset()

    def change(self, transition: Transition) -> None:
        """Go on with another transition; the belief stays."""
        before = self.speeds
        self._set(transition)
        nearest = np.abs(before[:, None] - self.speeds).argmin(axis=1)
        self.cells = replace(self.cells, speed=nearest[self.cells.speed])

    def _set(self, transition: Transition) -> None:
        self.transition = transition
        fastest = transition.fastest_speed_ratio
        forwards = np.append(_SPEEDS[fastest > _SPEEDS], fastest)
        backwards = -forwards[forwards <= _FASTEST_BACK][::-1]
        self.speeds: Floats = np.concatenate([backwards, [0.0], forwards])
        self._halt = len(backwards)
        self._usual = int(np.abs(self.speeds - 1.0).argmin())
        share = np.where(self.speeds < 0.0, _REVERSE_SHARE, 1.0)
        self._prior: Floats = share / share.sum()
        # A new track may have any speed.
        self._born = np.arange(len(self.speeds))

    def reset(self) -> None:
        """Forget: half of the belief is nowhere, the other half is spread over the map."""
        none = np.zeros(0)
        self.cells = Cells(none, np.zeros(0, np.int64), none, none, 0.5, 0.5)

    def predict(self, step: Step, seen: ImageMotion | None = None) -> float:
        """
        Move the belief on by the way since the last frame.

        :param seen: how to read the likeness of the two frames.
        :returns: how far that was likely to be, in places.
        """
        parts = min(max(math.ceil(abs(step.places) / _LONGEST_STEP), 1), _MOST_STEPS)
        for _ in range(parts):
            self._move(step.places / parts, step.measured)
        if step.measured:
            return abs(step.places)
        return self._watch(step, seen)

    def update(self, evidence: Evidence, news: float, news_at: NDArray[np.float64]) -> None:
        """
        Multiply in the evidence of one frame.

        :param news: the share of it that is news.
        :param news_at: (speeds,) the share that is news for a robot that drove at each speed.
        """
        cells = self.cells
        stops, log_ratios = _by_stop(self._route.stop_of[evidence.rows], evidence.log_ratios)
        ratios, elsewhere = np.exp(news * log_ratios), math.exp(news * evidence.elsewhere)
        each = cells.spread / len(self._route)
        # What is spread evenly becomes cells where there is evidence.
        fresh = each * ratios[:, None] * self._prior
        spread = max(cells.spread - each * len(stops), 0.0) * elsewhere
        found = _lookup(stops, log_ratios, _stops(cells.x), evidence.elsewhere)
        told = found - evidence.elsewhere
        # What a place was told before it is told again, wrong or right: only the change is news.
        # (The likelihood ratio of a level in AR(1) noise; echo is its correlation.)
        echo = ((1.0 - news_at) / (1.0 + news_at))[cells.speed]
        weight = cells.weight * np.exp(
            news * evidence.elsewhere + (told - echo * cells.told) / (1.0 + echo))
        born = np.repeat(log_ratios - evidence.elsewhere, len(self._born))
        x, speed, merged, told = self._merged(
            np.concatenate([cells.x, np.repeat(stops.astype(float), len(self._born))]),
            np.concatenate([cells.speed, np.tile(self._born, len(stops))]),
            np.concatenate([weight, fresh.ravel()]), np.concatenate([told, born]))
        on_map = float(merged.sum()) + spread
        total = on_map + cells.nowhere
        before = 1.0 - cells.nowhere
        mean = (ratios.sum() + (len(self._route) - len(stops)) * elsewhere) / len(self._route)
        # How much better the frames before foresaw this one than no frames do.
        explained = math.log(max(on_map / max(before, 1e-12) / mean, 1e-9))
        keep = self._heaviest(merged)
        let_go = float(merged[~keep].sum())
        self.cells = Cells(
            x[keep], speed[keep], merged[keep] / total, told[keep], (spread + let_go) / total,
            cells.nowhere / total, min(_MEMORY * cells.helped + explained, 0.0))

    def confirm(self, row: int, near: Near, log_ratio: float) -> None:
        """
        Multiply in what a closer look says of a place.

        :param near: which places share it.
        """
        cells = self.cells
        stops = _stops(cells.x)
        # Which place of its stop was looked at is not always the first.
        looked_at = near(self._route.row_of[stops]) | (stops == self._route.stop_of[row])
        weight = np.where(looked_at, cells.weight * math.exp(log_ratio), cells.weight)
        total = float(weight.sum()) + cells.spread + cells.nowhere
        self.cells = replace(cells, weight=weight / total, spread=cells.spread / total,
                             nowhere=cells.nowhere / total)

    def belief(self) -> Belief:
        """Return how likely each place is, at any speed; places of a stop are one."""
        stops, weight = _summed(_stops(self.cells.x), self.cells.weight)
        return Belief(self._route.row_of[stops], weight, self.cells.nowhere)

    def _move(self, places: float, measured: bool) -> None:
        """Go so far: at the speed of each cell, or as measured."""
        t, cells = self.transition, self.cells
        way = abs(places)
        moved, out = self._driven(cells, places, measured)
        on_map = cells.spread + float(cells.weight.sum())
        # Leaving and entering are a chain of two states, here over any way.
        outside = t.leave_probability / (t.leave_probability + t.enter_probability)
        mixed = _chance(t.leave_probability + t.enter_probability, way)
        leaves, enters = outside * mixed, (1.0 - outside) * mixed
        jumps = _chance(self._jump_probability(), way)
        inside, arrives = on_map - out, cells.nowhere * enters
        # Who comes back comes back where the robot would be had it never left, as a rule.
        # Who never was there has no way that it went.
        returns = _RETURN * arrives if inside > 1e-12 else 0.0
        stays = (1.0 - leaves) * (1.0 - jumps) + returns / max(inside, 1e-12)
        self.cells = replace(
            moved, weight=moved.weight * stays,
            spread=cells.spread * stays + inside * (1.0 - leaves) * jumps
            + arrives - returns,
            nowhere=cells.nowhere * (1.0 - enters) + out + inside * leaves)

    def _driven(self, cells: Cells, places: float, measured: bool) -> tuple[Cells, float]:
        """Return the cells after driving on, and the weight that passed an end of a traverse."""
        if len(cells.x) == 0:
            return cells, 0.0
        route, way = self._route, abs(places)
        here = _stops(cells.x)
        speeds = self.speeds[cells.speed]
        if measured:
            speeds = np.where(speeds < 0.0, -1.0, 1.0)
        x = route.advance(cells.x, here, speeds * places, measured=measured)
        beside = _chance(_MEASURED_JITTER if measured else _JITTER, way)
        changes = 0.0 if measured else _chance(_SPEED_CHANGE, way)
        last = len(self.speeds) - 1
        halt, usual = np.full_like(cells.speed, self._halt), np.full_like(cells.speed, self._usual)
        ways = [(x, cells.speed, (1.0 - changes) * (1.0 - beside)),
                (x - 1.0, cells.speed, (1.0 - changes) * beside / 2),
                (x + 1.0, cells.speed, (1.0 - changes) * beside / 2)]
        if changes:
            ways += [(x, np.minimum(cells.speed + 1, last), changes / 4),
                     (x, np.maximum(cells.speed - 1, 0), changes / 4),
                     (x, halt, changes / 4), (x, usual, changes / 4)]
        xs = np.concatenate([x for x, _, _ in ways])
        all_speeds = np.concatenate([speed for _, speed, _ in ways])
        weight = np.concatenate([cells.weight * chance for _, _, chance in ways])
        low, high = route.first[here], route.last[here]
        # Asked of the stops, as all else is: x may be rounded over the edge of the last.
        there = _stops(xs)
        inside = (there >= np.tile(low, len(ways))) & (there <= np.tile(high, len(ways)))
        out = float(weight[~inside].sum())
        x, speed, merged, told = self._merged(xs[inside], all_speeds[inside], weight[inside],
                                              np.tile(cells.told, len(ways))[inside])
        return replace(cells, x=x, speed=speed, weight=merged, told=told), out

    def _watch(self, step: Step, seen: ImageMotion | None) -> float:
        """Weigh speeds by how much the images changed; return the likely way between them."""
        cells = self.cells
        ways = np.abs(self.speeds) * step.places
        weight, likely = cells.weight, self._prior
        if seen is not None and step.change is not None:
            # Images that come fast are alike for the same reasons.
            share = min(step.places, 1.0)
            each = seen.log_likelihoods(step.change, step.usual, _stops(cells.x),
                                        ways[cells.speed])
            weight = weight * np.exp(share * each)
            # The rest of the map is as it is usually.
            some = seen.log_likelihoods(step.change, step.usual, None, ways)
            likely = likely * np.exp(share * some)
            rest = float(likely.sum())
            likely, weight = likely / rest, weight / rest
        total = float(weight.sum()) + cells.spread + cells.nowhere
        self.cells = replace(cells, weight=weight / total, spread=cells.spread / total,
                             nowhere=cells.nowhere / total)
        anywhere = self.cells.spread + self.cells.nowhere
        return float(ways[cells.speed] @ self.cells.weight + anywhere * (ways @ likely))

    def _jump_probability(self) -> float:
        """Return the chance per place of being carried away; more where the sequence misleads."""
        usual = self.transition.jump_probability
        if not self.transition.gate or self.cells.helped >= 0.0:
            return usual
        doubt = 1.0 - math.exp(self.cells.helped)
        return usual + max(_MOST_DOUBT - usual, 0.0) * doubt

    def _merged(self, x: Floats, speed: Ints, weight: Floats,
                told: Floats) -> tuple[Floats, Ints, Floats, Floats]:
        """Return the cells with those of one stop and one speed made one."""
        if len(x) == 0:
            return x, speed, weight, told
        key = _stops(x) * len(self.speeds) + speed
        order = np.argsort(key, kind='stable')
        key, weight = key[order], weight[order]
        begins = np.flatnonzero(np.append(True, key[1:] != key[:-1]))
        total = np.add.reduceat(weight, begins)
        each = np.maximum(total, 1e-300)
        mean = np.add.reduceat(weight * x[order], begins) / each
        # It is within the stop, whatever rounding says: the next may be of another traverse.
        stop = key[begins] // len(self.speeds)
        mean = np.clip(mean, stop - 0.5, stop + _EDGE)
        return (mean, speed[order][begins], total,
                np.add.reduceat(weight * told[order], begins) / each)

    def _heaviest(self, weight: Floats) -> NDArray[np.bool_]:
        """Tell which cells are kept."""
        keep = weight > _LIGHTEST * float(weight.max(initial=0.0))
        if int(keep.sum()) > self.transition.cells:
            keep[np.argpartition(weight, -self.transition.cells)[:-self.transition.cells]] = False
        return np.asarray(keep)


def _stops(x: Floats) -> Ints:
    return np.floor(x + 0.5).astype(np.int64)


def _chance(each: float, places: float) -> float:
    """Return the chance that something happens on a way, from its chance per place."""
    return float(1.0 - (1.0 - each) ** places)


def _by_stop(stops: Ints, log_ratios: Floats) -> tuple[Ints, Floats]:
    """Return each stop once, with the best that was seen of it."""
    order = np.argsort(stops, kind='stable')
    stops = stops[order]
    begins = np.flatnonzero(np.append(True, stops[1:] != stops[:-1])) if len(stops) else stops
    return stops[begins], np.maximum.reduceat(log_ratios[order], begins)


def _summed(stops: Ints, weight: Floats) -> tuple[Ints, Floats]:
    each, where = np.unique(stops, return_inverse=True)
    return each.astype(np.int64), np.bincount(where, weight, minlength=len(each)).astype(float)


def _lookup(stops: Ints, values: Floats, wanted: Ints, otherwise: float) -> Floats:
    """Return the value of each wanted stop, given those of some in increasing order."""
    at = np.minimum(np.searchsorted(stops, wanted), len(stops) - 1)
    return np.where(stops[at] == wanted, values[at], otherwise)
