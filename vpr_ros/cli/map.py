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

"""Commands: vpr_ros map ..."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from typing import TYPE_CHECKING

import typer
from vpr_ros.cli.console import progress
from vpr_ros.cli.console import say
from vpr_ros.cli.console import table
from vpr_ros.cli.options import Assignments
from vpr_ros.cli.options import Bag
from vpr_ros.cli.options import Camera
from vpr_ros.cli.options import Config
from vpr_ros.cli.options import Images
from vpr_ros.cli.options import read_settings
from vpr_ros.cli.options import refuse_existing
from vpr_ros.cli.options import Topic
from vpr_ros.cli.sources import FrameSource
from vpr_ros.cli.sources import open_source
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.settings import BuildSettings

__all__ = ['app', 'build_map']

app = typer.Typer(no_args_is_help=True, help='Build maps of places and look at them.')


@app.command()
def build(
    out: Annotated[Path, typer.Option('--out', '-o', metavar='MAP', help='The map to make.')],
    bag: Bag = None,
    images: Images = None,
    topic: Topic = '',
    pose_topic: Annotated[str, typer.Option(
        '--pose-topic', help='Poses of the robot in the map frame (PoseStamped, '
        'PoseWithCovarianceStamped or Odometry) in the bag.')] = '',
    camera: Camera = 'front',
    session: Annotated[str, typer.Option(
        '--session', help='Name of this traverse; the name of the source when left out.')] = '',
    network: Annotated[str, typer.Option(
        '--network', help='The network that describes places; compact when left out.')] = '',
    overwrite: Annotated[bool, typer.Option(
        '--overwrite', help='Replace a map that exists.')] = False,
    config: Config = None,
    param: Assignments = [],  # noqa: B006
) -> None:
    """
    Build a map of places from one traverse of a route.

    Example: `vpr_ros map build --bag ref.mcap -o town.vprmap`
    """
    from vpr_ros.settings import BuildSettings

    settings = read_settings(BuildSettings, 'mapper', config, param, extraction__network=network)
    source = open_source(bag, images, topic=topic, camera=camera, pose_topic=pose_topic)
    places = build_map(source, out, settings, session=session, overwrite=overwrite)
    size = out.stat().st_size / 1e6
    say(f'[bold]{places}[/] places in {out} ({size:.1f} MB)')


def build_map(source: FrameSource, out: Path, settings: BuildSettings, *, session: str = '',
              overwrite: bool = False) -> int:
    """Build a map with a progress line, and return the number of its places."""
    from vpr_ros.extraction.extractor import make_extractor
    from vpr_ros.maps import database
    from vpr_ros.maps.builder import build_session
    from vpr_ros.maps.place_map import PlaceMap

    refuse_existing(out, overwrite=overwrite)
    extractor = make_extractor(settings.extraction)
    # Under another name until it is whole: a build that fails leaves what was there.
    unfinished = out.with_name(f'.{out.name}.unfinished')
    unfinished.unlink(missing_ok=True)
    try:
        with PlaceMap.create(unfinished, extractor.identity,
                             descriptor_type=settings.map.descriptor_type) as place_map:
            with progress('building the map', source.count) as line:
                for added in build_session(
                        place_map, session or source.label, line.passing(source.frames()),
                        extractor, settings.map, source=str(source.path)):
                    line.note(f'{added} places')
            count = len(place_map)
        if count == 0:
            raise VprError(f'{source.path} gave no places')
        database.remove_journals(out)
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
        database.remove_journals(unfinished)
    return count


@app.command()
def info(
    path: Annotated[Path, typer.Argument(metavar='MAP', help='A map file (.vprmap).')],
) -> None:
    """
    Say what a map holds.

    Example: `vpr_ros map info town.vprmap`
    """
    from datetime import datetime
    from datetime import timezone

    from vpr_ros.maps.place_map import PlaceMap

    with PlaceMap.open(path) as place_map:
        network = place_map.network
        created = datetime.fromtimestamp(place_map.created_ns / 1e9, timezone.utc)
        sessions = place_map.sessions()
        posed = sum(session.posed for session in sessions)
        rows = [
            ('map', place_map.id),
            ('revision', str(place_map.revision)),
            ('made', f'{created:%Y-%m-%d %H:%M:%S} UTC by {place_map.software}'),
            ('size', f'{path.stat().st_size / 1e6:.1f} MB'),
            ('network', f'{network.name} (weights {network.weights_hash})'),
            ('options', network.options),
            ('descriptors', f'{network.dimension} x {place_map.descriptor_type}, '
                            f'{network.metric} similarity'),
            ('places', f'{len(place_map)}, {posed} with a pose'),
            ('cameras', ', '.join(place_map.cameras()) or 'none'),
        ]
        for session in sessions:
            seconds = ((session.last_ns or 0) - (session.first_ns or 0)) / 1e9
            rows.append((f'session {session.name}',
                         f'{session.places} places over {seconds:.1f} s, from {session.source}'))
    table(rows)
