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

"""The node ``localizer``: images in, places out."""

from __future__ import annotations

from vpr_ros.live.interface import LOCALIZER
from vpr_ros.live.localizer_host import LocalizerHost
from vpr_ros.nodes.localizer_services import LocalizerServices
from vpr_ros.nodes.place_node import PlaceNode
from vpr_ros.settings import LocalizeSettings

__all__ = ['LocalizerNode', 'main']


class LocalizerNode(PlaceNode[LocalizeSettings, LocalizerHost]):
    """A :class:`~vpr_ros.live.localizer_host.LocalizerHost` with a life cycle and services."""

    def __init__(self) -> None:
        super().__init__(LOCALIZER, LocalizeSettings, LocalizerHost)
        self._services_of_map = LocalizerServices(self)
        self.host.on_answer = self._services_of_map.heard

    def offer(self) -> None:
        """Offer what can be asked of it."""
        self._services_of_map.offer()

    def give_up(self) -> None:
        """Tell who waits for the place of the robot that it will not be found."""
        self._services_of_map.give_up()

    def withdraw(self) -> None:
        """Load no other map."""
        self._services_of_map.close()


def main() -> None:
    """Run the node until it is stopped."""
    from vpr_ros.nodes.hosting import run

    run(LocalizerNode)


if __name__ == '__main__':
    main()
