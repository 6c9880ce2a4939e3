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

"""Localizations, loop closures, places <-> vpr_msgs, and the plain pose that SLAM stacks take."""

from __future__ import annotations

from typing import Any

from vpr_ros.messages.factory import MessageFactory
from vpr_ros.messages.geometry import header
from vpr_ros.messages.geometry import pose_from_message
from vpr_ros.messages.geometry import pose_to_message
from vpr_ros.messages.geometry import pose_with_covariance_from_message
from vpr_ros.messages.geometry import pose_with_covariance_to_message
from vpr_ros.messages.stamps import ns_from_stamp
from vpr_ros.messages.stamps import stamp_from_ns
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Localization
from vpr_ros.types import LoopClosure
from vpr_ros.types import Place
from vpr_ros.types import Pose
from vpr_ros.types import RelativePose

__all__ = [
    'localization_from_message', 'loop_closure_from_message', 'loop_closure_message',
    'new_place_from_message', 'new_place_message', 'place_match_message', 'pose_message',
]

# The constants UNKNOWN_PLACE and KNOWN_PLACE of vpr_msgs/PlaceMatch.
_DECISION_CODES = {Decision.UNKNOWN: 0, Decision.KNOWN: 1}
_DECISIONS = {code: decision for decision, code in _DECISION_CODES.items()}


def place_match_message(factory: MessageFactory, localization: Localization, *,
                        map_frame: str) -> Any:
    """
    Make a vpr_msgs/PlaceMatch.

    Similarities and probabilities become float32 (NaN stays NaN); a pose whose covariance is
    unknown carries :func:`vpr_ros.messages.geometry.unknown_covariance`.
    """
    pose = localization.T_map_base
    return factory.new(
        'vpr_msgs/msg/PlaceMatch',
        header=header(factory, localization.stamp_ns, map_frame),
        camera=localization.camera, map_id=localization.map_id,
        map_revision=int(localization.map_revision), network=localization.network,
        decision=_DECISION_CODES[localization.decision], reason=localization.reason,
        probability=float(localization.probability),
        probability_source=localization.probability_source,
        candidates=[_candidate_message(factory, candidate)
                    for candidate in localization.candidates],
        pose_valid=pose is not None,
        pose=pose_with_covariance_to_message(factory, pose or Pose.identity()),
        **_relative_pose_fields(factory, localization.relative_pose),
        stage_names=list(localization.stage_times_ns),
        stage_times_ns=factory.unsigned(localization.stage_times_ns.values()))


def localization_from_message(message: Any) -> Localization:
    """Read a vpr_msgs/PlaceMatch; ValueError when it has a decision this version does not know."""
    decision = _DECISIONS.get(int(message.decision))
    if decision is None:
        raise ValueError(
            f'a PlaceMatch decides {sorted(_DECISIONS)} (see vpr_msgs/PlaceMatch), got '
            f'{int(message.decision)}; was it written by a newer version?')
    times = (int(time) for time in message.stage_times_ns)
    return Localization(
        stamp_ns=ns_from_stamp(message.header.stamp), camera=str(message.camera),
        map_id=str(message.map_id), map_revision=int(message.map_revision),
        network=str(message.network), decision=decision, reason=str(message.reason),
        probability=float(message.probability),
        probability_source=str(message.probability_source),
        candidates=tuple(_candidate_from_message(candidate) for candidate in message.candidates),
        relative_pose=_relative_pose_from_message(message),
        T_map_base=(pose_with_covariance_from_message(message.pose)
                    if message.pose_valid else None),
        stage_times_ns=dict(zip(message.stage_names, times, strict=True)))


def pose_message(factory: MessageFactory, localization: Localization, *, map_frame: str) -> Any:
    """
    Make the geometry_msgs/PoseWithCovarianceStamped of a localization that knows its pose.

    :raises ValueError: when it does not.
    """
    if localization.T_map_base is None:
        raise ValueError(
            f'the localization at {localization.stamp_ns} ns has no pose to publish '
            f'({localization.reason}); check T_map_base first')
    return factory.new(
        'geometry_msgs/msg/PoseWithCovarianceStamped',
        header=header(factory, localization.stamp_ns, map_frame),
        pose=pose_with_covariance_to_message(factory, localization.T_map_base))


def loop_closure_message(factory: MessageFactory, closure: LoopClosure, *, frame_id: str) -> Any:
    """
    Make a vpr_msgs/LoopClosure.

    :param frame_id: the base frame, which the relative pose relates.
    """
    return factory.new(
        'vpr_msgs/msg/LoopClosure',
        header=header(factory, closure.query_stamp_ns, frame_id),
        map_id=closure.map_id,
        query_session=closure.query_session, query_place_id=int(closure.query_place_id),
        query_stamp=stamp_from_ns(factory, closure.query_stamp_ns),
        match_session=closure.match_session, match_place_id=int(closure.match_place_id),
        match_stamp=stamp_from_ns(factory, closure.match_stamp_ns),
        similarity=float(closure.similarity), probability=float(closure.probability),
        probability_source=closure.probability_source,
        **_relative_pose_fields(factory, closure.relative_pose))


def loop_closure_from_message(message: Any) -> LoopClosure:
    """Read a vpr_msgs/LoopClosure."""
    return LoopClosure(
        query_session=str(message.query_session), query_place_id=int(message.query_place_id),
        query_stamp_ns=ns_from_stamp(message.query_stamp),
        match_session=str(message.match_session), match_place_id=int(message.match_place_id),
        match_stamp_ns=ns_from_stamp(message.match_stamp), map_id=str(message.map_id),
        similarity=float(message.similarity), probability=float(message.probability),
        probability_source=str(message.probability_source),
        relative_pose=_relative_pose_from_message(message))


def new_place_message(factory: MessageFactory, place: Place, *, map_id: str,
                      map_frame: str) -> Any:
    """
    Make a vpr_msgs/NewPlace; what was seen there stays in the map.

    :param map_id: UUID of the map that the place was added to.
    """
    pose = place.T_map_base
    return factory.new(
        'vpr_msgs/msg/NewPlace', header=header(factory, place.stamp_ns, map_frame), map_id=map_id,
        session=place.session, place_id=int(place.id), has_pose=pose is not None,
        pose=pose_to_message(factory, pose or Pose.identity()))


def new_place_from_message(message: Any) -> Place:
    """Read a vpr_msgs/NewPlace: the place, without views and without a covariance."""
    return Place(
        int(message.place_id), ns_from_stamp(message.header.stamp), str(message.session),
        pose_from_message(message.pose) if message.has_pose else None)


def _candidate_message(factory: MessageFactory, candidate: Candidate) -> Any:
    pose = candidate.T_map_base
    return factory.new(
        'vpr_msgs/msg/PlaceCandidate', place_id=int(candidate.place_id),
        session=candidate.session, stamp=stamp_from_ns(factory, candidate.stamp_ns),
        camera=candidate.camera, similarity=float(candidate.similarity),
        probability=float(candidate.probability), has_pose=pose is not None,
        pose=pose_to_message(factory, pose or Pose.identity()))


def _candidate_from_message(message: Any) -> Candidate:
    return Candidate(
        place_id=int(message.place_id), stamp_ns=ns_from_stamp(message.stamp),
        session=str(message.session), camera=str(message.camera),
        similarity=float(message.similarity), probability=float(message.probability),
        T_map_base=pose_from_message(message.pose) if message.has_pose else None)


def _relative_pose_fields(factory: MessageFactory,
                          relative: RelativePose | None) -> dict[str, Any]:
    """Return the fields that PlaceMatch and LoopClosure share; nothing valid means no pose."""
    if relative is None:
        relative = RelativePose(Pose.identity(), rotation_valid=False, translation_valid=False)
    return {
        'rotation_valid': bool(relative.rotation_valid),
        'translation_valid': bool(relative.translation_valid),
        'relative_pose': pose_with_covariance_to_message(factory, relative.T_match_query),
        'inliers': int(relative.inliers),
    }


def _relative_pose_from_message(message: Any) -> RelativePose | None:
    if not (message.rotation_valid or message.translation_valid or message.inliers):
        return None
    return RelativePose(
        pose_with_covariance_from_message(message.relative_pose),
        rotation_valid=bool(message.rotation_valid),
        translation_valid=bool(message.translation_valid), inliers=int(message.inliers))
