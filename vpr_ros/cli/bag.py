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

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
import errno
from pathlib import Path
import re
import sqlite3
from typing import Annotated
from typing import Any
from typing import TYPE_CHECKING

import typer
from vpr_ros.cli.bag_play import play
from vpr_ros.cli.bag_play import PlayCommand
from vpr_ros.cli.console import plural
from vpr_ros.cli.console import progress
from vpr_ros.cli.console import remark
from vpr_ros.cli.console import say
from vpr_ros.cli.console import table
from vpr_ros.cli.options import Assignments
from vpr_ros.cli.options import refuse_no_bag
from vpr_ros.cli.options import refuse_outputs
from vpr_ros.cli.sources import choose_traverse
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.bags.resume import MadeBag
    from vpr_ros.cli.console import ProgressLine
    from vpr_ros.datasets.dataset import Dataset
    from vpr_ros.datasets.town.town import Town
    from vpr_ros.datasets.traverse import Traverse

__all__ = ['app']

# Under which heading the help lists what only the town can do.
_TOWN = 'A drive through the generated town'
# A full disk, a used up share of it, and more than a file may have.
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

app = typer.Typer(no_args_is_help=True, help='Make bags of data sets, look into them, play them.')


@app.command()
def make(
    data: Annotated[str, typer.Argument(
        metavar='DATA', help='The word "town" for the generated town; the name of a published '
        'data set; a folder of traverses, or of images.')],
    out: Annotated[Path, typer.Option(
        '--out', '-o', metavar='BAG', help='The bag to write: a .mcap or .db3 file, or a rosbag2 '
        'folder.')],
    folder: Annotated[Path | None, typer.Argument(
        metavar='FOLDER', help='Where the published data set lies.', show_default=False)] = None,
    traverse: Annotated[str, typer.Option(
        '--traverse', '-t', help='Which traverse; may be left out when there is one.')] = '',
    param: Assignments = [],  # noqa: B006
    camera: Annotated[list[str], typer.Option(
        '--camera', metavar='NAME', help='Of a data set whose vehicle had several: which camera; '
        'may be repeated, all go into one bag.', show_default=False)] = [],  # noqa: B006
    topic: Annotated[str, typer.Option(
        '--topic', help='Image topic; of several cameras with {camera} in it.',
        show_default='/camera/image_raw, or /{camera}/image_raw')] = '',
    jpeg: Annotated[bool, typer.Option(
        '--jpeg/--raw', help='Write JPEG images on TOPIC/compressed, or raw ones.')] = True,
    quality: Annotated[int | None, typer.Option(
        '--quality', min=1, max=100, help='Of the JPEG images; when left out, images that are '
        'JPEG files are written as they are.', show_default='90')] = None,
    overwrite: Annotated[bool, typer.Option(
        '--overwrite', help='Replace a bag that exists.')] = False,
    restart: Annotated[bool, typer.Option(
        '--restart', help='Throw away what an interrupted command left, and start anew.')] = False,
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

    Images that cannot be read are left out and counted. Interrupted, even by a loss of power, the
    same command goes on where it stopped.

    Example: `vpr_ros bag make gardens_point FOLDER --traverse day_left -o day_left.mcap`

    Example: `vpr_ros bag make robotcar FOLDER -t 2014-12-09-13-21-02 --camera mono_left --camera
    mono_right -p every_s:=0.5 -o traverse.mcap`

    Example: `vpr_ros bag make town --route loop --condition night --seed 3 -o night.mcap`
    """
    from vpr_ros.bags.part import remove_finished
    from vpr_ros.bags.resume import make_bag
    from vpr_ros.datasets.registry import open_dataset
    from vpr_ros.datasets.town.town import Town

    if quality is not None and not jpeg:
        raise VprError('--quality is of JPEG images: leave it out, or --raw')
    drive = {'route': route, 'condition': condition, 'seed': seed, 'years': years,
             'reverse': reverse, 'lane_offset_m': lane_offset, 'camera_yaw_deg': camera_yaw,
             'rate_hz': rate, 'depth': depth}
    drive = {name: value for name, value in drive.items() if value is not None}
    remove_finished(out)
    refuse_no_bag(out)
    refuse_outputs({'--out': out}, [('data set', folder or _folder_in(data))],
                   overwrite=overwrite, folders=['--out'])
    datasets = _of_cameras(data, folder, param, camera) if camera else [
        open_dataset(data, folder, options=param)]
    if isinstance(datasets[0], Town):
        chosen = [_drive(datasets[0], traverse, drive)]
    elif drive:
        option = re.sub('_(m|deg|hz)$', '', next(iter(drive))).replace('_', '-')
        raise VprError(f'{data} was recorded and cannot be driven again: --{option} belongs to '
                       'the generated town ("vpr_ros bag make town")')
    else:
        chosen = _told_apart([choose_traverse(each, traverse, data) for each in datasets], camera)
    for note in dict.fromkeys(note for one in chosen for note in one.notes):
        remark(f'{chosen[0].name}: {note}')
    source = {'data set': datasets[0].name, 'folder': str(datasets[0].root.resolve()),
              'traverse': chosen[0].name, **drive,
              'options': list(filter(None, (data.partition('?')[2], *param)))}
    total = sum(map(len, chosen))
    with progress('writing the bag', total) as line:
        listener = _Line(line, total)
        with _saying_what_is_kept(out, listener):
            made = make_bag(
                out, chosen, source=source, image_topic=topic,
                encoding='jpeg' if jpeg else 'raw', jpeg_quality=quality, overwrite=overwrite,
                restart=restart, listener=listener)
    _tell(made, chosen)


def _folder_in(data: str) -> str:
    """Return the folder in ``[name:]folder[?options]``; of the town there is none."""
    text = data.partition('?')[0]
    return '' if text == 'town' else text if Path(text).exists() else text.partition(':')[2]


def _of_cameras(data: str, folder: Path | None, param: list[str],
                cameras: list[str]) -> list[Dataset]:
    """Open a data set for each of these cameras of the vehicle."""
    from vpr_ros.datasets.registry import open_dataset

    if len(set(cameras)) < len(cameras):
        raise VprError(f'a camera is named twice: --camera {" --camera ".join(cameras)}')
    if re.search('[?&]camera=', data) or any(text.startswith('camera:=') for text in param):
        raise VprError('cameras come by --camera or by -p camera:=NAME, not by both')
    _refuse_one_eye(data, folder, param)
    return [open_dataset(data, folder, options=[*param, f'camera:={name}']) for name in cameras]


def _told_apart(traverses: list[Traverse], cameras: list[str]) -> list[Traverse]:
    """Return the traverses with cameras of different names, as the user calls them."""
    if len({one.camera for one in traverses}) == len(traverses):
        return traverses
    # Names in topics and of frames begin with a letter.
    names = [re.sub('^(?=[^A-Za-z])', 'camera_', re.sub('[^A-Za-z0-9_]+', '_', name))
             for name in cameras]
    return [replace(one, camera=name) for one, name in zip(traverses, names, strict=True)]


def _refuse_one_eye(data: str, folder: Path | None, param: list[str]) -> None:
    """Refuse a data set of which no camera can be chosen."""
    from vpr_ros.datasets.dataset import PublishedDataset
    from vpr_ros.datasets.registry import open_dataset

    try:
        dataset = open_dataset(data, folder, options=param)
    except VprError:
        return  # may lack what the usual camera saw: what is asked for is opened next
    if not isinstance(dataset, PublishedDataset) or (
            'camera' not in type(dataset).settings_type.model_fields):
        raise VprError(f'{data} has one camera, or one folder for each: leave out --camera')


@contextmanager
def _saying_what_is_kept(out: Path, listener: _Line) -> Iterator[None]:
    """Say after an interruption that the work is not lost."""
    from vpr_ros.bags.part import part_folder

    try:
        yield
    except BaseException as error:
        # What is there after a refusal is not of this command.
        if listener.begun and part_folder(out).exists():
            remark(f'what was written is kept in {part_folder(out)}: the same command goes on '
                   'from there')
        if isinstance(error, (OSError, sqlite3.Error)):
            number = getattr(error, 'errno', errno.ENOSPC)
            hint = '; is there room on the disk?' if number in _NO_ROOM else ''
            raise VprError(f'cannot write {out}: {error}{hint}') from error
        raise


def _tell(made: MadeBag, chosen: list[Traverse]) -> None:
    """Say what was written, what was not, and how to use it."""
    from rich.markup import escape
    from vpr_ros.bags.info import describe_bag

    bag = describe_bag(made.path)
    if made.resumed_frames:
        say(f'Went on after {made.resumed_frames} frames of an interrupted command.')
    say(f'[bold]{made.images}[/] {plural(made.images, "image")} in {escape(str(made.path))} '
        f'({bag.size_bytes / 1e6:.1f} MB, {bag.duration_s:.1f} s)')
    table([(topic.name, f'{topic.count} x {topic.type_name}') for topic in bag.topics])
    for skipped in made.first_skipped:
        remark(f'the {skipped.what} {skipped.label} is left out: {skipped.reason}')
    if made.skipped > len(made.first_skipped):
        remark(f'and {made.skipped - len(made.first_skipped)} more')
    if made.skipped:
        say(f'[bold]{made.skipped}[/] could not be read and are left out.')
    if any(one.stamps_synthetic for one in chosen):
        say('The images carry no time: their stamps were made up, evenly spaced.')
    datum = chosen[0].datum
    if datum is not None and '/ground_truth/pose' in made.messages:
        say(f'Poses lie east, north and up of {escape(str(datum))}, as the bag says, too.')


class _Line:
    """Shows on a line how the making of a bag goes."""

    def __init__(self, line: ProgressLine, total: int) -> None:
        self._line, self._total = line, total
        self.begun = False

    def begin(self, done: int) -> None:
        """Show what was done before."""
        self.begun = True
        self._line.reach(done, self._total)

    def frame(self) -> None:
        """Advance."""
        self._line.advance()

    def join(self) -> None:
        """Say why it takes a while yet."""
        self._line.note('putting it together')


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


app.command('play', cls=PlayCommand)(play)
