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

"""What can be asked of the node ``localizer``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.task import Future
from vpr_ros.errors import VprError
from vpr_ros.live.in_map import InMap
from vpr_ros.live.localizing import Answer
from vpr_ros.live.recognizer import Recognizer
from vpr_ros.messages.results import place_match_message
from vpr_ros.nodes.requests import poses_of
from vpr_ros.types import Localization

if TYPE_CHECKING:
    from vpr_ros.nodes.localizer import LocalizerNode

__all__ = ['LocalizerServices']

_DEFAULT_TIMEOUT_S = 10.0


@dataclass
class _Wait:
    """Somebody waits for the place of the robot; the last answer since then."""

    over: Future
    last: Localization | None = None


class LocalizerServices:
    """
    The services of a localizer.

    Those that take time wait as coroutines: the executor goes on moving messages meanwhile.
    """

    def __init__(self, node: LocalizerNode) -> None:
        self._node = node
        # A map is loaded beside the worker, which answers in the one before it until then.
        self._loader: ThreadPoolExecutor | None = None
        self._wait: _Wait | None = None

    def offer(self) -> None:
        """Offer them."""
        node = self._node
        self._loader = ThreadPoolExecutor(1, 'vpr_ros loader')
        for name, handler in (
                ('load_map', self._load_map), ('save_map', self._save_map),
                ('relocalize', self._relocalize), ('pause', self._pause), ('reset', self._reset),
                ('update_poses', self._update_poses)):
            node.serve(name, handler)

    def close(self) -> None:
        """Let go of the loader; what it loads is closed when it comes."""
        self.give_up()
        if self._loader is not None:
            self._loader.shutdown(wait=False, cancel_futures=True)
            self._loader = None

    def heard(self, answer: Answer) -> None:
        """Tell who waits for a known place what has been found."""
        found = answer.recognition.localization
        if found is None or self._wait is None or self._wait.over.done():
            return
        self._wait.last = found
        if found.known:
            self._wait.over.set_result(True)

    def give_up(self) -> None:
        """Tell who waits that nothing more will be found."""
        if self._wait is not None and not self._wait.over.done():
            self._wait.over.set_result(False)

    async def _load_map(self, request: Any, response: Any) -> None:
        node, host = self._node, self._node.host
        live = host.live
        assert live is not None and self._loader is not None
        if host.settings.online:
            raise VprError('this node builds a map of its own (online): start it without that to '
                           'localize in one that is there')
        if not request.path:
            raise VprError('path is empty: give the path of a map, made with "vpr_ros map build"')
        loaded = await node.finished(self._loader.submit(
            InMap, Path(request.path).expanduser(), host.settings, session=host.session))

        def change() -> Recognizer:
            if host.live is not live:
                raise VprError('the node was cleaned up before the map was loaded')
            before, live.recognizer = live.recognizer, loaded
            return before

        try:
            before = await node.asked(change)
        except Exception:
            loaded.close()
            raise
        before.close()
        host.reset()
        facts = loaded.facts()
        response.success = True
        response.message = str(facts)
        response.map_id, response.map_revision = facts.map_id, facts.revision
        response.places = facts.places
        node.get_logger().info(response.message)

    async def _save_map(self, request: Any, response: Any) -> None:
        node, live = self._node, self._node.host.live
        assert live is not None
        if not request.path:
            raise VprError('path is empty: name the file to write (.vprmap)')
        path = Path(request.path).expanduser().absolute()
        # Of the map that is in use when its turn comes: load_map may be at work.
        response.places = await node.asked(
            lambda: live.recognizer.save(path, overwrite=request.overwrite))
        response.success, response.path = True, str(path)
        response.message = f'{response.places} places in {path}'

    async def _relocalize(self, request: Any, response: Any) -> None:
        node, host = self._node, self._node.host
        if host.settings.online:
            raise VprError('the map of this node is the way since it set out (online), which that '
                           'would forget: it is told of known places on ~/place_match')
        if not host.active or host.paused:
            raise VprError('the node looks at no images: '
                           + ('it is paused' if host.active else 'activate it first'))
        if self._wait is not None:
            raise VprError('somebody waits for the place of the robot already')
        if not 0.0 <= request.timeout_s <= 3600.0:
            raise VprError(f'timeout_s is seconds from 0 to 3600, got {request.timeout_s:g}')
        timeout_s = request.timeout_s or _DEFAULT_TIMEOUT_S
        host.reset()
        self._wait = wait = _Wait(Future(executor=node.executor))
        timer = node.create_timer(timeout_s, self.give_up,
                                  clock=Clock(clock_type=ClockType.STEADY_TIME))
        try:
            response.success = bool(await wait.over)
        finally:
            self._wait = None
            node.destroy_timer(timer)
        if wait.last is None:
            response.message = f'no image was looked at within {timeout_s:g} s: see /diagnostics'
            return
        response.match_valid, response.message = True, wait.last.reason
        response.match = place_match_message(host.graph.factory, wait.last,
                                             map_frame=host.settings.map_frame)

    async def _pause(self, request: Any, response: Any) -> None:
        await self._node.pause(request, response)
        if self._node.host.paused:
            self.give_up()

    async def _reset(self, request: Any, response: Any) -> None:
        self._node.host.reset()
        response.success, response.message = True, 'starting anew'

    async def _update_poses(self, request: Any, response: Any) -> None:
        poses, live = poses_of(request), self._node.host.live
        assert live is not None
        await self._node.asked(lambda: live.recognizer.update_poses(poses))
        response.success, response.message = True, f'{len(poses)} places moved'
