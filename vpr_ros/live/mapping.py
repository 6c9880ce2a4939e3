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


"""From images as they come in to places of a map."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from datetime import datetime
import logging
from pathlib import Path
import time
from types import MappingProxyType

from vpr_ros.errors import VprError
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.live.raw_image import decode_moment
from vpr_ros.live.raw_image import Pixels
from vpr_ros.live.raw_image import RawImage
from vpr_ros.maps import database
from vpr_ros.maps.keyframes import Keyframes
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.session_writer import SessionWriter
from vpr_ros.maps.unfinished import refuse
from vpr_ros.maps.unfinished import unfinished
from vpr_ros.matching.follower import StageTimes
from vpr_ros.runtime.seldom import Seldom
from vpr_ros.runtime.time_jumps import goes_back
from vpr_ros.settings import MapperSettings
from vpr_ros.types import Camera
from vpr_ros.types import Frame
from vpr_ros.types import Place
from vpr_ros.types import Pose

__all__ = ['COMMIT_CHECK_S', 'LiveMapper', 'Mapped', 'MappingState']

_log = logging.getLogger(__name__)

#: How often :meth:`LiveMapper.commit_if_due` wants to be called.
COMMIT_CHECK_S = 0.5
# Where the disk is full places wait in memory, but not without end.
_MOST_WAITING = 1024


@dataclass(frozen=True, eq=False)
class Mapped:
    """
    What became of the images of one moment.

    :param received_ns: when the leading image came in, of the monotonic clock.
    :param place: the place that they have become, without views; None where they have not.
    :param reason: why they have not; empty where they only show the last place once more.
    """

    stamp_ns: int
    received_ns: int
    place: Place | None = None
    reason: str = ''
    stage_times_ns: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class MappingState:
    """
    How far a traverse has come.

    :param session: its name, empty before it is begun.
    :param places: that it has given the map so far.
    :param waiting: how many of these are not in the file yet.
    :param left_out: how many moments were left out, by the reason.
    :param stopped: why no more is mapped; empty while it is.
    :param fault: why places cannot be written; empty where they can.
    """

    map_id: str
    network: str
    session: str = ''
    places: int = 0
    waiting: int = 0
    left_out: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    stopped: str = ''
    fault: str = ''


class LiveMapper:
    """
    Builds a map, or a further session of one, while a robot drives.

    Whether a moment is a place is decided by its stamp and its pose, before anything is decoded.
    Places are written in groups; what waits is safe after ``commit_s`` where
    :meth:`commit_if_due` is called every :data:`COMMIT_CHECK_S`.

    The thread that makes it calls all of it, but for :attr:`state`, which any thread may read.

    :param decode: makes (H, W, 3) RGB of an image; VprError or ValueError where it cannot.
    :param calibration: returns what is known of a camera whose images have a height and a width.
    :param pose_at: waits for T_map_base at a stamp, so many seconds at most, and returns it; None
        where it has not come. Without it a map knows places by their time alone.
    :param clock: seconds that only go forward.
    :param date: the time of day.
    :raises VprError: for a map that cannot be made, or not be added to.
    """

    def __init__(self, settings: MapperSettings, *, decode: Callable[[RawImage], Pixels],
                 calibration: Callable[[str, tuple[int, int]], Camera | None] = (
                     lambda camera, shape: None),
                 pose_at: Callable[[int, float], Pose | None] | None = None,
                 clock: Callable[[], float] = time.monotonic,
                 date: Callable[[], datetime] = datetime.now) -> None:
        self._settings = settings
        self._decode = decode
        self._calibration = calibration
        self._pose_at = pose_at
        self._clock = clock
        self._date = date
        self._map, self._extractor, self._made = _open(settings)
        self._closed = False
        self._writer: SessionWriter | None = None
        self._last: Place | None = None
        self._last_ns: int | None = None
        self._due_s = 0.0
        self._seldom = Seldom(clock=clock)
        self.state = MappingState(self._map.id, self._map.network.name)
        try:
            self._refuse_session(settings.session)
        except VprError:
            self.close()
            raise
        if pose_at is not None and self._map.frame != settings.map_frame:
            _log.warning('poses in the frame %r enter a map whose poses are in %r: unless these '
                         'are one frame, set map_frame, or poses to "none"', settings.map_frame,
                         self._map.frame)

    @property
    def path(self) -> Path:
        """Return where the map is."""
        return self._map.path

    def change_settings(self, settings: MapperSettings) -> None:
        """Go on with other settings, those of which are live."""
        self._settings = settings

    def begin(self, source: str) -> str:
        """
        Begin a traverse, and return its name.

        :param source: where the images come from, for people.
        :raises VprError: where the map has one of that name.
        """
        self.end()
        name = self._settings.session or self._new_name()
        self._refuse_session(name)
        self._writer = SessionWriter(
            self._map, name, source=source, settings=self._settings.map,
            local_kind=self._extractor.local_kind)
        self._extractor.restart()
        self._last = self._last_ns = None
        self._seldom.forget()
        self.state = MappingState(self._map.id, self._map.network.name, name)
        return name

    def end(self) -> None:
        """End the traverse; what waits is written as far as it can be."""
        if self._writer is not None:
            self._commit()
            if self._writer.waiting:
                _log.error('%d places of session %r are lost: %s', self._writer.waiting,
                           self._writer.session, self.state.fault)
            self._writer = None

    def take(self, images: Sequence[RawImage]) -> Mapped:
        """
        Make a place of what several cameras saw at one moment, where it is one.

        :param images: that of the leading camera first.
        :raises VprError: for an image that cannot be decoded, as ValueError.
        """
        lead, times = images[0], StageTimes()
        reason = self._refusal(lead)
        if reason:
            return self._left_out(lead, *reason)
        if self._last_ns is not None and lead.stamp_ns <= self._last_ns:
            return Mapped(lead.stamp_ns, lead.received_ns)  # no place twice
        self._last_ns = lead.stamp_ns
        if self._settings.map.keyframe_by == 'time' and not self._is_new(lead.stamp_ns, None):
            return Mapped(lead.stamp_ns, lead.received_ns)
        pose = None
        if self._pose_at is not None:
            with times.stage('pose'):
                pose = self._pose_at(lead.stamp_ns, self._settings.pose_wait_s)
            if pose is None:
                return self._left_out(
                    lead, 'no pose', 'no pose was known at the stamp of an image within '
                    f'{self._settings.pose_wait_s:g} s: it is left out of the map; are both '
                    'stamped by one clock, and do poses come?')
        if not self._is_new(lead.stamp_ns, pose):
            return Mapped(lead.stamp_ns, lead.received_ns, stage_times_ns=times)
        place = self._add(images, pose, times)
        return Mapped(lead.stamp_ns, lead.received_ns, place, stage_times_ns=times)

    def stop(self, why: str) -> str:
        """
        Map no more until another traverse is begun; what waits is written.

        Of a traverse without places nothing can come twice: it goes on from its beginning.

        :return: why no more is mapped; empty where it goes on.
        """
        if self._writer is None or self.state.stopped:
            return self.state.stopped
        if not self.state.places:
            self._last_ns = None
            return ''
        _log.warning('%s', why)
        self.state = replace(self.state, stopped=why)
        self._commit()
        return why

    def commit_if_due(self) -> None:
        """Write what has waited long enough; a failure is kept in the state, and tried again."""
        if self._writer is not None and self._writer.waiting and (
                self._clock() >= self._due_s or self._writer.full and not self.state.fault):
            self._commit()

    def flush(self) -> None:
        """Write all that waits; VprError where that fails."""
        self._commit()
        if self.state.fault:
            raise VprError(self.state.fault)

    def save(self, path: Path | None = None, *, overwrite: bool = False) -> tuple[Path, int]:
        """
        Make the map complete in its one file, or write it to another one.

        :param path: of the other file, which becomes a map of its own; None for its own.
        :param overwrite: whether a file of that name may be replaced.
        :return: the file, and how many places it has.
        """
        self.flush()
        if path is None or path.exists() and path.samefile(self._map.path):
            self._map.fold()
            return self._map.path, len(self._map)
        with unfinished(path, overwrite=overwrite) as unfinished_path:
            self._map.copy(unfinished_path)
        return path, len(self._map)

    def update_poses(self, poses: Mapping[int, Pose]) -> None:
        """Move places, by their ids, to where a SLAM system has them now: all, or none."""
        self.flush()
        self._map.update_poses(poses)
        if self._last is not None and self._last.id in poses:
            self._last = replace(self._last, T_map_base=poses[self._last.id])

    def close(self) -> None:
        """Write what waits, and let go of the map; one made here that has nothing is removed."""
        if self._closed:
            return
        self._closed = True
        self.end()
        path, empty = self._map.path, self._made and not self._map.sessions()
        self._map.close()
        if empty:
            path.unlink(missing_ok=True)
            database.remove_journals(path)

    # What is a place ----------------------------------------------------------------------------

    def _refusal(self, lead: RawImage) -> tuple[str, str] | None:
        """Return what is wrong with a moment, in short and in a sentence; None where nothing."""
        if self._writer is None:
            return 'no traverse', 'no traverse has been begun'
        if self.state.stopped:
            return 'stopped', self.state.stopped
        if lead.stamp_ns <= 0:
            return 'no stamp', (
                f'images of camera {lead.camera} have no stamp: their header says '
                f'{lead.stamp_ns} ns, and a place is known by the time it was seen; set '
                'header.stamp to when the image was taken')
        if self._last_ns is not None and goes_back(lead.stamp_ns, self._last_ns):
            if stopped := self.stop(
                    f'time went back by {(self._last_ns - lead.stamp_ns) / 1e9:.1f} s: the '
                    f'traverse {self.state.session!r} ended; deactivate and activate to begin '
                    'another'):
                return 'stopped', stopped
        if self._writer.waiting >= _MOST_WAITING:
            self.commit_if_due()
        if self._writer.waiting >= _MOST_WAITING:
            return 'not written', f'{_MOST_WAITING} places wait to be written: {self.state.fault}'
        return None

    def _left_out(self, lead: RawImage, short: str, sentence: str) -> Mapped:
        """Count and say why a moment is no place."""
        if sentence != self.state.stopped and self._seldom.due(short):
            _log.warning('%s', sentence)
        self._count(short)
        return Mapped(lead.stamp_ns, lead.received_ns, reason=sentence)

    def _count(self, short: str) -> None:
        counts = {**self.state.left_out, short: self.state.left_out.get(short, 0) + 1}
        self.state = replace(self.state, left_out=MappingProxyType(counts))

    def _is_new(self, stamp_ns: int, pose: Pose | None) -> bool:
        return Keyframes(self._settings.map, self._last).take(
            Place(1, stamp_ns, self.state.session, pose))

    def _add(self, images: Sequence[RawImage], pose: Pose | None, times: StageTimes) -> Place:
        assert self._writer is not None
        with times.stage('decode'):
            frames = self._frames(images, pose)
        with times.stage('describe'):
            descriptions = self._extractor.describe_batch(frames)
        with times.stage('keep'):
            if not self._writer.waiting:
                self._due_s = self._clock() + max(0.0, self._settings.commit_s - COMMIT_CHECK_S)
            place = self._writer.add(list(zip(frames, descriptions, strict=True)))
            self._last = place
            self.state = replace(self.state, places=self.state.places + 1,
                                 waiting=self._writer.waiting)
            self.commit_if_due()
        return place

    def _frames(self, images: Sequence[RawImage], pose: Pose | None) -> list[Frame]:
        try:
            decoded = decode_moment(images, self._decode)
        except (VprError, ValueError):
            self._count('not decoded')
            raise
        return [Frame(raw.stamp_ns, image, camera=raw.camera, T_map_base=pose,
                      calibration=self._calibration(raw.camera, image.shape[:2]))
                for raw, image in decoded]

    # The file -----------------------------------------------------------------------------------

    def _commit(self) -> None:
        fault = ''
        if self._writer is not None and self._writer.waiting:
            try:
                self._writer.flush()
            except VprError as error:
                fault = str(error)
                if not self.state.fault:
                    _log.error('places are not in the file yet: %s', error)
                self._due_s = self._clock() + self._settings.commit_s
        waiting = 0 if self._writer is None else self._writer.waiting
        self.state = replace(self.state, waiting=waiting, fault=fault)

    def _refuse_session(self, name: str) -> None:
        if any(info.name == name for info in self._map.sessions()):
            raise VprError(f'{self._map.path} has a session {name!r} already: give another one '
                           'by the parameter session, or leave it empty for the date and time')

    def _new_name(self) -> str:
        name = f'{self._date():%Y-%m-%d %H:%M:%S}'
        taken = {info.name for info in self._map.sessions()}
        names = (name, *(f'{name} ({n})' for n in range(2, len(taken) + 3)))
        return next(name for name in names if name not in taken)


def _open(settings: MapperSettings) -> tuple[PlaceMap, Extractor, bool]:
    """Return the map, what describes its places, and whether the map was made here."""
    if not settings.map_path:
        raise VprError('parameter map_path is empty: give the path of the map to make, or, with '
                       'extend, of the map to add to')
    path = Path(settings.map_path).expanduser()  # launch files give it as it was typed
    if path.exists():
        if not settings.extend:
            raise VprError(f'{path} exists already: set extend to add a session to it, or give '
                           'another map_path')
        place_map = PlaceMap.open(path, writeable=True)
        try:
            return place_map, make_extractor(settings.extraction, expected=place_map.network,
                                             local_kind=place_map.local_kind), False
        except BaseException:
            place_map.close()
            raise
    refuse(path)
    extractor = make_extractor(settings.extraction)
    place_map = PlaceMap.create(path, extractor.identity, frame=settings.map_frame,
                                descriptor_type=settings.map.descriptor_type)
    if settings.map.local_features_bytes:
        # Also for who goes on with it after a crash that came before the first place.
        place_map.set_local_kind(extractor.local_kind)
    return place_map, extractor, True
