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

"""
One map of several: sessions of other robots and days join, those that went on elsewhere catch up.

Sessions keep their prefix and places their ids in whatever map they are, so the same may be merged
again and again. Places are only ever added: what either map removed or changed of the places that
both have is left to the target.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import replace

from vpr_ros.errors import VprError
from vpr_ros.maps.datum import Datum
from vpr_ros.maps.frames import between_datums
from vpr_ros.maps.frames import moved
from vpr_ros.maps.ids import split_id
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.place_map import SessionInfo
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.types import Place
from vpr_ros.types import Pose

__all__ = ['carry_out', 'merge', 'MergePlan', 'Outline', 'plan_merge', 'SessionPlan']


@dataclass(frozen=True)
class SessionPlan:
    """
    What becomes of a session of the source.

    :param name: in the source.
    :param target_name: in the target.
    :param continued: whether the target has it already.
    :param coming: ids and stamps of the places that the target lacks, in driving order.
    :param known: how many places the target has already.
    :param removed: how many it had once, and does without.
    """

    info: SessionInfo
    target_name: str
    continued: bool
    coming: dict[int, int]
    known: int
    removed: int

    @property
    def name(self) -> str:
        """Return its name in the source."""
        return self.info.name


@dataclass(frozen=True)
class MergePlan:
    """
    What merging a source would do.

    :param T_target_source: where the frame of the source is in that of the target, None where
        poses come as they are.
    :param takes_frame: whether the target, which knows no pose yet, gets the source's frame.
    :param local_kind: of the local features that the target has then.
    :param drops_features: whether places come without their local features, which are of another
        kind and could not be compared.
    """

    sessions: tuple[SessionPlan, ...]
    T_target_source: Pose | None
    takes_frame: bool
    local_kind: str
    drops_features: bool

    @property
    def places(self) -> int:
        """Return how many places come."""
        return sum(len(session.coming) for session in self.sessions)


@dataclass(frozen=True)
class _Held:
    name: str
    created_ns: int
    made: int
    stamps: dict[int, int]


@dataclass(frozen=True)
class Outline:
    """What planning needs of the target, or would need after another plan was carried out."""

    title: str
    map_id: str
    network: NetworkIdentity
    datum: Datum | None
    posed: bool
    local_kind: str
    sessions: dict[int, _Held]

    @classmethod
    def of(cls, target: PlaceMap) -> Outline:
        """Take what a map holds now."""
        sessions = target.sessions()
        return cls(
            str(target.path), target.id, target.network, target.datum,
            any(session.posed for session in sessions), target.local_kind,
            {s.id_prefix: _Held(s.name, s.created_ns, s.made, target.stamps(s.name))
             for s in sessions})

    def after(self, plan: MergePlan, source: PlaceMap) -> Outline:
        """Return what there is once a plan was carried out."""
        sessions = dict(self.sessions)
        for part in plan.sessions:
            prefix = part.info.id_prefix
            before = sessions.get(prefix, _Held(part.target_name, part.info.created_ns, 0, {}))
            sessions[prefix] = replace(
                before, made=max(before.made, part.info.made),
                stamps={**before.stamps, **part.coming})
        return replace(
            self, sessions=sessions, local_kind=plan.local_kind,
            datum=source.datum if plan.takes_frame else self.datum,
            posed=self.posed or any(part.coming and part.info.posed for part in plan.sessions))


def merge(target: PlaceMap, source: PlaceMap, *, T_target_source: Pose | None = None) -> MergePlan:
    """
    Add what a map lacks of another one, all or nothing, and return what was done.

    :param T_target_source: the pose of the source's frame in the target's, where the maps do not
        know it themselves; the identity where they share one.
    """
    with target.transaction(), source.one_state():
        plan = plan_merge(Outline.of(target), source, T_target_source=T_target_source)
        carry_out(plan, target, source)
    return plan


def plan_merge(target: Outline, source: PlaceMap, *,
               T_target_source: Pose | None = None) -> MergePlan:
    """Return what merging would do; VprError where it cannot be done."""
    if target.network != source.network:
        differences = target.network.differences(
            source.network, f'in {target.title}', f'in {source.path}')
        raise VprError(f'{source.path} and {target.title} were described by different networks, '
                       f'their places cannot be compared: {differences}; build one of them again')
    names = {held.name for held in target.sessions.values()}
    sessions = []
    for info in source.sessions():
        held = target.sessions.get(info.id_prefix)
        sessions.append(_join(info, names, source) if held is None
                        else _continue(info, held, target.title, source))
        names.add(sessions[-1].target_name)
    posed = any(session.coming and session.info.posed for session in sessions)
    takes_frame = (posed and T_target_source is None and not target.posed
                   and target.datum is None)
    if posed and T_target_source is None and not takes_frame:
        T_target_source = _frame_change(target, source)
    coming = any(session.coming for session in sessions)
    local_kind = target.local_kind or (source.local_kind if coming else '')
    return MergePlan(tuple(sessions), T_target_source, takes_frame, local_kind,
                     coming and source.local_kind not in ('', local_kind))


def _join(info: SessionInfo, names: set[str], source: PlaceMap) -> SessionPlan:
    name, number = info.name, 1
    while name in names:
        number += 1
        name = f'{info.name} ({number})'
    return SessionPlan(info, name, continued=False, coming=_stamps(info, source), known=0,
                       removed=0)


def _continue(info: SessionInfo, held: _Held, title: str, source: PlaceMap) -> SessionPlan:
    if info.created_ns != held.created_ns:
        raise VprError(
            f'session {info.name!r} of {source.path} and session {held.name!r} of {title} have '
            'the same ids but are not the same session: record one of them again')
    coming, known, removed = {}, 0, 0
    for place_id, stamp_ns in _stamps(info, source).items():
        here = held.stamps.get(place_id)
        if here is None and split_id(place_id)[1] <= held.made:
            removed += 1
        elif here is None:
            coming[place_id] = stamp_ns
        elif here == stamp_ns:
            known += 1
        else:
            raise VprError(
                f'session {info.name!r} was continued in {source.path} and in {title} apart: '
                f'place {place_id} was seen at {stamp_ns} ns there and at {here} ns here; remove '
                'the session from one of them ("vpr_ros map remove --session"), or keep both maps')
    return SessionPlan(info, held.name, continued=True, coming=coming, known=known,
                       removed=removed)


def _stamps(info: SessionInfo, source: PlaceMap) -> dict[int, int]:
    stamps = source.stamps(info.name)
    for place_id in stamps:
        prefix, nth = split_id(place_id)
        if prefix != info.id_prefix or nth == 0:
            raise VprError(f'{source.path} is damaged: place {place_id} has an id of another '
                           f'session than {info.name!r}; see "vpr_ros map check"')
    return stamps


def _frame_change(target: Outline, source: PlaceMap) -> Pose | None:
    """Return T_target_source, None where both are one frame; VprError where nobody knows."""
    mine, theirs = target.datum, source.datum
    if mine is not None and theirs is not None:
        return None if mine == theirs else between_datums(mine, theirs)
    if target.map_id == source.id:  # copies of one map
        return None
    lacking = ' and '.join(str(path) for path, datum in
                           ((target.title, mine), (source.path, theirs)) if datum is None)
    raise VprError(
        f'where the poses of {source.path} are in {target.title} is not known: {lacking} '
        f'{"has" if mine or theirs else "have"} no datum; give --same-frame where both maps use '
        'one frame, or --transform x,y,z,yaw_deg with the pose of its frame in that of '
        f'{target.title}')


def carry_out(plan: MergePlan, target: PlaceMap, source: PlaceMap, *,
              advance: Callable[[], None] | None = None) -> None:
    """
    Do what a plan says, all or nothing.

    :param advance: is called after every place.
    """
    with target.transaction():
        if plan.takes_frame:
            target.locate(source.frame, source.datum)
        target.set_local_kind(plan.local_kind)
        for session in plan.sessions:
            info, name = session.info, session.target_name
            if not session.continued:
                target.add_session(name, source=info.source, id_prefix=info.id_prefix,
                                   created_ns=info.created_ns)
            calibrated = {camera.name for camera in target.calibrations(name)}
            for camera in source.calibrations(info.name):
                if camera.name not in calibrated:
                    target.calibrate(name, camera)
            target.adopt(name, _coming(session, plan, source, advance), made=info.made)


def _coming(session: SessionPlan, plan: MergePlan, source: PlaceMap,
            advance: Callable[[], None] | None) -> Iterator[Place]:
    for place_id in session.coming:
        place = source.place(place_id)
        if plan.T_target_source is not None and place.T_map_base is not None:
            place = replace(place, T_map_base=moved(plan.T_target_source, place.T_map_base))
        if plan.drops_features:
            place = replace(place, views=tuple(
                replace(view, local_features=None) for view in place.views))
        yield place
        if advance is not None:
            advance()
