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
Images and poses in, places of a map out, whoever carries the messages.

The thread of the graph only moves messages: images wait undecoded, the latest alone unless
``queue_size`` says otherwise, and a worker decides by stamp and pose which of them is a place,
decodes and describes that, and writes places to the file in groups.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import logging
import time
from typing import Any

from vpr_ros.errors import VprError
from vpr_ros.live.camera_topics import camera_topics
from vpr_ros.live.graph import Graph
from vpr_ros.live.graph import Timer
from vpr_ros.live.host import Host
from vpr_ros.live.inputs import image_input
from vpr_ros.live.inputs import ImageDecoder
from vpr_ros.live.inputs import Inputs
from vpr_ros.live.interface import MAPPER
from vpr_ros.live.live_transforms import LiveTransforms
from vpr_ros.live.mapping import COMMIT_CHECK_S
from vpr_ros.live.mapping import LiveMapper
from vpr_ros.live.mapping import Mapped
from vpr_ros.live.raw_image import RawImage
from vpr_ros.live.rig import Rig
from vpr_ros.messages.geometry import POSE_READERS
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.results import new_place_message
from vpr_ros.runtime.live_track import LiveTrack
from vpr_ros.settings import MapperSettings
from vpr_ros.types import Pose

__all__ = ['MapperHost']

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Moment:
    """What several cameras saw, that of the leading one first, and how to look at it."""

    images: tuple[RawImage, ...]
    settings: MapperSettings


class MapperHost(Host[MapperSettings]):
    """
    Builds a map, or a further session of one, of what a robot's cameras see.

    ``~/new_place`` (vpr_msgs/NewPlace) for every place, with the stamp of the image that made it;
    see :data:`vpr_ros.live.interface.MAPPER` for the rest. Each activation begins a traverse,
    which deactivation ends; so does time that goes back.
    """

    def __init__(self, graph: Graph, settings: Callable[[], MapperSettings]) -> None:
        super().__init__(graph, MAPPER, settings, task='mapping')
        self.mapper: LiveMapper | None = None
        self._inputs: Inputs | None = None
        self._track = LiveTrack()
        self._transforms = LiveTransforms()
        self._pose_problem = ''
        self._last_image_ns: int | None = None
        self._commit_timer: Timer | None = None

    # Life ---------------------------------------------------------------------------------------

    def load(self) -> None:
        """Open or make the map, and load its network."""
        s = self.settings
        self._cameras = camera_topics(s, resolve=self.graph.resolve)
        self._rig = Rig(self._cameras, s.base_frame)
        assert self.worker is not None
        # The file belongs to the thread that opens it.
        self.mapper = self.worker.ask(lambda: LiveMapper(
            s, decode=ImageDecoder(self._cameras, self.graph.read),
            calibration=self._rig.calibration, pose_at=self._pose_source())).result()
        state = self.mapper.state
        _log.info('map %s, places described by %s', self.mapper.path, state.network)

    def unload(self) -> None:
        """Let go of the map and the network."""
        if self.mapper is not None and self.worker is not None:
            self._finish(self.mapper.close)
        self.mapper = None

    def begin(self) -> None:
        """Begin a traverse: listen to cameras and poses."""
        s = self.settings
        assert self.mapper is not None and self.worker is not None
        mapper, topics = self.mapper, ', '.join(camera.image for camera in self._cameras)
        self._pose_problem, self._last_image_ns = '', None
        session = self.worker.ask(lambda: mapper.begin(topics)).result()
        self.speak('new_place')
        self._inputs = Inputs(self.graph, MAPPER, self.health)
        if s.poses == 'topic':
            self._inputs.hear('pose', 'pose', self._on_pose, topic=s.pose, type_name=s.pose_type)
        elif s.poses == 'tf':
            self._inputs.hear_still_transforms(
                lambda transforms: self._transforms.hear(transforms, still=True))
            self._inputs.hear_moving_transforms(
                lambda transforms: self._transforms.hear(
                    transforms, still=False, asked_ns=self.waiting_since_ns()))
        self._inputs.hear_cameras(self._cameras, self._rig, s, self._on_moment)
        self._commit_timer = self.graph.every(COMMIT_CHECK_S, self._commit_if_due, steady=True)
        told = {'none': 'without poses', 'topic': f"poses on {s.pose or 'pose'}",
                'tf': f'poses by transforms from {s.map_frame} to {s.base_frame}'}
        _log.info('mapping %s as session %r, %s', topics, session, told[s.poses])

    def end(self) -> None:
        """End the traverse: all of it is written."""
        if self._inputs is not None:
            self._inputs.close()
            self._inputs = None
        if self._commit_timer is not None:
            self._commit_timer.close()
            self._commit_timer = None
        self._forget_poses()
        if self.mapper is None or self.worker is None:
            return
        self._finish(self.mapper.end)
        # The last places are in the map, too: whoever counts on hearing of each does.
        for result in self.worker.collect():
            if isinstance(result, Mapped):
                self._announce(result)

    def _finish(self, call: Callable[[], None]) -> None:
        assert self.worker is not None
        try:
            self.worker.ask(call).result()
        except VprError as error:
            _log.error('%s', error)

    def hurry(self) -> None:
        """Let an image wait for no pose."""
        self._track.hurry()
        self._transforms.hurry()

    def time_went_back(self) -> None:
        """End the traverse: a map must not get its places twice."""
        self._forget_poses()
        if self.mapper is not None and self.worker is not None and self.active:
            mapper = self.mapper
            self.worker.ask(lambda: mapper.stop(
                f'the clock went back: the traverse {mapper.state.session!r} ended; deactivate '
                'and activate to begin another'))

    def _forget_poses(self) -> None:
        self._track.clear()
        self._transforms.clear()

    # On the thread of the graph -----------------------------------------------------------------

    def _on_moment(self, images: tuple[RawImage, ...]) -> None:
        self._last_image_ns = images[0].stamp_ns
        self.submit(_Moment(images, self.settings), stamp_ns=images[0].stamp_ns)

    def _on_pose(self, message: Any) -> None:
        s = self.settings
        try:
            sample = POSE_READERS[s.pose_type](message)
        except ValueError as error:  # as SLAM sends before it knows
            self._pose_left_out(f'a pose was left out: {error}')
            return
        T_child_base = self._rig.base_of(sample.child)
        if T_child_base is None:
            self._pose_left_out(
                f'poses are those of {sample.child!r}, and no static transforms join it and '
                f'{s.base_frame!r}: they are left out; set base_frame, or publish /tf_static')
            return
        problem = '' if sample.parent in ('', s.map_frame) else (
            f'poses are given in {sample.parent!r}, and map_frame is {s.map_frame!r}: if these '
            f'are one, set map_frame to {sample.parent!r}')
        if problem and problem != self._pose_problem and self.seldom.due('frame of poses'):
            _log.warning('%s', problem)
        self._pose_problem = problem
        self._track.add(StampedPose(sample.stamp_ns, s.map_frame, s.base_frame,
                                    sample.pose @ T_child_base),
                        asked_ns=self.waiting_since_ns())

    def _pose_left_out(self, why: str) -> None:
        self.health.left_out('pose', why)
        if self.seldom.due('pose'):
            _log.warning('%s', why)

    def left_out(self, why: str) -> None:
        """Note that an image could not be used."""
        self.health.left_out(image_input(self._cameras, self._cameras[0]), why)

    def tell(self, result: Any) -> None:
        """Publish a place."""
        mapped: Mapped = result
        if mapped.reason:
            self.left_out(mapped.reason)
            return
        self.health.worked(mapped.stage_times_ns,
                           age_ns=time.monotonic_ns() - mapped.received_ns)
        assert self.mapper is not None
        state = self.mapper.state
        self.health.outcome(f'{state.places} places in session {state.session!r}')
        self._announce(mapped)

    def _announce(self, mapped: Mapped) -> None:
        assert self.mapper is not None
        if mapped.place is not None:
            self.publish('new_place', new_place_message(
                self.graph.factory, mapped.place, map_id=self.mapper.state.map_id,
                map_frame=self.settings.map_frame))

    def _commit_if_due(self) -> None:
        if self.worker is not None and self.mapper is not None:
            self.worker.ask(self.mapper.commit_if_due)

    # What diagnostics say -----------------------------------------------------------------------

    def facts(self) -> Mapping[str, str]:
        """Return what diagnostics say of the map."""
        if self.mapper is None:
            return {}
        state, last_ns = self.mapper.state, self._last_pose_ns()
        facts = {'map': str(self.mapper.path), 'map id': state.map_id, 'network': state.network,
                 'session': state.session, 'places of the session': str(state.places),
                 'places not in the file yet': str(state.waiting),
                 'calibration': '; '.join(self._rig.missing()) or 'known'}
        facts |= {f'left out: {why}': str(count) for why, count in state.left_out.items()}
        if self.settings.poses != 'none' and self._last_image_ns is not None:
            facts['last pose before the last image (s)'] = (
                'none' if last_ns is None else f'{(self._last_image_ns - last_ns) / 1e9:.3f}')
        return facts

    def problems(self) -> Sequence[str]:
        """Return what keeps the host from mapping as it was asked to."""
        if self.mapper is None:
            return ()
        s, state = self.settings, self.mapper.state
        unjoined = ''
        if self.active and s.poses == 'tf' and self._last_pose_ns() is None:
            unjoined = f'no transforms join {s.map_frame!r} and {s.base_frame!r}'
        return [text for text in (state.stopped, state.fault, self._pose_problem, unjoined)
                if text]

    # Poses --------------------------------------------------------------------------------------

    def _pose_source(self) -> Callable[[int, float], Pose | None] | None:
        s = self.settings
        if s.poses == 'tf':
            return lambda stamp_ns, longest_s: self._transforms.wait(
                s.map_frame, s.base_frame, stamp_ns, longest_s)
        return self._track.wait if s.poses == 'topic' else None

    def _last_pose_ns(self) -> int | None:
        s = self.settings
        if s.poses == 'tf':
            return self._transforms.last_ns(s.map_frame, s.base_frame)
        return self._track.last_ns

    # On the worker's thread ---------------------------------------------------------------------

    def work(self, job: Any) -> Mapped:
        """Make a place of a moment, where it is one."""
        moment: _Moment = job
        assert self.mapper is not None
        self.mapper.change_settings(moment.settings)
        return self.mapper.take(moment.images)
