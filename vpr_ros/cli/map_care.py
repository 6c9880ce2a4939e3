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

"""Commands that care for maps: vpr_ros map check, merge, prune, export, import, remove."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated
from typing import TYPE_CHECKING

import typer
from vpr_ros.cli.console import progress
from vpr_ros.cli.console import say
from vpr_ros.cli.map import app
from vpr_ros.cli.options import DryRun
from vpr_ros.cli.options import MapFile
from vpr_ros.cli.options import refuse_unknown_session
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from vpr_ros.maps.merge import MergePlan
    from vpr_ros.maps.place_map import PlaceMap
    from vpr_ros.maps.prune import PruneRule
    from vpr_ros.maps.snapshot import Snapshot
    from vpr_ros.types import Pose

__all__ = ['check', 'export', 'import_', 'merge', 'prune', 'remove']

# What was lost can be as much as a map holds.
_MOST_TOLD = 50


@app.command()
def merge(
    maps: Annotated[list[Path], typer.Argument(metavar='MAP...', help='The maps to merge.')],
    out: Annotated[Path | None, typer.Option(
        '--out', '-o', metavar='MAP',
        help='A new map of all of them; the first one gives the frame.')] = None,
    into: Annotated[Path | None, typer.Option(
        '--into', metavar='MAP', help='A map that the others are added to, in place.')] = None,
    same_frame: Annotated[bool, typer.Option(
        '--same-frame', help='Poses of all maps are in one frame.')] = False,
    transform: Annotated[str, typer.Option(
        '--transform', metavar='X,Y,Z,YAW_DEG',
        help='Where the frame of the other map is in that of the first (metres, degrees).')] = '',
    dry_run: DryRun = False,
) -> None:
    """
    Make one map of several: of several robots, or of copies of which one went on.

    Sessions and places stay what they are, so the same may be merged again. Poses are moved from
    one map to the other where both know where on earth they are.

    Example: `vpr_ros map merge monday.vprmap tuesday.vprmap -o town.vprmap`
    """
    from vpr_ros.maps.place_map import PlaceMap
    from vpr_ros.maps.unfinished import refuse
    from vpr_ros.maps.unfinished import unfinished

    if (out is None) == (into is None):
        raise VprError('give either --out with a new map, or --into with the one to add to')
    first, *others = maps if into is None else [into, *maps]
    if not others:
        raise VprError(f'{first} alone is nothing to merge: name more maps')
    T_target_source = _told_frame(others, transform, same_frame=same_frame)
    if out is not None:
        refuse(out)
    if dry_run:
        with PlaceMap.open(first) as target:
            _merge_all(target, first, target.id, others, T_target_source, dry_run=True)
    elif out is None:
        with PlaceMap.open(first, writeable=True) as target:
            _merge_all(target, first, target.id, others, T_target_source)
    else:
        with unfinished(out) as path:
            map_id = _copy(first, path)
            with PlaceMap.open(path, writeable=True) as target:
                _merge_all(target, first, map_id, others, T_target_source)


def _told_frame(others: list[Path], transform: str, *, same_frame: bool) -> Pose | None:
    """Return T_target_source, where the user knows it."""
    from math import radians

    import numpy as np
    from vpr_ros.types import Pose

    if not transform:
        return Pose.identity() if same_frame else None
    if same_frame or len(others) > 1:
        raise VprError('--transform is of one map in another: give it without --same-frame, and '
                       'merge one map at a time')
    try:
        x, y, z, yaw = map(float, transform.split(','))
        return Pose(np.array([x, y, z]), Pose.from_xy_yaw(0.0, 0.0, radians(yaw)).quaternion)
    except ValueError as error:
        raise VprError('--transform takes four numbers, x,y,z in metres and yaw in degrees, got '
                       f'{transform!r}') from error


def _copy(path: Path, out: Path) -> str:
    """Copy a map with a progress line, and return the id of the one that was copied."""
    from vpr_ros.maps.place_map import PlaceMap

    with PlaceMap.open(path) as source, progress(f'copying {path.name}', None) as line:
        source.copy(out, told=lambda left, total: line.reach(total - left, total))
        return source.id


def _merge_all(target: PlaceMap, first: Path, map_id: str, others: list[Path],
               T_target_source: Pose | None, *, dry_run: bool = False) -> None:
    """
    Merge maps into one, or say what that would do; all or nothing.

    :param first: the map that gives the frame, as the user knows it: the target may be a copy.
    """
    from contextlib import nullcontext

    from vpr_ros.maps.merge import carry_out
    from vpr_ros.maps.merge import Outline
    from vpr_ros.maps.merge import plan_merge
    from vpr_ros.maps.place_map import PlaceMap

    plans = []
    with nullcontext() if dry_run else target.transaction():
        outline = replace(Outline.of(target), title=str(first), map_id=map_id)
        count = len(target)
        for path in others:
            with PlaceMap.open(path) as source, source.one_state():
                plan = plan_merge(outline, source, T_target_source=T_target_source)
                if not dry_run:
                    with progress(f'merging {path.name}', plan.places) as line:
                        carry_out(plan, target, source, advance=line.advance)
                outline = outline.after(plan, source)
            plans.append(plan)
            count += plan.places
    for path, plan in zip(others, plans, strict=True):
        _tell_merge(path, plan)
    say(f'[bold]{count}[/] places{" would be" if dry_run else ""} in all')


def _tell_merge(path: Path, plan: MergePlan) -> None:
    import numpy as np
    from rich.markup import escape

    T = plan.T_target_source
    moved = '' if T is None or not plan.places or not (T.matrix() != np.eye(4)).any() else (
        f', moved by {T.position[0]:.2f}, {T.position[1]:.2f}, {T.position[2]:.2f} m and turned '
        'into the other frame')
    say(f'{escape(str(path))}: [bold]{plan.places}[/] new places{moved}')
    if plan.drops_features:
        say('  without their local features, which cannot be compared with those of kind '
            f'{escape(plan.local_kind)}')
    for session in plan.sessions:
        facts = [f'{len(session.coming)} new']
        if session.known:
            facts.append(f'{session.known} there already')
        if session.removed:
            facts.append(f'{session.removed} were removed there and stay so')
        name = session.name
        if session.target_name != name:
            name += f' as {session.target_name}'
        say(f'  session {escape(name)}: {", ".join(facts)}')


@app.command()
def check(
    path: MapFile,
    out: Annotated[Path | None, typer.Option(
        '--salvage', metavar='MAP',
        help='Where something is wrong, copy every place that can be read to a new map.')] = None,
) -> None:
    """
    Look for all that is wrong with a map; the exit code is 1 where something is.

    Example: `vpr_ros map check town.vprmap --salvage saved.vprmap`
    """
    from rich.markup import escape
    from vpr_ros.maps.check import check as problems_of
    from vpr_ros.maps.unfinished import refuse

    if not path.is_file():
        raise VprError(f'no map at {path}')
    if out is not None:
        refuse(out)
    count = 0
    with progress(f'checking {path.name}', None) as line:
        for problem in problems_of(path, told=line.reach):
            count += 1
            say(escape(str(problem)))
    if not count:
        say(f'nothing is wrong with {escape(str(path))}')
        return
    say(f'[bold red]{count}[/] {"problem" if count == 1 else "problems"} in '
        f'{escape(str(path))}')
    if out is not None:
        _salvage(path, out)
    raise typer.Exit(1)


def _salvage(path: Path, out: Path) -> None:
    from rich.markup import escape
    from vpr_ros.maps.salvage import salvage
    from vpr_ros.maps.unfinished import unfinished

    with unfinished(out) as new:
        with progress(f'salvaging {path.name}', None) as line:
            result = salvage(path, new, told=line.reach)
        for problem in result.lost[:_MOST_TOLD]:
            say(f'lost: {escape(str(problem))}')
        if len(result.lost) > _MOST_TOLD:
            say(f'... and {len(result.lost) - _MOST_TOLD} more')
    say(f'[bold]{result.kept}[/] places saved in {escape(str(out))}; to bring back what is lost, '
        'merge this map into an older copy of the damaged one')


@app.command()
def prune(
    path: MapFile,
    similarity: Annotated[float, typer.Option(
        '--similarity', help='A place may go when one near it that stays is at least so similar '
        '(cosine).')] = 0.9,
    keep: Annotated[int, typer.Option(
        '--keep', metavar='PLACES', help='Keep at most so many: chooses the similarity.')] = 0,
    keep_share: Annotated[float, typer.Option(
        '--keep-share', help='Keep at most this share of places: chooses the similarity.')] = 0.0,
    same_place_m: Annotated[float, typer.Option(
        '--same-place-m', help='How far a place that stays may be from one that goes.')] = 5.0,
    same_place_frames: Annotated[int, typer.Option(
        '--same-place-frames', help='The same on a traverse without poses.')] = 2,
    max_gap_m: Annotated[float, typer.Option(
        '--max-gap-m', help='Largest gap on a traverse, as the robot drove.')] = 10.0,
    max_gap_frames: Annotated[int, typer.Option(
        '--max-gap-frames', help='The same on a traverse without poses.')] = 5,
    queries: Annotated[Path | None, typer.Option(
        '--queries', metavar='MAP', help='Another traverse, in a map of its own with poses in the '
        'same frame, to measure recall with as well.')] = None,
    dry_run: DryRun = False,
) -> None:
    """
    Thin out places that look like others near them, and say what that costs.

    Example: `vpr_ros map prune town.vprmap --keep-share 0.5 --dry-run`
    """
    from vpr_ros.maps.place_map import PlaceMap
    from vpr_ros.maps.prune import PruneRule

    rule = PruneRule(similarity, same_place_m, same_place_frames, max_gap_m, max_gap_frames)
    if keep < 0 or not 0.0 <= keep_share <= 1.0 or (keep and keep_share):
        raise VprError('give --keep with a number of places or --keep-share with a share in 0..1, '
                       f'not both; got --keep {keep} --keep-share {keep_share:g}')
    if queries is not None:  # a wrong name is told before the work, not after it
        PlaceMap.open(queries).close()
    with PlaceMap.open(path, writeable=not dry_run) as place_map:
        snapshot = place_map.snapshot()
        number = keep or (max(1, int(len(snapshot) * keep_share)) if keep_share else 0)
        kept = _choose_kept(snapshot, rule, number)
        _tell_recall(place_map, snapshot, kept, rule, queries)
        removed = snapshot.place_ids[~kept].tolist()
        size = path.stat().st_size
        if dry_run or not removed:
            say(f'[bold]{len(snapshot)}[/] places, {len(removed)} can go: {int(kept.sum())} stay, '
                f'about {size * kept.mean() / 1e6:.1f} of {size / 1e6:.1f} MB'
                if len(snapshot) else 'the map has no places')
            return
        place_map.remove(removed)
        note = ''
        try:
            place_map.compact()
        except VprError as error:
            note = f'; all is well with the map, but {error}'
    say(f'[bold]{len(snapshot)}[/] places were {int(kept.sum())} after {len(removed)} went, '
        f'{size / 1e6:.1f} MB are {path.stat().st_size / 1e6:.1f} MB{note}')


def _choose_kept(snapshot: Snapshot, rule: PruneRule, number: int) -> NDArray[np.bool_]:
    from vpr_ros.maps.prune import choose
    from vpr_ros.maps.prune import choose_number

    total = len(snapshot)
    with progress('comparing places', total) as line:
        def told(done: int) -> None:
            if done % 100 == 0 or done == total:
                line.reach(done, total)

        if not number:
            return choose(snapshot, rule, told)
        kept, similarity = choose_number(snapshot, rule, number, told)
    say(f'places that go are at least [bold]{similarity:.3f}[/] similar to one that stays')
    return kept


def _tell_recall(place_map: PlaceMap, snapshot: Snapshot, kept: NDArray[np.bool_],
                 rule: PruneRule, queries: Path | None) -> None:
    """Print R@1 before and after."""
    import numpy as np
    from rich.markup import escape
    from vpr_ros.maps.nearness import Nearness
    from vpr_ros.maps.place_map import PlaceMap
    from vpr_ros.maps.place_recall import queries_of_map
    from vpr_ros.maps.place_recall import queries_of_places
    from vpr_ros.maps.place_recall import recall

    where = f'{rule.same_place_m:g} m or {rule.same_place_frames} frames'
    near = Nearness(snapshot, radius_m=rule.same_place_m, frames=rule.same_place_frames)
    asked = {'places that go': queries_of_places(snapshot, np.flatnonzero(~kept), near)}
    if queries is not None:
        with PlaceMap.open(queries) as other:
            asked[str(queries)] = queries_of_map(snapshot, place_map, other, near)
    for name, some in asked.items():
        if not len(some):
            say(f'recall of {escape(name)}: nothing to ask for')
            continue
        say(f'R@1 within {where}, asked with {len(some)} views of {escape(name)}: '
            f'[bold]{recall(snapshot, some):.3f}[/] before, '
            f'[bold]{recall(snapshot, some, kept):.3f}[/] after')


@app.command()
def export(
    path: MapFile,
    out: Annotated[Path, typer.Option('--out', '-o', metavar='FOLDER', help='A new folder.')],
    kind: Annotated[str, typer.Option(
        '--format', help='folder: thumbnails and poses.csv, as "vpr_ros map build --images" reads '
        'them; numpy: descriptors.npy and places.csv; hloc: HDF5.')] = 'folder',
) -> None:
    """
    Write a map as what other tools read.

    Example: `vpr_ros map export town.vprmap --format numpy -o town`
    """
    from rich.markup import escape
    from vpr_ros.errors import unknown_name
    from vpr_ros.maps.exchange.arrays import export_arrays
    from vpr_ros.maps.exchange.folder import export_folder
    from vpr_ros.maps.exchange.hloc import export_hloc
    from vpr_ros.maps.place_map import PlaceMap

    writers = {'numpy': export_arrays, 'hloc': export_hloc}
    if kind not in ('folder', *writers):
        raise unknown_name('format', kind, ('folder', *writers))
    with PlaceMap.open(path) as place_map:
        count = len(place_map) * (len(place_map.cameras()) if kind == 'folder' else 1)
        with progress(f'exporting {path.name}', count) as line:
            if kind != 'folder':
                views = writers[kind](place_map, out, advance=line.advance)
            else:
                folders = export_folder(place_map, out, advance=line.advance)
    if kind != 'folder':
        say(f'[bold]{views}[/] views in {escape(str(out))}')
        return
    for folder in folders:
        left_out = f', {folder.left_out} places have no picture, no pose or the stamp of another' \
            if folder.left_out else ''
        say(f'[bold]{folder.images}[/] images in {escape(str(folder.path))}{left_out}')


@app.command('import')
def import_(
    source: Annotated[Path, typer.Argument(
        metavar='SOURCE', help='A folder as "vpr_ros map export" writes it, a folder with '
        'descriptors.npy and places.csv, or an HDF5 file of global descriptors.')],
    out: Annotated[Path, typer.Option('--out', '-o', metavar='MAP', help='The map to make.')],
    kind: Annotated[str, typer.Option('--format', help='numpy or hloc.')] = 'numpy',
    network_name: Annotated[str, typer.Option(
        '--network-name', help='Which network made the descriptors, where there is no map.json.'
    )] = '',
) -> None:
    """
    Make a map of descriptors that were made elsewhere.

    Example: `vpr_ros map import feats.h5 --format hloc --network-name netvlad -o town.vprmap`
    """
    from rich.markup import escape
    from vpr_ros.errors import unknown_name
    from vpr_ros.maps.exchange.arrays import import_arrays
    from vpr_ros.maps.exchange.hloc import import_hloc
    from vpr_ros.maps.place_map import PlaceMap
    from vpr_ros.maps.unfinished import unfinished

    readers = {'numpy': import_arrays, 'hloc': import_hloc}
    if kind not in readers:
        raise unknown_name('format', kind, readers)
    if not source.exists():
        raise VprError(f'there is no {source}')
    with unfinished(out) as path:
        with progress(f'importing {source.name}', None) as line:
            card = readers[kind](source, path, network_name=network_name, advance=line.advance)
        with PlaceMap.open(path) as place_map:
            count = len(place_map)
    say(f'[bold]{count}[/] places in {escape(str(out))}')
    if network_name:
        say(f'no network of vpr_ros made descriptors like these ({escape(card.network.name)}, '
            f'{card.network.dimension} dimensions): nothing can be localized in this map but '
            'queries of your own')


@app.command()
def remove(
    path: MapFile,
    session: Annotated[str, typer.Option('--session', help='Remove a traverse, whole.')] = '',
    places: Annotated[str, typer.Option(
        '--places', metavar='ID,...', help='Remove these places.')] = '',
    dry_run: DryRun = False,
) -> None:
    """
    Remove a traverse, or places, from a map; their ids do not come again.

    Example: `vpr_ros map remove town.vprmap --session monday`
    """
    from vpr_ros.maps.place_map import PlaceMap

    if bool(session) == bool(places):
        raise VprError('give either --session with its name, or --places with ids')
    with PlaceMap.open(path, writeable=not dry_run) as place_map:
        refuse_unknown_session(session, place_map)
        ids = place_map.place_ids(session) if session else _ids(places)
        if dry_run:
            for place_id in () if session else ids:
                place_map.place(place_id)  # an id that is not there is told
        elif session:
            place_map.remove_session(session)
        else:
            place_map.remove(ids)
        left = len(place_map) - (len(ids) if dry_run else 0)
    say(f'[bold]{len(ids)}[/] places {"would go" if dry_run else "went"}, {left} stay')


def _ids(text: str) -> list[int]:
    try:
        return list(dict.fromkeys(int(part) for part in text.split(',')))
    except ValueError as error:
        raise VprError(f'--places takes ids as 1,2,3, got {text[:200]!r}') from error
