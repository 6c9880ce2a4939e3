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

"""Poses over time, asked at any stamp."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.types import Pose

__all__ = ['PoseTrack', 'Track']


class Track(Protocol):
    """What knows where one frame was in another."""

    def at(self, stamp_ns: int) -> Pose | None:
        """Return the pose at ``stamp_ns``, or None when it is not known."""
        ...


class PoseTrack:
    """
    The poses of one frame in another, interpolated between samples and never extrapolated.

    :param samples: in any order; of several with one stamp the last counts.
    :param max_gap_ns: samples further apart than this are not interpolated between.
    :param tolerance_ns: how far from the nearest sample its pose still holds where nothing can be
        interpolated: before the first, after the last, and in a gap.
    """

    def __init__(self, samples: Iterable[StampedPose], *, max_gap_ns: int = 2_000_000_000,
                 tolerance_ns: int = 100_000_000) -> None:
        # 64 bytes a sample, not a record each: hours of odometry stay small.
        stamps_ns, numbers = array('q'), array('d')
        for sample in samples:
            stamps_ns.append(sample.stamp_ns)
            numbers.extend(sample.pose.position)
            numbers.extend(sample.pose.quaternion)
        self._arrange(np.asarray(stamps_ns, dtype=np.int64),
                      np.asarray(numbers, dtype=np.float64).reshape(-1, 7))
        self._max_gap_ns = max_gap_ns
        self._tolerance_ns = tolerance_ns

    @classmethod
    def of_arrays(cls, stamps_ns: NDArray[np.int64], values: NDArray[np.float64], *,
                  max_gap_ns: int = 2_000_000_000, tolerance_ns: int = 100_000_000) -> PoseTrack:
        """
        Make a track of samples that are no records.

        :param stamps_ns: (N,).
        :param values: (N, 7) x, y, z, qx, qy, qz, qw; quaternions of unit length.
        """
        track = cls((), max_gap_ns=max_gap_ns, tolerance_ns=tolerance_ns)
        track._arrange(stamps_ns, values)
        return track

    def _arrange(self, stamps_ns: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        order = np.argsort(stamps_ns, kind='stable')
        ordered = stamps_ns[order]
        last = np.append(ordered[1:] != ordered[:-1], np.ones(min(1, len(ordered)), dtype=bool))
        self._stamps_ns = array('q', ordered[last].tobytes())
        self._values: NDArray[np.float64] = values[order[last]]

    def __len__(self) -> int:
        return len(self._stamps_ns)

    @property
    def span_ns(self) -> tuple[int, int] | None:
        """Return the stamps of the first and the last sample, None where there are none."""
        return (self._stamps_ns[0], self._stamps_ns[-1]) if self._stamps_ns else None

    def at(self, stamp_ns: int) -> Pose | None:
        """Return the pose at ``stamp_ns`` (without covariance), or None when it is not known."""
        stamps_ns = self._stamps_ns
        after = bisect_left(stamps_ns, stamp_ns)
        if after < len(stamps_ns) and stamps_ns[after] == stamp_ns:
            return self._sample(after)
        before = after - 1
        inside = before >= 0 and after < len(stamps_ns)
        if inside and stamps_ns[after] - stamps_ns[before] <= self._max_gap_ns:
            share = (stamp_ns - stamps_ns[before]) / (stamps_ns[after] - stamps_ns[before])
            return self._between(before, after, share)
        near = [index for index in (before, after) if 0 <= index < len(stamps_ns)
                and abs(stamps_ns[index] - stamp_ns) <= self._tolerance_ns]
        if not near:
            return None
        return self._sample(min(near, key=lambda index: abs(stamps_ns[index] - stamp_ns)))

    def _sample(self, index: int) -> Pose:
        return Pose(self._values[index, :3], self._values[index, 3:])

    def _between(self, before: int, after: int, share: float) -> Pose:
        a, b = self._values[before], self._values[after]
        position = a[:3] + share * (b[:3] - a[:3])
        return Pose(position, _slerp(a[3:], b[3:], share))


def _slerp(a: NDArray[np.float64], b: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Turn from ``a`` to ``b`` at a constant rate along the shorter way."""
    cosine = float(a @ b)
    if cosine < 0.0:  # b and -b are one rotation
        b, cosine = -b, -cosine
    angle = float(np.arccos(min(1.0, cosine)))
    if angle < 1e-6:  # the chord is the arc, and the sine too small to divide by
        return a + share * (b - a)
    blend = np.sin((1.0 - share) * angle) * a + np.sin(share * angle) * b
    return np.asarray(blend / np.sin(angle))
