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

"""Finding the loops of one source, with a progress line, and keeping what was found."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import contextmanager
from contextlib import ExitStack
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.cli.console import progress
from vpr_ros.cli.sources import BagSource
from vpr_ros.cli.sources import FrameSource
from vpr_ros.cli.sources import TraverseSource
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.bags.writer import BagWriter
    from vpr_ros.extraction.extractor import Extractor
    from vpr_ros.maps.moments import Moment
    from vpr_ros.maps.place_map import PlaceMap
    from vpr_ros.maps.session_writer import SessionWriter
    from vpr_ros.maps.settings import MapSettings
    from vpr_ros.matching.loop_detector import LoopDetection
    from vpr_ros.matching.online_map import OnlineMap
    from vpr_ros.settings import LoopsSettings
    from vpr_ros.types import Frame
    from vpr_ros.types import LoopClosure
    from vpr_ros.types import Pose

__all__ = ['find_loops', 'Keyframe', 'LoopRun']

_TOPIC, _TYPE = '/loop_detector/loop_closure', 'vpr_msgs/msg/LoopClosure'


@dataclass(frozen=True)
class Keyframe:
    """
    One keyframe, and what was found of it.

    :param detection: without local features, which the map keeps: here they fill a computer.
    :param T_odom_base: where odometry had the robot, when known.
    :param T_map_base: where it truly was, when the source knows; no closure used it.
    """

    detection: LoopDetection
    stamp_ns: int
    T_odom_base: Pose | None
    T_map_base: Pose | None


@dataclass(frozen=True, eq=False)
class LoopRun:
    """The keyframes of a source in driving order."""

    session: str
    keyframes: list[Keyframe]

    @property
    def closures(self) -> list[LoopClosure]:
        """Return the loop closures in the order they were found."""
        return [k.detection.closure for k in self.keyframes if k.detection.closure is not None]

    @property
    def rows(self) -> dict[int, int]:
        """Return the number of each keyframe by its place id, in driving order."""
        return {k.detection.place_id: row for row, k in enumerate(self.keyframes)
                if k.detection.place_id is not None}


def find_loops(source: FrameSource, settings: LoopsSettings, *, out: Path | None = None,
               map_path: Path | None = None, overwrite: bool = False) -> LoopRun:
    """
    Find the loops of a source; nothing appears under a path before all is done.

    :param out: a bag of closures.
    :param map_path: a map of the keyframes, where odometry had them.
    """
    from vpr_ros.bags.writer import BagWriter
    from vpr_ros.extraction.extractor import make_extractor
    from vpr_ros.matching.loop_detector import LoopDetector

    extractor = make_extractor(settings.extraction)
    keyframes, closures = [], 0
    with ExitStack() as stack:
        keeper = None if map_path is None else stack.enter_context(
            _kept(map_path, extractor, source, settings.map, overwrite=overwrite))
        bag = None if out is None else stack.enter_context(BagWriter(out, overwrite=overwrite))
        detector = LoopDetector(extractor, settings.loops, settings.matching,
                                session=source.label, map_id='' if keeper is None else keeper.id)
        with progress('looking for loops', source.count) as line:
            for moment in _moments(line.passing(source.frames()), source, settings.map):
                before, found, lead = detector.map, detector.detect(moment), moment[0]
                if before is not None and detector.map is not before:
                    raise VprError(f'time goes back in {source.path}, which makes it two runs: '
                                   'cut it there')
                if found.place_id is None:
                    continue
                seen = tuple(replace(d, local_features=None) for d in found.descriptions)
                keyframes.append(Keyframe(replace(found, descriptions=seen), lead.stamp_ns,
                                          lead.T_odom_base, lead.T_map_base))
                if keeper is not None and detector.map is not None:
                    keeper.keep(moment, found, detector.map)
                if found.closure is not None:
                    closures += 1
                    line.note(f'{closures} closures')
                    if bag is not None:
                        _write(bag, found.closure, settings.base_frame)
        if not keyframes:
            raise VprError(f'{source.path} gave no keyframes')
    return LoopRun(source.label, keyframes)


def _moments(frames: Iterable[Frame], source: FrameSource,
             settings: MapSettings) -> Iterator[Moment]:
    """Yield what the cameras saw together; which of it are keyframes is the detector's to say."""
    from vpr_ros.maps.keyframes import Keyframes
    from vpr_ros.maps.moments import select_moments

    if isinstance(source, BagSource) and source.odometry or (
            isinstance(source, TraverseSource) and source.traverse.odometry):
        # Cameras are often up before odometry is.
        frames = (f for f in frames if f.T_odom_base is not None)
    every = Keyframes(settings.model_copy(
        update={'keyframe_by': 'time', 'keyframe_interval_s': 0.0}))
    return select_moments(frames, every, cameras=source.cameras,
                          tolerance_ns=round(settings.camera_tolerance_s * 1e9))


def _write(bag: BagWriter, closure: LoopClosure, base_frame: str) -> None:
    from vpr_ros.messages.results import loop_closure_message

    message = loop_closure_message(bag.factory, closure, frame_id=base_frame)
    bag.write(_TOPIC, _TYPE, message, closure.query_stamp_ns)


@contextmanager
def _kept(path: Path, extractor: Extractor, source: FrameSource, settings: MapSettings, *,
          overwrite: bool) -> Iterator[_Keeper]:
    from vpr_ros.maps.place_map import PlaceMap
    from vpr_ros.maps.unfinished import unfinished

    with unfinished(path, overwrite=overwrite) as unfinished_path:
        with PlaceMap.create(unfinished_path, extractor.identity, frame='odom',
                             descriptor_type=settings.descriptor_type) as place_map:
            keeper = _Keeper(place_map, source, settings, extractor.local_kind)
            yield keeper
            keeper.flush()


class _Keeper:
    """Keeps keyframes in a map, under the ids that closures name."""

    def __init__(self, place_map: PlaceMap, source: FrameSource, settings: MapSettings,
                 local_kind: str) -> None:
        self.id = place_map.id  # noqa: A003
        self._map = place_map
        self._source = source
        self._settings = settings
        self._local_kind = local_kind
        self._writer: SessionWriter | None = None

    def keep(self, moment: Moment, found: LoopDetection, online: OnlineMap) -> None:
        from vpr_ros.maps.session_writer import SessionWriter

        if self._writer is None:
            self._writer = SessionWriter(
                self._map, online.session, source=str(self._source.path),
                settings=self._settings, local_kind=self._local_kind,
                id_prefix=online.id_prefix)
        lead = replace(moment[0], T_map_base=moment[0].T_odom_base)
        self._writer.add(list(zip((lead, *moment[1:]), found.descriptions, strict=True)))
        if self._writer.full:
            self._writer.flush()

    def flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()
