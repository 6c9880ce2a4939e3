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

"""Poses as they come in, asked at any stamp of the last seconds."""

from __future__ import annotations

from collections import deque
from threading import Condition

from vpr_ros.messages.geometry import StampedPose
from vpr_ros.runtime.pose_track import PoseTrack
from vpr_ros.runtime.time_jumps import goes_back
from vpr_ros.types import Pose

__all__ = ['is_due', 'LiveTrack']

_KEPT_NS = 10_000_000_000
_MOST_SAMPLES = 100_000
# Who has sent nothing for so long is not waited for.
_STILL_SENDING_NS = 1_000_000_000


def is_due(stamp_ns: int, last_ns: int | None) -> bool:
    """
    Tell whether a sample at or after ``stamp_ns`` is to be expected soon.

    :param last_ns: stamp of the last sample. Where it is a second before ``stamp_ns`` or more,
        or there is none, nobody seems to send any.
    """
    return last_ns is not None and 0 < stamp_ns - last_ns < _STILL_SENDING_NS


class LiveTrack:
    """
    The last ten seconds of the poses of one frame in another, as a :class:`PoseTrack`.

    More is kept where somebody will yet ask for earlier ones. One thread adds samples while
    another asks. A little after the last sample (0.1 s) its pose still holds, and nothing is ever
    extrapolated; :meth:`wait` waits for what is to come.

    A sample that is older than the last is left out; one that is more than half a second older
    starts a new run, of which earlier samples are no part.
    """

    def __init__(self) -> None:
        self._changed = Condition()
        self._samples: deque[StampedPose] = deque(maxlen=_MOST_SAMPLES)
        self._hurried = False

    def __len__(self) -> int:
        """Return how many samples are kept."""
        return len(self._samples)

    @property
    def last_ns(self) -> int | None:
        """Return the stamp of the last sample, None where there is none."""
        with self._changed:
            return self._samples[-1].stamp_ns if self._samples else None

    def add(self, sample: StampedPose, *, asked_ns: int | None = None) -> None:
        """
        Take in a sample; of several with one stamp the last counts.

        :param asked_ns: the earliest stamp that somebody waits to ask for, where one does.
        """
        with self._changed:
            self._hurried = False
            samples = self._samples
            if samples and goes_back(sample.stamp_ns, samples[-1].stamp_ns):
                samples.clear()
            if samples and sample.stamp_ns < samples[-1].stamp_ns:
                return
            if samples and sample.stamp_ns == samples[-1].stamp_ns:
                samples.pop()
            samples.append(sample)
            first_ns = sample.stamp_ns if asked_ns is None else min(sample.stamp_ns, asked_ns)
            while samples[0].stamp_ns < first_ns - _KEPT_NS:
                samples.popleft()
            self._changed.notify_all()

    def at(self, stamp_ns: int) -> Pose | None:
        """Return the pose at ``stamp_ns`` (without covariance), or None when it is not known."""
        around: list[StampedPose] = []
        with self._changed:
            # From the end: who asks, asks about now.
            for sample in reversed(self._samples):
                around = [sample, *around[:1]]
                if sample.stamp_ns <= stamp_ns:
                    break
        return PoseTrack(around).at(stamp_ns)

    def wait(self, stamp_ns: int, timeout_s: float) -> Pose | None:
        """
        Return the pose at ``stamp_ns``, once a sample at or after it has come.

        Where none :func:`is_due <vpr_ros.runtime.live_track.is_due>`, all is forgotten, or there
        is a :meth:`hurry`, what is known is returned at once.

        :param timeout_s: how long to wait at most, for what is known then.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._hurried or not is_due(stamp_ns, self.last_ns), timeout_s)
        return self.at(stamp_ns)

    def hurry(self) -> None:
        """Let nobody wait before the next sample comes, as when nobody listens for one."""
        with self._changed:
            self._hurried = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget all samples, as when time goes back."""
        with self._changed:
            self._samples.clear()
            self._changed.notify_all()
