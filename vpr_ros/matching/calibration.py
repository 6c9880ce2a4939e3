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
What beliefs and inliers are worth: from what a map was seen to do to the probabilities it tells.

A filter counts evidence as its model says, and a model is wrong in ways that only a comparison
with truth shows. So two things are learnt where truth is known (by leaving out one traverse of a
map after the other, or from a traverse for that purpose) and kept with the map:

* how much likelier inliers are at the right place than at a wrong one, and
* how often an answer of some belief is right: a logistic regression (Platt: Probabilistic outputs
  for support vector machines, 1999) on the log odds of the belief and the support that geometry
  has given to the latest answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
import json
import math
from types import MappingProxyType
from typing import Any

from vpr_ros.errors import VprError

__all__ = ['Calibration', 'GeometryEvidence', 'Logistic', 'mode_name']

# Beliefs are not told apart beyond these odds.
_LEAST_PROBABILITY = 1e-4
_FORMAT = 1
_GEOMETRY = '+geometry'
# Of the difference between right and wrong places that was learnt, what a run must show.
_LEAST_SHARE = 0.25
# A calibration may come from a stranger: larger numbers are none, and their sums overflow.
_LARGEST, _LARGEST_BOUND = 1e6, 100.0


def log_odds(probability: float) -> float:
    """Return the logarithm of p / (1 - p), bounded."""
    p = min(max(probability, _LEAST_PROBABILITY), 1.0 - _LEAST_PROBABILITY)
    return math.log(p / (1.0 - p))


def mode_name(*, sequence: bool, odometry: bool, geometry: bool) -> str:
    """Return which way of localizing an answer comes from; each has a calibration of its own."""
    followed = 'odometry' if odometry else 'images'
    return (followed if sequence else 'single') + (_GEOMETRY if geometry else '')


@dataclass(frozen=True)
class GeometryEvidence:
    """
    What inliers say of a candidate.

    The log likelihood ratio "taken here" against "taken elsewhere" is
    ``slope (log (inliers + 1) / (usual + 1) - midpoint)``, where usual is what wrong places get
    in this run: by night everything has fewer.

    :param slope: 0 where inliers tell nothing.
    :param midpoint: how far above the usual inliers speak neither way.
    :param bound: of the ratio; no comparison of two images proves much.
    :param right: how far above the usual right places stand, on average.
    """

    slope: float = 4.0
    midpoint: float = 0.4
    bound: float = 4.0
    right: float = 0.8

    def in_run(self, certain: float) -> GeometryEvidence:
        """
        Return what inliers say in a run in which right places stand out less.

        Of two normal distributions of one width, those of right and of wrong places, that of the
        right ones comes nearer: the slope is as much smaller, and the midpoint lies between them.
        Where hardly anything is left of it the slope is 0: these features do not recognise
        anything across this change of light.

        :param certain: how far above the usual those places stand of which the robot is certain.
        """
        wrong = 2.0 * self.midpoint - self.right
        share = (certain - wrong) / max(self.right - wrong, 1e-6)
        if share >= 1.0:
            return self
        return GeometryEvidence(self.slope * share if share > _LEAST_SHARE else 0.0,
                                (wrong + certain) / 2.0, self.bound, certain)

    def log_ratio(self, inliers: int, usual: float) -> float:
        """
        Return the log likelihood ratio of a number of inliers.

        :param usual: mean of log (inliers + 1) at wrong places.
        """
        above = math.log1p(inliers) - usual
        return min(max(self.slope * (above - self.midpoint), -self.bound), self.bound)


@dataclass(frozen=True)
class Logistic:
    """
    How often answers are right.

    :param belief: weight of the log odds of the belief in the answer.
    :param support: weight of the support that geometry gives.
    """

    bias: float
    belief: float
    support: float = 0.0

    def probability(self, belief: float, support: float) -> float:
        """Return the probability that an answer is right."""
        z = self.bias + self.belief * log_odds(belief) + self.support * support
        return 1.0 / (1.0 + math.exp(-min(max(z, -30.0), 30.0)))


@dataclass(frozen=True)
class Calibration:
    """
    What was learnt of one network, one kind of local features and one map.

    :param source: 'map', 'network' (shipped with it) or 'default' (nothing was learnt).
    :param local_kind: which local features the evidence of geometry is of.
    :param modes: by the names of :func:`mode_name`; what is missing is not calibrated.
    :param about: for people: protocol, counts, seed.
    """

    source: str = 'default'
    local_kind: str = ''
    geometry: GeometryEvidence = GeometryEvidence()
    modes: Mapping[str, Logistic] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ('modes', 'about'):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def probability(self, mode: str, belief: float, support: float) -> tuple[float, str]:
        """
        Return the probability that an answer is right, and what says so.

        :param support: decayed mean of the log likelihood ratios of geometry for the answers of
            the last seconds; 0 where there are none.
        """
        # Geometry may have spoken of features that nothing was learnt of: one source for all of a
        # run, and not one for each frame.
        learnt = self.modes.get(mode) or self.modes.get(mode.removesuffix(_GEOMETRY))
        if learnt is None:
            return belief, 'default'
        return learnt.probability(belief, support), self.source

    def to_json(self) -> str:
        """Return it as it is kept in a map."""
        return json.dumps({
            'format': _FORMAT, 'local_kind': self.local_kind, 'geometry': asdict(self.geometry),
            'modes': {name: asdict(each) for name, each in self.modes.items()},
            'about': dict(self.about)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str, *, source: str) -> Calibration:
        """Read what :meth:`to_json` made; VprError for anything else, also from a stranger."""
        try:
            data = json.loads(text)
            if data['format'] != _FORMAT:
                raise ValueError(f'format {data["format"]!r}, this version reads {_FORMAT}')
            evidence = GeometryEvidence(**_numbers(data['geometry']))
            if not 0.0 <= evidence.bound <= _LARGEST_BOUND:
                raise ValueError(f'evidence of geometry is bound by 0 to {_LARGEST_BOUND:g}, got '
                                 f'{evidence.bound:g}')
            return cls(source, str(data['local_kind']), evidence,
                       {str(name): Logistic(**_numbers(values))
                        for name, values in data['modes'].items()}, dict(data['about']))
        # Deeply nested JSON is a RecursionError, a whole number of 400 digits an OverflowError.
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError,
                OverflowError) as error:
            raise VprError(f'a calibration cannot be read ({error}): make it again with '
                           '"vpr_ros map calibrate"') from error


def _numbers(values: dict[str, Any]) -> dict[str, float]:
    """Return named numbers; ValueError where one is none."""
    numbers = {name: float(value) for name, value in values.items()}
    if not all(abs(number) <= _LARGEST for number in numbers.values()):  # NaN is not either
        raise ValueError(f'numbers that are not finite, or very large: {numbers}')
    return numbers
