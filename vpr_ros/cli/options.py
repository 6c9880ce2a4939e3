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

"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
import os
from pathlib import Path
from typing import Annotated
from typing import TYPE_CHECKING
from typing import TypeVar

import typer
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.config import Settings
    from vpr_ros.maps.place_map import PlaceMap

__all__ = ['Assignments', 'Bag', 'bag_cameras', 'BaseFrame', 'Camera', 'Cameras', 'Config', 'Data',
           'Domain', 'DryRun', 'FixTopic', 'Images', 'MapFile', 'MapFrame', 'PoseTopic',
           'read_node_parameters', 'read_settings', 'refuse_existing', 'refuse_no_bag',
           'refuse_outputs', 'refuse_unknown_session', 'RosDistro', 'split_networks', 'Topic',
           'Trajectory', 'TraverseName']

# Under which heading the help lists where poses come from.
_POSES = 'Where the robot was'
# A bag of another name is a folder.
_BAG_FILES = ('.mcap', '.db3')

Bag = Annotated[Path | None, typer.Option(
    '--bag', metavar='BAG', help='A rosbag2 (.mcap, .db3 or folder) or rosbag1 (.bag) recording.')]
Images = Annotated[Path | None, typer.Option(
    '--images', metavar='FOLDER',
    help='A folder of images instead of a bag, with poses.csv where poses are known.')]
Data = Annotated[str, typer.Option(
    '--data', metavar='DATA', help='A data set instead of a bag: the word "town", a published '
    'data set by its folder or as NAME:FOLDER, or a folder of traverses. How it is read may '
    'follow, as in "robotcar:FOLDER?camera=mono_left&every_s=1" (see "vpr_ros data show").')]
TraverseName = Annotated[str, typer.Option(
    '--traverse', '-t', help='Which traverse of the data set; may be left out when there is '
    'one.')]
RosDistro = Annotated[str, typer.Option(
    '--ros-distro', metavar='NAME', help='Distribution of the other nodes: "ros2 node list" of '
    'Humble is told of nodes in another way.')]
Topic = Annotated[str, typer.Option(
    '--topic', help='Image topic; may be left out when the bag has one.')]
Camera = Annotated[str, typer.Option('--camera', help='Name of the camera.')]
Cameras = Annotated[list[str], typer.Option(
    '--camera', metavar='NAME[=TOPIC]', help='Name of the camera; of several in a bag, each with '
    'its image topic. The first makes places, the others see them too.', show_default='front')]
DepthTopics = Annotated[list[str], typer.Option(
    '--depth-topic', metavar='[NAME=]TOPIC', help='Images of depth in the bag (16UC1 or 32FC1), '
    'registered to those of the camera; of several cameras each with its name.',
    show_default=False)]
PoseTopic = Annotated[str, typer.Option(
    '--pose-topic', rich_help_panel=_POSES, help='Poses of the robot in the map frame in the bag '
    '(PoseStamped, PoseWithCovarianceStamped or Odometry).')]
MapFrame = Annotated[str, typer.Option(
    '--map-frame', rich_help_panel=_POSES, help='Transforms in the bag (/tf, /tf_static): the '
    'pose of --base-frame in this frame.')]
BaseFrame = Annotated[str, typer.Option(
    '--base-frame', rich_help_panel=_POSES, help='Frame of the robot in the bag, also where '
    'cameras and antennas are mounted.')]
FixTopic = Annotated[str, typer.Option(
    '--fix-topic', rich_help_panel=_POSES, help='Satellite fixes (NavSatFix) in the bag: east, '
    'north, up from the datum of the map, the heading from motion.')]
Trajectory = Annotated[Path | None, typer.Option(
    '--trajectory', metavar='FILE', rich_help_panel=_POSES, help='A file of lines "stamp x y z qx '
    'qy qz qw", as SLAM systems write them.')]
MapFile = Annotated[Path, typer.Argument(metavar='MAP', help='A map file (.vprmap).')]
Domain = Annotated[int | None, typer.Option(
    '--domain', metavar='N', min=0, max=232, help='Number of the ROS domain.',
    show_default='ROS_DOMAIN_ID, or 0')]
DryRun = Annotated[bool, typer.Option(
    '--dry-run', help='Say what would be done, and change nothing.')]
Config = Annotated[Path | None, typer.Option(
    '--config', '-c', metavar='YAML', help='A ROS 2 parameter file.')]
Assignments = Annotated[list[str], typer.Option(
    '--param', '-p', metavar='NAME:=VALUE',
    help='Set one parameter, as in "ros2 run ... -p name:=value"; may be repeated.')]

AnySettings = TypeVar('AnySettings', bound='Settings')


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Say before the work, not after it, that a file would be replaced."""
    if path.exists() and not overwrite:
        raise VprError(f'{path} exists already: give --overwrite to replace it, or choose another '
                       'name')


def refuse_no_bag(path: Path) -> None:
    """Refuse a name that a bag cannot have, and a file that is none in the place of one."""
    if path.suffix == '.bag':
        raise VprError('bags are written as rosbag2 (.mcap, .db3 or a folder), not as rosbag1; '
                       f'name it {path.with_suffix(".mcap")}')
    if path.is_file() and path.suffix not in _BAG_FILES:
        raise VprError(f'{path} is a file and no bag; choose another name, as in '
                       f'{path.with_suffix(".mcap")}')


def refuse_outputs(outputs: Mapping[str, Path | None],
                   inputs: Iterable[tuple[str, Path | str | None]], *, overwrite: bool,
                   folders: Collection[str] = ()) -> None:
    """
    Refuse what a command would write where it cannot, or over what it reads: before the work.

    :param outputs: by the options that name them; None for those that are not asked for.
    :param inputs: what each of them is, such as 'bag', and where it lies.
    :param folders: options that may name a folder.
    """
    named = {option: path for option, path in outputs.items() if path is not None}
    read = [(what, Path(path)) for what, path in inputs if path]
    for at, (option, path) in enumerate(named.items()):
        for what, source in read:
            how = _is_part(path, source, what)
            if how:
                raise VprError(f'{option} {path} {how} the {what} that is read; choose another '
                               'name')
        for other, before in list(named.items())[:at]:
            if _is_same(path, before):
                raise VprError(f'{other} and {option} are both {path}; choose another name for '
                               'one of them')
        if path.is_dir() and option not in folders:
            raise VprError(f'{option} {path} is a folder; name a file, as in '
                           f'{path / "NAME"}')
        refuse_existing(path, overwrite=overwrite)
        _refuse_unwritable(option, path)


def _is_same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there yet
        return os.path.realpath(one) == os.path.realpath(other)


def _is_part(path: Path, source: Path, what: str) -> str:
    """Return how writing ``path`` would touch what is read, empty where it does not."""
    from vpr_ros.datasets.listing import IMAGE_SUFFIXES

    if _is_same(path, source):
        return 'is'
    written, read = Path(os.path.realpath(path)), Path(os.path.realpath(source))
    # New files beside images that are read are in nobody's way.
    replaced = what == 'bag' or path.is_file() and path.suffix.lower() in IMAGE_SUFFIXES
    if read in written.parents and replaced:
        return 'lies in'
    # A bag is replaced as a whole, with all that lies in its folder.
    return 'holds' if written in read.parents and (path / 'metadata.yaml').exists() else ''


def _refuse_unwritable(option: str, path: Path) -> None:
    """Refuse a place where no folder can be made, or nothing be written."""
    there = next(parent for parent in path.absolute().parents if os.path.lexists(parent))
    if not there.is_dir():
        raise VprError(f'{option} {path}: {there} is no folder, so nothing can lie in it')
    if not os.access(there, os.W_OK | os.X_OK):
        raise VprError(f'{option} {path}: nothing can be written in {there}; choose another '
                       'folder, or ask for the right to write there')


def refuse_unknown_session(name: str, place_map: PlaceMap) -> None:
    """Refuse the name of a traverse that a map lacks; '' names none."""
    known = [session.name for session in place_map.sessions()]
    if name and name not in known:
        raise unknown_name('session', name, known)


def read_settings(model: type[AnySettings], node: str, config: Path | None,
                  assignments: list[str], **flags: object) -> AnySettings:
    """
    Make settings: the file first, then ``-p``, then flags; each wins over the one before.

    What every node of ROS has besides may stand in the file, and is left to ROS.

    :param flags: dotted names with dots written as two underscores; None and '' are not set.
    """
    return read_node_parameters(model, node, config, assignments, **flags)[0]


def read_node_parameters(model: type[AnySettings], node: str, config: Path | None,
                         assignments: list[str], **flags: object,
                         ) -> tuple[AnySettings, dict[str, object]]:
    """Make settings as :func:`read_settings` does; return what a node of ROS has besides, too."""
    from vpr_ros.config import is_of_every_node
    from vpr_ros.config import make_settings
    from vpr_ros.config import parameters
    from vpr_ros.config import parse_assignments
    from vpr_ros.config import read_parameter_file

    values: dict[str, object] = read_parameter_file(config, node) if config else {}
    given = parse_assignments(model, assignments)
    _refuse_options_of_data(model, given)
    values.update(given)
    values.update({name.replace('__', '.'): value for name, value in flags.items()
                   if value not in (None, '')})
    own = {row.name for row in parameters(model)}
    besides = {name: value for name, value in values.items()
               if name not in own and is_of_every_node(name)}
    return make_settings(model, {name: value for name, value in values.items()
                                 if name not in besides}), besides


def _refuse_options_of_data(model: type[Settings], given: Mapping[str, object]) -> None:
    """Refuse what is an option of data sets and no parameter, and say where it belongs."""
    from vpr_ros.config import parameters

    unknown = set(given) - {row.name for row in parameters(model)}
    if not unknown:
        return
    from vpr_ros.datasets.registry import KNOWN

    options = {row.name for known in KNOWN for row in parameters(known.settings_type)}
    for name in (name for name in given if name in unknown & options):
        raise VprError(f'{name} is an option of data sets, not of this command: --data '
                       f'"NAME:FOLDER?{name}={given[name]}"')


def bag_cameras(flags: list[str], parameter: list[str], *, bag: Path | None,
                topic: str) -> list[str]:
    """
    Return the cameras to read: of the command line, or else of the parameter file for a bag.

    :param flags: of ``--camera``.
    :param parameter: ``cameras`` of the settings; folders and data sets have no topics.
    :param topic: of ``--topic``, which says that there is one camera.
    """
    from vpr_ros.live.camera_topics import named_cameras

    if flags or topic or bag is None:
        return flags
    return [f'{name}={image}' for name, image in named_cameras(parameter).items()]


def split_networks(text: str) -> list[tuple[str, str]]:
    """
    Return the name and the options of each network in a list.

    :param text: as ``compact,gem{trunk: resnet50, weights: imagenet}``: names separated by commas,
        each with a YAML mapping in braces behind it where it has options.
    :returns: options as text with the braces; empty where there are none.
    """
    found = []
    for part in _outside_braces(text):
        name, brace, options = part.partition('{')
        if not name.strip() or (brace and not options.endswith('}')):
            raise VprError('expected networks as name,name{option: value, option: value}, got '
                           f'{part!r} in {text!r}')
        found.append((name.strip(), brace + options))
    return found


def _outside_braces(text: str) -> list[str]:
    """Split at the commas that are neither in braces nor in quotes."""
    parts, depth, quote = [''], 0, ''
    for letter in text:
        if quote:
            quote = '' if letter == quote else quote
        elif letter in '\'"' and depth:
            quote = letter
        elif letter in '{}':
            depth += 1 if letter == '{' else -1
        elif letter == ',' and not depth:
            parts.append('')
            continue
        parts[-1] += letter
        if depth < 0:
            break
    if depth or quote:
        raise VprError(f'braces or quotes do not close in the networks {text!r}')
    return [part.strip() for part in parts]
