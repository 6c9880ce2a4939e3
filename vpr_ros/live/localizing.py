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

"""From images as they come in to what can be said about them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from vpr_ros.live.raw_image import decode_moment
from vpr_ros.live.raw_image import Pixels
from vpr_ros.live.raw_image import RawImage
from vpr_ros.live.recognizer import Recognition
from vpr_ros.live.recognizer import Recognizer
from vpr_ros.live.rig import Rig
from vpr_ros.matching.follower import StageTimes
from vpr_ros.runtime.live_track import LiveTrack
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Frame
from vpr_ros.types import Pose

__all__ = ['Answer', 'LiveLocalizer', 'Picture', 'Query']


@dataclass(frozen=True)
class Query:
    """
    What several cameras saw at one moment, and how to look at it.

    :param images: that of the leading camera first.
    :param attention: whether somebody wants to see what the network looked at.
    :param run: a number that the answer bears, too: who asks counts how often all began anew.
    """

    images: tuple[RawImage, ...]
    settings: LocalizeSettings
    attention: bool = False
    run: int = 0


@dataclass(frozen=True, eq=False)
class Picture:
    """
    What the network looked at.

    :param image: (H, W, 3) RGB of the leading camera.
    :param attention: (h, w).
    """

    image: Pixels
    attention: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Answer:
    """
    What became of a query.

    :param T_odom_base: where odometry had the robot, when known.
    :param received_ns: when the leading image came in, of the monotonic clock.
    """

    recognition: Recognition
    stamp_ns: int
    received_ns: int
    stage_times_ns: StageTimes
    T_odom_base: Pose | None = None
    picture: Picture | None = None
    run: int = 0


class LiveLocalizer:
    """
    Answers queries, on the one thread that calls it.

    :param decode: makes (H, W, 3) RGB of an image; VprError or ValueError where it cannot.
    :param odometry: where odometry had the robot lately, heard on another thread.
    """

    def __init__(self, recognizer: Recognizer, *, rig: Rig, odometry: LiveTrack,
                 decode: Callable[[RawImage], Pixels]) -> None:
        self.recognizer = recognizer
        self._rig = rig
        self._odometry = odometry
        self._decode = decode

    def answer(self, query: Query) -> Answer:
        """Answer what was seen at one moment; VprError or ValueError for an unreadable image."""
        self.recognizer.change_settings(query.settings)
        times, lead = StageTimes(), query.images[0]
        with times.stage('decode'):
            images = decode_moment(query.images, self._decode)
        T_odom_base = None
        if query.settings.odometry:
            with times.stage('odometry'):
                T_odom_base = self._odometry.wait(lead.stamp_ns, query.settings.odometry_wait_s)
        frames = [
            Frame(raw.stamp_ns, image, camera=raw.camera,
                  calibration=self._rig.calibration(raw.camera, image.shape[:2]),
                  T_odom_base=T_odom_base if raw is lead else None)
            for raw, image in images]
        found = self.recognizer.recognize(frames)
        if found.localization is not None:
            times.update(found.localization.stage_times_ns)
            found = replace(found, localization=replace(found.localization, stage_times_ns=times))
        return Answer(found, lead.stamp_ns, lead.received_ns, times, T_odom_base,
                      _picture(images[0][1], found) if query.attention else None, query.run)


def _picture(image: Pixels, found: Recognition) -> Picture | None:
    if not found.descriptions or found.descriptions[0].attention is None:
        return None
    return Picture(image, found.descriptions[0].attention)
