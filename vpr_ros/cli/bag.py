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

"""Commands: vpr_ros bag ..."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import re
from typing import Annotated
from typing import Any
from typing import TYPE_CHECKING

import typer
from vpr_ros.cli.console import progress
from vpr_ros.cli.console import say
from vpr_ros.cli.console import table
from vpr_ros.cli.options import refuse_existing
from vpr_ros.cli.sources import choose_traverse
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.datasets.town.town import Town
    from vpr_ros.datasets.traverse import Traverse

__all__ = ['app']

# Under which heading the help lists what only the town can do.
_TOWN = 'A drive through the generated town'

app = typer.Typer(no_args_is_help=True, help='Turn data sets into bags and look into bags.')


@app.command()
def make(
    data: Annotated[str, typer.Argument(
        metavar='DATA', help='The word "town" for the generated town; or a published data set, a '
        'folder of traverses, or a folder of images.')],
    out: Annotated[Path, typer.Option(
        '--out', '-o', metavar='BAG', help='The bag to write: a .mcap or .db3 file, or a rosbag2 '
        'folder.')],
    traverse: Annotated[str, typer.Option(
        '--traverse', '-t', help='Which traverse; may be left out when there is one.')] = '',
    topic: Annotated[str, typer.Option('--topic', help='Image topic.')] = '/camera/image_raw',
    jpeg: Annotated[bool, typer.Option(
        '--jpeg/--raw', help='Write JPEG images on TOPIC/compressed, or raw ones.')] = True,
    quality: Annotated[int, typer.Option(
        '--quality', min=1, max=100, help='Of the JPEG images.')] = 90,
    overwrite: Annotated[bool, typer.Option(
        '--overwrite', help='Replace a bag that exists.')] = False,
    route: Annotated[str | None, typer.Option(
        '--route', rich_help_panel=_TOWN, help='loop, detour, terraces or tour.')] = None,
    condition: Annotated[str | None, typer.Option(
        '--condition', rich_help_panel=_TOWN, help='day, low_sun, dusk or night, and rain, fog, '
        'snow or leaf_off, joined by "+" as in night+snow.')] = None,
    seed: Annotated[int | None, typer.Option(
        '--seed', rich_help_panel=_TOWN, help='Another seed is another drive: other traffic, '
        'other stops.')] = None,
    years: Annotated[int | None, typer.Option(
        '--years', rich_help_panel=_TOWN, help='Years since the reference was driven: shops have '
        'changed hands.')] = None,
    reverse: Annotated[bool | None, typer.Option(
        '--reverse', rich_help_panel=_TOWN, help='Drive the route the other way.')] = None,
    lane_offset: Annotated[float | None, typer.Option(
        '--lane-offset', rich_help_panel=_TOWN, help='Metres left of the middle of the '
        'lane.')] = None,
    camera_yaw: Annotated[float | None, typer.Option(
        '--camera-yaw', rich_help_panel=_TOWN, help='Degrees by which the camera is turned to '
        'the left.')] = None,
    rate: Annotated[float | None, typer.Option(
        '--rate', rich_help_panel=_TOWN, help='Images per second.')] = None,
    depth: Annotated[bool | None, typer.Option(
        '--depth', rich_help_panel=_TOWN, help='With images of depth, in metres, on '
        '/camera/depth.')] = None,
) -> None:
    """
    Turn a traverse into a bag that can be replayed.

    Example: `vpr_ros bag make gardens_point --traverse day_left -o day_left.mcap`

    Example: `vpr_ros bag make town --route loop --condition night --seed 3 -o night.mcap`
    """
    from vpr_ros.bags.make import write_traverse
    from vpr_ros.datasets.registry import open_dataset
    from vpr_ros.datasets.town.town import Town

    dataset = open_dataset(data)
    drive = {'route': route, 'condition': condition, 'seed': seed, 'years': years,
             'reverse': reverse, 'lane_offset_m': lane_offset, 'camera_yaw_deg': camera_yaw,
             'rate_hz': rate, 'depth': depth}
    drive = {name: value for name, value in drive.items() if value is not None}
    refuse_existing(out, overwrite=overwrite)
    if isinstance(dataset, Town):
        chosen = _drive(dataset, traverse, drive)
    elif drive:
        option = re.sub('_(m|deg|hz)$', '', next(iter(drive))).replace('_', '-')
        raise VprError(f'{data} was recorded and cannot be driven again: --{option} belongs to '
                       'the generated town ("vpr_ros bag make town")')
    else:
        chosen = choose_traverse(dataset, traverse, data)
    with progress('writing the bag', len(chosen)) as line:
        written = write_traverse(
            out, chosen, image_topic=topic, encoding='jpeg' if jpeg else 'raw',
            jpeg_quality=quality, overwrite=overwrite, on_frame=lambda _: line.advance())
    say(f'[bold]{written.frames}[/] images in {written.path}')
    if chosen.stamps_synthetic:
        say('The images carry no time: their stamps were made up, evenly spaced.')


def _drive(town: Town, traverse: str, changes: dict[str, Any]) -> Traverse:
    """Return a drive through the town: a prepared one, or one as asked for."""
    from vpr_ros.datasets.dataset import check_traverse
    from vpr_ros.datasets.town.conditions import parse_condition
    from vpr_ros.datasets.town.drive import Drive
    from vpr_ros.datasets.town.town import DRIVES

    if traverse:
        check_traverse(town.name, traverse, town.traverses())
        if not changes:
            return town.traverse(traverse)
    if 'condition' in changes:
        changes = {**changes, 'condition': parse_condition(changes['condition'])}
    return town.drive(replace(DRIVES[traverse] if traverse else Drive(), **changes))


@app.command()
def info(
    path: Annotated[Path, typer.Argument(metavar='BAG', help='A rosbag2 or rosbag1 recording.')],
) -> None:
    """
    Say what a bag holds.

    Example: `vpr_ros bag info day_left.mcap`
    """
    from vpr_ros.bags.info import describe_bag

    bag = describe_bag(path)
    rows = [
        ('bag', str(bag.path)),
        ('kind', bag.kind + (', cut off: its end is missing' if bag.truncated else '')),
        ('size', f'{bag.size_bytes / 1e6:.1f} MB'),
        ('duration', f'{bag.duration_s:.1f} s'),
        ('messages', str(bag.message_count)),
    ]
    for topic in bag.topics:
        use = '  (images)' if topic.name in bag.image_topics else ''
        rows.append((topic.name, f'{topic.count} x {topic.type_name}{use}'))
    table(rows)
