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

from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from vpr_ros.errors import VprError
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.feature_store import FeatureStore
from vpr_ros.maps.index.opening import open_index
from vpr_ros.maps.index.place_index import PlaceIndex
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import IndexSettings
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.calibration import Calibration
from vpr_ros.matching.follower import StageTimes
from vpr_ros.matching.localizer_state import LocalizerState
from vpr_ros.matching.matcher import Matcher
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.shipped import shipped_calibration
from vpr_ros.matching.verification import PlaceSights
from vpr_ros.types import Camera
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import Localization
from vpr_ros.types import Pose

__all__ = ['Localizer', 'open_localizer']


class Localizer:
    """
    Answers each frame with a :class:`vpr_ros.types.Localization`.

    Frames of one robot come in the order they were taken; :meth:`reset` starts anew, and a stamp
    that goes back by more than half a second does so by itself.

    :param snapshot: the map, with at least one place.
    :param index: finds places of it; exact search unless another one is given.
    :param sights: local features of its places; without them nothing is verified.
    :param calibration: what beliefs and inliers are worth, where that is known.
    :param resources: what :meth:`close` closes: files of the map that stay open.
    """

    def __init__(self, snapshot: Snapshot, extractor: Extractor, settings: MatchingSettings,
                 index: PlaceIndex | None = None, *, sights: PlaceSights | None = None,
                 calibration: Calibration | None = None,
                 resources: ExitStack | None = None) -> None:
        if extractor.identity != snapshot.network:
            raise ValueError('the extractor is not the network of this map')
        self._extractor = extractor
        self._resources = resources or ExitStack()
        self._matcher = Matcher(snapshot, settings, index, sights=sights, calibration=calibration)

    def __enter__(self) -> Localizer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the files of the map; nothing is localized after that."""
        self._resources.close()

    @property
    def snapshot(self) -> Snapshot:
        """Return the map."""
        return self._matcher.snapshot

    @property
    def extractor(self) -> Extractor:
        """Return what describes frames."""
        return self._extractor

    @property
    def settings(self) -> MatchingSettings:
        """Return how candidates become a decision."""
        return self._matcher.settings

    def change_settings(self, settings: MatchingSettings) -> None:
        """Go on with other settings; the belief stays. Refused ones change nothing."""
        self._matcher.change_settings(settings)

    def reset(self) -> None:
        """Forget all evidence, as after a restart."""
        self._matcher.reset()
        self._extractor.restart()

    def state(self) -> LocalizerState:
        """
        Return all that is remembered of earlier frames; later frames do not change it.

        Not the frames of a network of sequences: after :meth:`restore` its window fills again.
        """
        return self._matcher.state()

    def restore(self, state: LocalizerState) -> None:
        """
        Go on where a state was taken.

        :raises VprError: for the state of another map, or of another filter; nothing is changed.
        """
        self._matcher.restore(state)
        self._extractor.restart()

    def localize(self, frame: Frame) -> tuple[Description, Localization]:
        """Describe a frame and say where it was taken."""
        (description,), localization = self.localize_moment([frame])
        return description, localization

    def localize_moment(self, frames: Sequence[Frame]) -> tuple[list[Description], Localization]:
        """
        Describe what several cameras saw at one moment, and say where that was.

        :param frames: of different cameras; the first leads: the answer has its stamp and name.
        """
        times = StageTimes()
        with times.stage('describe'):
            descriptions = self._extractor.describe_batch(list(frames))
        calibrations = {frame.camera: frame.calibration for frame in frames
                        if frame.calibration is not None}
        return descriptions, self._matcher.match(
            *descriptions, T_odom_base=frames[0].T_odom_base, calibrations=calibrations,
            times=times)

    def match(self, *descriptions: Description, T_odom_base: Pose | None = None,
              calibrations: Mapping[str, Camera] | None = None) -> Localization:
        """Say where a described frame was taken, as :meth:`Matcher.match` does."""
        return self._matcher.match(*descriptions, T_odom_base=T_odom_base,
                                   calibrations=calibrations)


def open_localizer(map_path: Path, extraction: ExtractionSettings, matching: MatchingSettings,
                   index: IndexSettings | None = None, *,
                   extractor: Extractor | None = None) -> Localizer:
    """
    Make the localizer of a map file, with the network that the map was made with.

    Use it as a context manager, or call :meth:`Localizer.close`: the file stays open until then.

    :param extractor: one that is there already, where it is that of the map; a network takes time
        and memory.
    """
    with ExitStack() as stack:
        snapshot, places = open_index(map_path, index or IndexSettings())
        stack.callback(places.close)
        if len(snapshot) == 0:
            raise VprError(f'the map {map_path} has no places: build one with "vpr_ros map build"')
        with PlaceMap.open(map_path) as place_map:
            local_kind, learnt = place_map.local_kind, place_map.calibration
        if extractor is None or (extractor.identity, extractor.local_kind) != (
                snapshot.network, local_kind):
            extractor = make_extractor(extraction, snapshot.network, local_kind)
        calibration = (Calibration.from_json(learnt, source='map') if learnt
                       else shipped_calibration(snapshot.network, local_kind))
        sights = stack.enter_context(FeatureStore(map_path)) if extractor.local_kind else None
        resources = ExitStack()  # filled once nothing can fail any more
        localizer = Localizer(snapshot, extractor, matching, places, sights=sights,
                              calibration=calibration, resources=resources)
        resources.push(stack.pop_all())
        return localizer
