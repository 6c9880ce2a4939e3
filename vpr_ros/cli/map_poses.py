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

"""Command: vpr_ros map poses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from typing import TYPE_CHECKING

import typer
from vpr_ros.cli.console import say
from vpr_ros.cli.options import DryRun
from vpr_ros.cli.options import MapFile
from vpr_ros.cli.options import refuse_unknown_session
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.maps.place_map import PlaceMap
    from vpr_ros.maps.pose_update import PoseUpdate
    from vpr_ros.types import Pose

__all__ = ['poses']


def poses(
    path: MapFile,
    session: Annotated[str, typer.Option(
        '--session', help='The traverse whose places move; may be left out when the map has one, '
        'and with --by-id.')] = '',
    trajectory: Annotated[Path | None, typer.Option(
        '--trajectory', metavar='FILE', help='Lines "stamp x y z qx qy qz qw" with the stamps of '
        'the images in seconds; poses of the base in the map.')] = None,
    by_id: Annotated[Path | None, typer.Option(
        '--by-id', metavar='CSV', help='A table with a first line "id,x,y,z,qx,qy,qz,qw" and a '
        'line for each place.')] = None,
    gap: Annotated[float, typer.Option(
        '--gap', min=0.0, metavar='SECONDS', help='Poses of the trajectory that are further apart '
        'are not interpolated between.')] = 2.0,
    forget: Annotated[bool, typer.Option(
        '--forget', help='Forget the poses of places that get none; they are kept '
        'otherwise.')] = False,
    dry_run: DryRun = False,
) -> None:
    """
    Give places new poses, as after SLAM has optimised its trajectory.

    Example: `vpr_ros map poses town.vprmap --session monday --trajectory optimised.txt`
    """
    from rich.markup import escape
    from vpr_ros.maps.place_map import PlaceMap

    if (trajectory is None) == (by_id is None):
        raise VprError('name one source of poses: --trajectory FILE, or --by-id CSV')
    with PlaceMap.open(path, writeable=not dry_run) as place_map:
        update = _by_stamp(place_map, session, trajectory, gap, forget) if trajectory else _by_id(
            place_map, session, by_id or Path(), forget)
        if not dry_run:
            place_map.update_poses(update.poses)
    say(f'[bold]{update.posed}[/] places {"would get" if dry_run else "got"} a pose, '
        f'{update.kept} keep theirs, {update.forgotten} '
        f'{"would lose" if dry_run else "lost"} theirs, in {escape(str(path))}')
    if len(update.moved_m):
        ordered = sorted(update.moved_m.tolist())
        say(f'{len(ordered)} had one: moved by {ordered[len(ordered) // 2]:.2f} m (median), '
            f'{ordered[-1]:.2f} m at most')


def _by_stamp(place_map: PlaceMap, session: str, path: Path, gap_s: float,
              forget: bool) -> PoseUpdate:
    from vpr_ros.bags.poses import TrajectoryPoses
    from vpr_ros.maps.pose_update import update_by_stamp

    names = [known.name for known in place_map.sessions()]
    if not session and len(names) != 1:
        raise VprError('name the traverse that the trajectory is of: --session '
                       f'({", ".join(names) or "the map has none"})')
    track = TrajectoryPoses(path, round(gap_s * 1e9)).open()
    refuse_unknown_session(session, place_map)
    return update_by_stamp(place_map.places(session), track, forget=forget)


def _by_id(place_map: PlaceMap, session: str, path: Path, forget: bool) -> PoseUpdate:
    from vpr_ros.datasets.pose_table import read_pose_table
    from vpr_ros.maps.pose_update import update_by_id

    found: dict[int, Pose] = {}
    for row in read_pose_table(path):
        if row.place_id is None or row.pose is None:
            raise VprError(f'{path}: expected the columns id, x, y, z, qx, qy, qz, qw')
        if row.place_id in found:
            raise VprError(f'{path} line {row.line}: place {row.place_id} is there twice')
        found[row.place_id] = row.pose
    refuse_unknown_session(session, place_map)
    return update_by_id(place_map.places(session), found, forget=forget)
