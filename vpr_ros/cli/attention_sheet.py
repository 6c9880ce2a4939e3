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

"""One picture of what several networks attend to in the same images."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.cli.console import progress
from vpr_ros.cli.sources import FrameSource
from vpr_ros.cli.sources import open_source
from vpr_ros.cli.sources import TraverseSource
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.evaluation.contact_sheet import SheetColumn
    from vpr_ros.evaluation.contact_sheet import SheetRow
    from vpr_ros.evaluation.pictures import Array
    from vpr_ros.extraction.extractor import Extractor
    from vpr_ros.extraction.settings import ExtractionSettings
    from vpr_ros.types import Frame

__all__ = ['open_shots', 'overlay', 'paint_sheet', 'Shots']

_MAX_ROWS = 60


@dataclass(frozen=True)
class Shots:
    """
    The images of a sheet.

    :param count: how many there are, about.
    :param read: reads them: what they are called, the stream they are from and the frame. A
        network of sequences sees the frames of a stream one after the other.
    """

    count: int
    read: Callable[[], Iterator[tuple[str, int, Frame]]]

    def every(self, step: int) -> Shots:
        """Return every n-th image."""
        return Shots(-(-self.count // step), lambda: islice(self.read(), 0, None, step))


def open_shots(paths: list[Path], bag: Path | None, images: Path | None, *, topic: str,
               camera: str) -> Shots:
    """Open the images that the user named, in one way."""
    if paths and (bag or images):
        raise VprError('name one source of images: IMAGE..., --bag FILE, or --images FOLDER')
    if not paths:
        source = open_source(bag, images, topic=topic, camera=camera)
        return Shots(source.count, lambda: _stream(source, 0))
    if topic:
        raise VprError('--topic belongs to --bag')
    missing = [str(path) for path in paths if not path.exists()]
    if missing:
        raise VprError(f'no such image: {", ".join(missing[:5])}')
    folders = {path: open_source(None, path, camera=camera) for path in paths if path.is_dir()}

    def read() -> Iterator[tuple[str, int, Frame]]:
        for number, path in enumerate(paths):
            if path in folders:
                yield from _stream(folders[path], number)
            else:
                yield _label(path.parent, path.name), number, _frame(path, camera)

    return Shots(sum(folders[p].count if p in folders else 1 for p in paths), read)


def _stream(source: FrameSource, number: int) -> Iterator[tuple[str, int, Frame]]:
    first = None
    for at, frame in enumerate(source.frames()):
        first = frame.stamp_ns if first is None else first
        if isinstance(source, TraverseSource):
            label = _label(source.path, source.traverse.label(at))
        else:
            label = f'{source.path.name} at {(frame.stamp_ns - first) / 1e9:.2f} s'
        yield label, number, frame


def _label(source: Path, name: str) -> str:
    where = source.resolve().name
    return f'{where}/{name}' if where else name


def _frame(path: Path, camera: str) -> Frame:
    from vpr_ros.datasets.images import read_image
    from vpr_ros.types import Frame

    return Frame(stamp_ns=0, camera=camera, image=read_image(path))


def paint_sheet(shots: Shots, networks: list[tuple[str, str]], settings: ExtractionSettings,
                out: Path, *, alpha: float, cell: int) -> int:
    """
    Write one picture: a row for each image, the image itself and what each network attends to.

    :param networks: name and options of each.
    :param out: a .png file, or another for a JPEG.
    :param cell: pixels of the longer side of each image.
    :returns: the number of rows.
    """
    from vpr_ros.evaluation.contact_sheet import contact_sheet
    from vpr_ros.evaluation.contact_sheet import SheetColumn
    from vpr_ros.evaluation.pictures import encode_jpeg
    from vpr_ros.evaluation.pictures import encode_png
    from vpr_ros.extraction.extractor import make_extractor

    if shots.count > _MAX_ROWS:
        raise VprError(f'{shots.count} images are too many for one picture (at most {_MAX_ROWS}): '
                       'choose some with --every')
    extractors = [
        (name + options,
         make_extractor(settings.model_copy(update={'network': name, 'options': options})))
        for name, options in networks]
    columns = [SheetColumn('image'), *(_column(name, options) for name, options in networks)]
    rows = _rows(shots, extractors, alpha, cell)
    sheet = contact_sheet(columns, rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    png = out.suffix.lower() == '.png'
    out.write_bytes(encode_png(sheet) if png else encode_jpeg(sheet, quality=90))
    return len(rows)


def _rows(shots: Shots, extractors: list[tuple[str, Extractor]], alpha: float,
          cell: int) -> list[SheetRow]:
    from vpr_ros.evaluation.contact_sheet import SheetRow
    from vpr_ros.evaluation.pictures import fit_within

    rows = []
    before = None
    with progress('painting', shots.count) as line:
        for label, stream, frame in line.passing(shots.read()):
            if stream != before:
                for _, extractor in extractors:
                    extractor.restart()
            before = stream
            image = fit_within(frame.image, cell, cell, enlarge=True)
            rows.append(SheetRow(label, [image, *(
                overlay(extractor, frame, image, alpha=alpha, name=name)
                for name, extractor in extractors)]))
    if not rows:
        raise VprError('there are no images to paint')
    return rows


def _column(name: str, options: str) -> SheetColumn:
    from vpr_ros.evaluation.contact_sheet import SheetColumn
    import yaml

    given = yaml.safe_load(options) if options else {}
    return SheetColumn(name, ', '.join(
        f'{option}: {Path(value).name if isinstance(value, str) else value}'
        for option, value in given.items()))


def overlay(extractor: Extractor, frame: Frame, picture: Array, *, alpha: float,
            name: str = '') -> Array:
    """
    Paint what a network attends to in a frame over a picture of it.

    :param name: what the user calls the network, for the error when it has no attention.
    """
    from vpr_ros.messages.overlay import attention_overlay

    description = extractor.describe(frame)
    if description.attention is None:
        name = name or extractor.identity.name
        raise VprError(f'network {name!r} has no attention to show')
    return attention_overlay(picture, description.attention, alpha=alpha)
