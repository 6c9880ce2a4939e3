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

"""What the localizer says of a traverse, image after image, in a map of another one."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import hashlib
import json
from pathlib import Path
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros import __version__
from vpr_ros.bags.fingerprint import fingerprints
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.evaluation.comparison.description_cache import Described
from vpr_ros.evaluation.comparison.description_cache import Told
from vpr_ros.evaluation.comparison.matches import Matches
from vpr_ros.evaluation.comparison.matches import NOTHING
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.maps.feature_store import FeatureStore
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.localizer import Localizer
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.shipped import shipped_calibration
from vpr_ros.runtime.pose_track import PoseTrack
from vpr_ros.types import Localization
from vpr_ros.types import View

__all__ = ['localize_over_time', 'over_time_digest', 'OverTime']

Array = NDArray[Any]
_SESSION = 'reference'
# Places that are written to the map at once.
_PLACES = 256
_DIGEST_DIGITS = 16


@dataclass(frozen=True, eq=False)
class OverTime:
    """
    What was said of each query, and how long it took.

    :param matches: references as they are numbered in their traverse, by probability; places next
        to each other are one answer.
    :param times_ms: stage of matching -> (queries,) milliseconds, and ``match`` for all of them.
    """

    matches: Matches
    times_ms: Mapping[str, Array]


def localize_over_time(extractor: Extractor, mapping: Described, asking: Described, *,
                       places: Sequence[int] | None = None, odometry: bool = False,
                       settings: MatchingSettings | None = None,
                       told: Told | None = None) -> OverTime:
    """
    Make a map of one traverse, and localize another in it from its first image to its last.

    As on a robot: candidates are verified by the local features of the network where it has some,
    and probabilities are calibrated as the network ships. The map lies in a temporary folder.

    :param extractor: what described both; it describes nothing any more.
    :param places: which references become places of the map; all by default.
    :param odometry: tell the odometry of the query traverse, where it has some.
    :param settings: of the localizer, its own by default. More candidates than those share the
        probability among more: such answers are not those of a robot.
    """
    chosen = np.arange(len(mapping)) if places is None else np.asarray(places, np.int64)
    settings = settings or MatchingSettings()
    with tempfile.TemporaryDirectory(prefix='vpr_ros-') as folder:
        path = Path(folder) / 'map.vprmap'
        snapshot = _make_map(path, extractor, mapping, chosen)
        with FeatureStore(path) as sights:
            localizer = Localizer(
                snapshot, extractor, settings, sights=sights,
                calibration=shipped_calibration(snapshot.network, extractor.local_kind))
            answers = []
            for answer in _answers(localizer, asking, odometry=odometry):
                answers.append(answer)
                if told is not None:
                    told(len(answers), len(asking))
    k = min(settings.candidates, len(chosen))
    return OverTime(_matches(answers, snapshot, chosen, k), _times(answers))


def over_time_digest(extractor: Extractor, reference: Traverse, query: Traverse) -> str:
    """
    Return a digest of what answers over time depend on beside descriptions.

    The settings and the calibration of the localizer, its version, and what is known of the drives
    beside their images: stamps, poses, odometry, mountings.
    """
    calibration = shipped_calibration(extractor.identity, extractor.local_kind)
    told = [__version__, MatchingSettings().model_dump_json(), calibration.to_json(),
            fingerprints([reference]), fingerprints([query])]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:_DIGEST_DIGITS]


def _make_map(path: Path, extractor: Extractor, mapping: Described, chosen: Array) -> Snapshot:
    traverse, wanted = mapping.traverse, set(chosen.tolist())
    with PlaceMap.create(path, extractor.identity) as place_map:
        place_map.add_session(_SESSION, source='evaluation')
        if traverse.calibration is not None:
            place_map.calibrate(_SESSION, traverse.calibration)
        if extractor.local_kind:
            place_map.set_local_kind(extractor.local_kind)
        new: list[NewPlace] = []
        for index, d in enumerate(mapping.descriptions()):
            if index in wanted:
                pose = None if traverse.poses is None else traverse.poses[index]
                view = View(d.camera, d.descriptor, local_features=d.local_features)
                new.append(NewPlace(d.stamp_ns, (view,), pose))
            if len(new) == _PLACES:
                place_map.append(_SESSION, new)
                new = []
        if new:
            place_map.append(_SESSION, new)
        return place_map.snapshot()


def _answers(localizer: Localizer, asking: Described, *,
             odometry: bool) -> Iterator[Localization]:
    traverse = asking.traverse
    driven = PoseTrack(traverse.odometry if odometry else ())
    camera = traverse.calibration
    for description in asking.descriptions():
        yield localizer.match(
            description, T_odom_base=driven.at(description.stamp_ns),
            calibrations={} if camera is None else {description.camera: camera})


def _matches(answers: Sequence[Localization], snapshot: Snapshot, chosen: Array,
             k: int) -> Matches:
    references = np.full((len(answers), k), NOTHING, np.int64)
    scores = np.full((len(answers), k), -np.inf)
    for query, answer in enumerate(answers):
        found = answer.candidates[:k]
        ids = np.array([candidate.place_id for candidate in found], np.int64)
        references[query, :len(found)] = chosen[snapshot.rows_of(ids)]
        # They are sorted by what they were before rounding.
        scores[query, :len(found)] = np.minimum.accumulate(
            [candidate.probability for candidate in found])
    return Matches(references, scores, known=np.array([a.known for a in answers], bool),
                   probabilities=np.array([a.probability for a in answers]),
                   score_kind='probability')


def _times(answers: Sequence[Localization]) -> dict[str, Array]:
    stages = dict.fromkeys(stage for answer in answers for stage in answer.stage_times_ns)
    times = {stage: np.array([a.stage_times_ns[stage] for a in answers
                              if stage in a.stage_times_ns]) / 1e6 for stage in stages}
    whole = np.array([sum(a.stage_times_ns.values()) for a in answers]) / 1e6
    return {'match': whole, **times}
