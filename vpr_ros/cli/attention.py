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

"""Command: vpr_ros attention."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from vpr_ros.cli.console import progress
from vpr_ros.cli.console import say
from vpr_ros.cli.options import Assignments
from vpr_ros.cli.options import Bag
from vpr_ros.cli.options import Camera
from vpr_ros.cli.options import Config
from vpr_ros.cli.options import Images
from vpr_ros.cli.options import read_settings
from vpr_ros.cli.options import Topic
from vpr_ros.cli.sources import open_source
from vpr_ros.errors import VprError

__all__ = ['attention']


def attention(
    out: Annotated[Path, typer.Option(
        '--out', '-o', metavar='FOLDER', help='Where to write the pictures.')],
    bag: Bag = None,
    images: Images = None,
    topic: Topic = '',
    camera: Camera = 'front',
    network: Annotated[str, typer.Option(
        '--network', help='The network; compact when left out.')] = '',
    every: Annotated[int, typer.Option(
        '--every', min=1, help='Only every n-th image.')] = 1,
    alpha: Annotated[float, typer.Option(
        '--alpha', min=0.0, max=1.0, help='Strength of the overlay.')] = 0.5,
    config: Config = None,
    param: Assignments = [],  # noqa: B006
) -> None:
    """
    Paint what a network attends to over the images.

    Example: `vpr_ros attention --bag in.mcap --every 10 -o attention/`
    """
    from itertools import islice

    from vpr_ros.evaluation.pictures import attention_overlay
    from vpr_ros.evaluation.pictures import encode_jpeg
    from vpr_ros.extraction.extractor import make_extractor
    from vpr_ros.settings import BuildSettings

    settings = read_settings(BuildSettings, 'mapper', config, param, extraction__network=network)
    source = open_source(bag, images, topic=topic, camera=camera)
    extractor = make_extractor(settings.extraction)
    out.mkdir(parents=True, exist_ok=True)
    count = 0
    with progress('painting', -(-source.count // every)) as line:
        for frame in line.passing(islice(source.frames(), 0, None, every)):
            description = extractor.describe(frame)
            if description.attention is None:
                raise VprError(f'network {extractor.identity.name!r} has no attention to show')
            overlay = attention_overlay(frame.image, description.attention, alpha=alpha)
            (out / f'{frame.stamp_ns:020d}.jpg').write_bytes(encode_jpeg(overlay, quality=90))
            count += 1
    say(f'[bold]{count}[/] pictures in {out}')
