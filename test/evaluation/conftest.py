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

"""Localization runs made up by hand, small enough to count on the fingers."""

import numpy as np
import pytest
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.run import MapSummary
from vpr_ros.evaluation.run import Provenance
from vpr_ros.evaluation.run import QueryResult
from vpr_ros.evaluation.run import RunReport
from vpr_ros.types import Candidate
from vpr_ros.types import Decision
from vpr_ros.types import Localization

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
