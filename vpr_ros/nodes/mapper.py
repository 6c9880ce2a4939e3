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

"""The node ``mapper``: images and poses in, places of a map out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vpr_ros.live.interface import MAPPER
from vpr_ros.live.mapper_host import MapperHost
from vpr_ros.nodes.place_node import PlaceNode
from vpr_ros.nodes.requests import poses_of
from vpr_ros.settings import MapperSettings

__all__ = ['main', 'MapperNode']


class MapperNode(PlaceNode[MapperSettings, MapperHost]):
    """A :class:`~vpr_ros.live.mapper_host.MapperHost` with a life cycle and services."""

    def __init__(self) -> None:
        super().__init__(MAPPER, MapperSettings, MapperHost)

    def offer(self) -> None:
        """Offer what can be asked of it."""
        for name, handler in (('save_map', self._save_map), ('pause', self.pause),
                              ('update_poses', self._update_poses)):
            self.serve(name, handler)

    async def _save_map(self, request: Any, response: Any) -> None:
        mapper = self.host.mapper
        assert mapper is not None
        path = Path(request.path).expanduser().absolute() if request.path else None
        saved, response.places = await self.asked(
            lambda: mapper.save(path, overwrite=request.overwrite))
        response.success, response.path = True, str(saved.absolute())
        response.message = f'{response.places} places in {saved}'

    async def _update_poses(self, request: Any, response: Any) -> None:
        mapper, poses = self.host.mapper, poses_of(request)
        assert mapper is not None
        await self.asked(lambda: mapper.update_poses(poses))
        response.success, response.message = True, f'{len(poses)} places moved'


def main() -> None:
    """Run the node until it is stopped."""
    from vpr_ros.nodes.hosting import run

    run(MapperNode)


if __name__ == '__main__':
    main()
