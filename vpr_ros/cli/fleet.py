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

"""Commands: vpr_ros fleet ..."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from vpr_ros.cli.console import columns
from vpr_ros.cli.console import progress
from vpr_ros.cli.console import say
from vpr_ros.cli.console import table
from vpr_ros.cli.options import Assignments
from vpr_ros.cli.options import Config
from vpr_ros.cli.options import read_settings
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError

__all__ = ['app']

app = typer.Typer(no_args_is_help=True, help='Share one map among a fleet of robots, on Milvus.')

Uri = Annotated[str, typer.Option(
    '--uri', envvar='VPR_ROS_FLEET_URI', metavar='ADDRESS', help='The Milvus server, as in '
    'http://host:19530, or a local path that ends in .db.')]
Name = Annotated[str, typer.Option('--name', help='Name of the fleet map on that server.')]
Token = Annotated[str, typer.Option(
    '--token', envvar='VPR_ROS_FLEET_TOKEN', show_envvar=True, help='user:password or an API key, '
    'where the server asks for one; others can see the command line, but not the variable.')]
Patience = Annotated[float, typer.Option(
    '--patience', metavar='SECONDS', min=0.1, help='How long to wait for a server that does not '
    'answer.')]
Sessions = Annotated[list[str], typer.Option(
    '--session', help='Only this traverse; may be repeated.')]


@app.command()
def push(
    path: Annotated[Path, typer.Argument(metavar='MAP', help="A robot's map file (.vprmap).")],
    uri: Uri,
    name: Name = 'fleet',
    session: Sessions = [],  # noqa: B006
    same_frame: Annotated[bool, typer.Option(
        '--same-frame', help='The poses of the map are in the frame of the fleet map.')] = False,
    mirror: Annotated[bool, typer.Option(
        '--mirror', help='Also remove what the map does without now of these sessions; not for '
        'maps that hold a part of a session.')] = False,
    token: Token = '',
    patience: Patience = 30.0,
) -> None:
    """
    Send a fleet map what it lacks of a map; the first push makes it.

    May be repeated and broken off at any time: it goes on with what the server lacks.

    Example: `vpr_ros fleet push town.vprmap --uri http://server:19530`
    """
    from vpr_ros.maps.fleet.fleet_map import FleetMap
    from vpr_ros.maps.fleet.transfer import facts_of
    from vpr_ros.maps.fleet.transfer import remove_dropped
    from vpr_ros.maps.fleet.transfer import upload
    from vpr_ros.maps.place_map import PlaceMap

    with PlaceMap.open(path) as place_map, FleetMap.create(
            uri, name, facts_of(place_map), token=token, patience_s=patience) as fleet:
        total = sum(info.places for info in place_map.sessions()
                    if not session or info.name in session)
        places = 0
        with progress('pushing', total) as line:
            for compared, sent in upload(place_map, fleet, sessions=session,
                                         same_frame=same_frame):
                places += sent
                for _ in range(compared):
                    line.advance()
                line.note(f'{places} sent')
        removed = remove_dropped(place_map, fleet, sessions=session) if mirror else 0
    say(f'[bold]{places}[/] of {total} places sent, the others were there'
        + (f'; {removed} removed from the server' if mirror else ''))


@app.command()
def pull(
    out: Annotated[Path, typer.Argument(metavar='MAP', help='The map file to make (.vprmap).')],
    uri: Uri,
    name: Name = 'fleet',
    session: Sessions = [],  # noqa: B006
    near: Annotated[tuple[float, float] | None, typer.Option(
        '--near', metavar='X Y', help='Only places around this position in the map frame; with '
        '--radius.')] = None,
    radius: Annotated[float | None, typer.Option(
        '--radius', metavar='METRES', min=0.0, help='How far around.')] = None,
    token: Token = '',
    patience: Patience = 30.0,
) -> None:
    """
    Make a map file of a fleet map, or of a part of it, to localize in offline.

    Example: `vpr_ros fleet pull here.vprmap --uri http://server:19530 --near 120 40 --radius 300`
    """
    from vpr_ros.maps.fleet.fleet_map import FleetMap
    from vpr_ros.maps.fleet.transfer import download
    from vpr_ros.maps.place_map import PlaceMap
    from vpr_ros.maps.unfinished import unfinished

    if (near is None) != (radius is None):
        raise VprError('--near and --radius belong together: --near X Y --radius METRES')
    with unfinished(out) as path, FleetMap.open(
            uri, name, token=token, patience_s=patience) as fleet:
        held = fleet.sessions()
        for wanted in session:
            if wanted not in {s.name for s in held}:
                raise unknown_name('session', wanted, {s.name for s in held})
        place_ids = sorted({
            place_id for part in ([s for s in held if s.name in session] if session else [None])
            for place_id in fleet.place_ids(part, near=near, radius_m=radius or 0.0)})
        if not place_ids:
            raise VprError(f'{fleet.title} has no places there')
        with PlaceMap.create(path, fleet.facts.network, frame=fleet.facts.frame,
                             datum=fleet.facts.datum) as place_map:
            with progress('pulling', len(place_ids)) as line:
                for count in download(fleet, place_map, place_ids):
                    for _ in range(count):
                        line.advance()
            places, sessions = len(place_map), len(place_map.sessions())
    say(f'[bold]{places}[/] places of {sessions} session{"s" if sessions != 1 else ""} in {out}')


@app.command()
def info(
    uri: Uri,
    name: Name = 'fleet',
    token: Token = '',
    patience: Patience = 30.0,
) -> None:
    """
    Say what a fleet map holds.

    Example: `vpr_ros fleet info --uri http://server:19530`
    """
    from datetime import datetime
    from datetime import timezone

    from vpr_ros.maps.fleet.fleet_map import FleetMap

    with FleetMap.open(uri, name, token=token, patience_s=patience) as fleet:
        network, datum = fleet.facts.network, fleet.facts.datum
        rows = [
            ('network', f'{network.name} (weights {network.weights_hash})'),
            ('options', network.options),
            ('descriptors', f'{network.dimension}, {network.metric} similarity'),
            ('frame', fleet.facts.frame + ('' if datum is None else f', at {datum}')),
            ('views', str(fleet.count_views())),
        ]
        rows += [(f'session {s.name}',
                  f'{fleet.count_views(s)} views, made '
                  f'{datetime.fromtimestamp(s.created_ns / 1e9, timezone.utc):%Y-%m-%d %H:%M} UTC '
                  f'from {s.source}') for s in fleet.sessions()]
    table(rows)


@app.command()
def search(
    image: Annotated[Path, typer.Argument(metavar='IMAGE', help='An image file.')],
    uri: Uri,
    name: Name = 'fleet',
    count: Annotated[int, typer.Option('--count', '-k', min=1, max=1000,
                                       help='How many places.')] = 5,
    token: Token = '',
    patience: Patience = 30.0,
    config: Config = None,
    param: Assignments = [],  # noqa: B006
) -> None:
    """
    Show the places of a fleet map that look most like an image.

    Example: `vpr_ros fleet search photo.jpg --uri http://server:19530`
    """
    from vpr_ros.datasets.images import read_image
    from vpr_ros.extraction.extractor import make_extractor
    from vpr_ros.maps.fleet.fleet_map import FleetMap
    from vpr_ros.settings import BuildSettings
    from vpr_ros.types import Frame

    settings = read_settings(BuildSettings, 'mapper', config, param)
    frame = Frame(0, read_image(image))
    with FleetMap.open(uri, name, token=token, patience_s=patience) as fleet:
        extractor = make_extractor(settings.extraction, fleet.facts.network)
        found = fleet.search(extractor.describe(frame).descriptor, count)
        places = {place.id: place for place in fleet.places(found.place_ids.tolist())}
        rows = []
        for place_id, similarity, camera in zip(
                found.place_ids.tolist(), found.similarities, found.cameras, strict=True):
            if place := places.get(place_id):  # another robot may just have removed it
                pose = place.T_map_base
                rows.append((str(place_id), place.session, fleet.cameras[camera],
                             str(place.stamp_ns), '' if pose is None else
                             ' '.join(f'{v:.1f}' for v in pose.position), f'{similarity:.3f}'))
    columns(('place', 'session', 'camera', 'stamp (ns)', 'position (m)', 'similarity'), rows,
            numbers=1)
