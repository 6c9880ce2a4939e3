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

"""Command: vpr_ros live."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
import signal
from typing import Annotated
from typing import TYPE_CHECKING

import typer
from vpr_ros.cli.console import plural
from vpr_ros.cli.console import say
from vpr_ros.cli.console import status
from vpr_ros.cli.options import Assignments
from vpr_ros.cli.options import Config
from vpr_ros.cli.options import Domain
from vpr_ros.cli.options import read_node_parameters
from vpr_ros.cli.options import RosDistro
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.live.localizer_host import LocalizerHost
    from vpr_ros.live.localizing import Answer

__all__ = ['live']


def live(
    map_path: Annotated[Path | None, typer.Option(
        '--map', '-m', metavar='MAP', help='The map to localize in (.vprmap).')] = None,
    image: Annotated[str, typer.Option(
        '--image', metavar='TOPIC', help='Image topic.', show_default='image')] = '',
    compressed: Annotated[bool | None, typer.Option(
        '--compressed/--raw', help='Hear the compressed images, on TOPIC/compressed.',
        show_default='--raw, unless TOPIC ends so')] = None,
    odometry: Annotated[str, typer.Option(
        '--odom', '--odometry', metavar='TOPIC', help='Odometry (nav_msgs/Odometry): how far the '
        'robot drove from image to image.')] = '',
    online: Annotated[bool, typer.Option(
        '--online', help='With no map: build one of where the robot has been, and find loops in '
        'it.')] = False,
    name: Annotated[str, typer.Option('--name', help='Name of the node.')] = 'localizer',
    namespace: Annotated[str, typer.Option(
        '--namespace', help='Namespace of the node and of topics without a slash.')] = '/',
    domain: Domain = None,
    ros_distro: RosDistro = 'jazzy',
    config: Config = None,
    param: Assignments = [],  # noqa: B006
) -> None:
    """
    Localize a robot live, as a node on its ROS 2 graph, with no ROS installed here.

    It hears and says what the node `localizer` does, under the same names, by the same parameters;
    it has no services. Which nodes it finds, the environment says, as for all of ROS:
    `ROS_DOMAIN_ID`, `ROS_AUTOMATIC_DISCOVERY_RANGE`, `ROS_STATIC_PEERS`, `CYCLONEDDS_URI`. Ctrl-C
    ends it.

    Example: `vpr_ros live --map town.vprmap --image /camera/image_raw --odom /odom`

    Example: `vpr_ros live --map town.vprmap --image /camera/image_raw --compressed --config
    localize.yaml --domain 7`
    """
    from vpr_ros.dds.live import localize_live
    from vpr_ros.dds.names import checked_namespace
    from vpr_ros.dds.names import full_node_name
    from vpr_ros.runtime.interrupts import interrupt_once
    from vpr_ros.settings import LiveSettings

    node = full_node_name(name, checked_namespace(namespace))
    settings, besides = read_node_parameters(
        LiveSettings, node, config, param, map=str(map_path or ''), image=image,
        compressed=compressed, odometry=odometry, online=online or None)
    if not (settings.map or settings.online):
        raise VprError('name the map: --map FILE (or "map" in the parameter file); or give '
                       '--online to find loops without one')
    tally = _Tally()
    interrupt_once(signal.SIGTERM)
    with status('loading') as line:

        def begin(host: LocalizerHost) -> None:
            assert host.live is not None
            line.say(f'localizing {host.hears} in {host.live.recognizer.facts()}; Ctrl-C ends it')
            line.show('no image yet')

        dropped = localize_live(
            settings, besides, node_name=name, namespace=namespace, domain=domain,
            ros_distro=ros_distro, on_ready=begin,
            on_answer=lambda answer: line.show(tally.with_another(answer)))
    say(f'{tally.text()}; {dropped} {plural(dropped, "image")} dropped for later ones')


@dataclass
class _Tally:
    """What there is to say of the answers so far."""

    answers: int = 0
    known: int = 0
    images: int = 0
    places: int = 0

    def with_another(self, answer: Answer) -> str:
        """Take in what became of an image, and return what to show."""
        found = answer.recognition.localization
        self.images += 1
        self.places += answer.recognition.place is not None
        if found is None:
            return self.text()
        self.answers += 1
        self.known += found.known
        return f'{self.text()}; {found.decision.value}: {found.reason}'

    def text(self) -> str:
        """Return how many answers there were, and how many of them name a place."""
        made = (f'{self.places} {plural(self.places, "place")} made of {self.images} '
                f'{plural(self.images, "image")}; ' if self.places else '')
        return (f'{made}{self.answers} {plural(self.answers, "answer")}, '
                f'{self.known} at a known place')
