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

"""Runs and loops made up by hand, small enough to count on the fingers."""

import numpy as np
import pytest
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.loop_run import LoopExample
from vpr_ros.evaluation.loop_run import LoopReport
from vpr_ros.evaluation.run import MapSummary
from vpr_ros.evaluation.run import Provenance
from vpr_ros.evaluation.run import QueryResult
from vpr_ros.evaluation.run import RunReport
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Localization
from vpr_ros.types import LoopClosure
from vpr_ros.types import Pose
from vpr_ros.types import RelativePose

MAP = MapSummary(id='map-uuid', revision=3, network='thumbnail', places=6, dimension=512,
                 size_bytes=123_456)


def _localization(query, place, probability, known, reason='because'):
    candidates = () if place is None else (Candidate(
        place_id=place + 1, stamp_ns=place, session='s', camera='front', similarity=0.25,
        probability=probability),)
    return Localization(
        stamp_ns=(query + 1) * 10**9, camera='front', map_id='map-uuid', map_revision=3,
        network='thumbnail', decision=Decision.KNOWN if known else Decision.UNKNOWN,
        reason=reason, probability=probability, probability_source='map', candidates=candidates,
        stage_times_ns={'describe': (query + 1) * 10**6, 'search': 10**6})


def _picture(query):
    image = np.zeros((90, 160, 3), np.uint8)
    image[:, query * 10:query * 10 + 20] = 200
    return image


@pytest.fixture
def localization():
    """Return the function that makes a localization: (query, place, probability, known)."""
    return _localization


@pytest.fixture
def make_report():
    """Return the function that makes the report of a run: see its answers below."""
    # query: (place, probability, known). Truth: within 1 frame of 6 places, so 7 has none.
    answers = {0: (0, 0.9, True), 1: (1, 0.8, True), 2: (5, 0.95, True), 3: (3, 0.2, False),
               4: (4, 0.7, True), 5: (None, 0.0, False), 7: (2, 0.1, False)}

    def make(*, pictures=True, reason='because', **changes):
        results = tuple(QueryResult(
            index=query, place=place,
            localization=_localization(query, place, probability, known, reason),
            query_image=_picture(query) if pictures else None,
            match_image=_picture(place) if pictures and place is not None else None,
            attention=np.eye(4, 6) if pictures else None)
            for query, (place, probability, known) in answers.items())
        matrix = np.eye(8, 6, dtype=np.float32) + np.float32(0.1) * np.arange(6, dtype=np.float32)
        fields = {
            'title': 'night against day', 'reference': 'day', 'query': 'night', 'map': MAP,
            'results': results, 'similarity': matrix,
            'truth': GroundTruth.from_frame_tolerance(8, 6, 1),
            'provenance': Provenance(command='vpr_ros localize --seed 4', version='9.8.7',
                                     created='today', seed=4, query_statistics='none')}
        return RunReport(**{**fields, **changes})

    return make


def _closure(query, match, probability=0.9, translation_valid=True):
    return LoopClosure(
        query_session='town', query_place_id=100 + query, query_stamp_ns=query * 60 * 10**9,
        match_session='town', match_place_id=100 + match, match_stamp_ns=match * 60 * 10**9,
        map_id='loop-uuid', similarity=0.75, probability=probability,
        probability_source='network', relative_pose=RelativePose(
            Pose.from_xy_yaw(1.5, -0.5, 0.2), True, translation_valid, inliers=30 + query))


@pytest.fixture
def make_loops():
    """Return the function that makes a report of loops; see what it makes below."""
    # A square of 30 m, driven twice with 4 keyframes each, the second time 1 m further up.
    square = np.array([(0, 0), (30, 0), (30, 30), (0, 30)], float)

    def make(*, pictures=True, **changes):
        # 4 is taken for 0 and 5 for 1, both rightly; 6 for 0, wrongly; 7 is missed.
        closures = (_closure(4, 0), _closure(5, 1, 0.8, False), _closure(6, 0, 0.7))
        examples = tuple(LoopExample(row, _picture(row), _picture(row + 3)) for row in range(3))
        fields = {
            'title': 'Loops of a square', 'session': 'town', 'network': 'thumbnail',
            'place_ids': 100 + np.arange(8), 'stamps_ns': np.arange(8) * 60 * 10**9,
            'closures': closures, 'positions': np.concatenate([square, square + (0, 1)]),
            'positions_from': 'odometry', 'images': 80,
            'probabilities': [np.nan, np.nan, 0.0, 0.1, 0.9, 0.8, 0.7, 0.2],
            'least_probability': 0.5, 'correct': np.array([True, True, False]),
            'revisits': np.arange(8) >= 4, 'right_means': 'within 10 m',
            'examples': examples if pictures else (), 'settings': (('Left out', '30 s'),),
            'provenance': Provenance('vpr_ros loops --bag a.mcap', '9.8.7', 'today', 4)}
        return LoopReport(**{**fields, **changes})

    return make


@pytest.fixture
def closure():
    """Return the function that makes a closure: (query, match, probability)."""
    return _closure
