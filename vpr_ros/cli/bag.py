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

from pathlib import Path
from typing import Annotated

import typer
from vpr_ros.cli.console import progress
from vpr_ros.cli.console import say
from vpr_ros.cli.console import table
from vpr_ros.errors import VprError

__all__ = ['app']

app = typer.Typer(no_args_is_help=True, help='Turn data sets into bags and look into bags.')


@app.command()
def make(
    data: Annotated[Path, typer.Argument(
        metavar='DATA', help='A published data set, a folder of traverses, or a folder of '
        'images.')],
    out: Annotated[Path, typer.Option(
        '--out', '-o', metavar='BAG', help='The bag to write: a .mcap or .db3 file, or a rosbag2 '
        'folder.')],
    traverse: Annotated[str, typer.Option(
        '--traverse', '-t', help='Which traverse; may be left out when there is one.')] = '',
    topic: Annotated[str, typer.Option('--topic', help='Image topic.')] = '/camera/image_raw',
    jpeg: Annotated[bool, typer.Option(
        '--jpeg/--raw', help='Write JPEG images on <topic>/compressed, or raw ones.')] = True,
    quality: Annotated[int, typer.Option(
        '--quality', min=1, max=100, help='Of the JPEG images.')] = 90,
    overwrite: Annotated[bool, typer.Option(
        '--overwrite', help='Replace a bag that exists.')] = False,
) -> None:
    """
    Turn a traverse into a bag that can be replayed.

    Example: `vpr_ros bag make gardens_point --traverse day_left -o day_left.mcap`
    """
    from vpr_ros.bags.make import write_frames
    from vpr_ros.datasets.registry import open_dataset

    dataset = open_dataset(data)
    names = dataset.traverses()
    if not traverse and len(names) != 1:
        raise VprError(f'{data} has several traverses: choose one with --traverse '
                       f'({", ".join(names)})')
    chosen = dataset.traverse(traverse or names[0])
    with progress('writing the bag', len(chosen)) as line:
        written = write_frames(
            out, chosen.frames(), image_topic=topic, encoding='jpeg' if jpeg else 'raw',
            jpeg_quality=quality, odometry=chosen.odometry, fixes=chosen.fixes,
            T_base_gps=chosen.T_base_gps, overwrite=overwrite, on_frame=lambda _: line.advance())
    say(f'[bold]{written.frames}[/] images in {written.path}')
    if chosen.stamps_synthetic:
        say('The images carry no time: their stamps were made up, evenly spaced.')


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
