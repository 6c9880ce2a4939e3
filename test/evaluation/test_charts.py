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

"""The charts as SVG."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.charts import Answer
from vpr_ros.evaluation.charts import match_matrix
from vpr_ros.evaluation.charts import outcome_bar
from vpr_ros.evaluation.charts import outcome_mark
from vpr_ros.evaluation.charts import precision_recall_chart
from vpr_ros.evaluation.charts import probability_strip
from vpr_ros.evaluation.charts import similarity_scale
from vpr_ros.evaluation.charts import ticks
from vpr_ros.evaluation.metrics import precision_recall
from vpr_ros.evaluation.outcomes import Outcome
from vpr_ros.evaluation.outcomes import OutcomeCounts

ANSWERS = [Answer(0, 0, 0.9, Outcome.RIGHT), Answer(1, 3, 0.6, Outcome.WRONG),
           Answer(2, 1, 0.2, Outcome.MISSED), Answer(3, None, 0.0, Outcome.REJECTED)]


def points(svg, kind):
    """Return the M coordinates of the path with the signs of one kind."""
    root = ElementTree.fromstring(svg)
    paths = [e.get('d') for e in root.iter('path') if e.get('class') == f'dot {kind}']
    return [tuple(float(v) for v in m) for d in paths
            for m in re.findall(r'M(-?[\d.]+) (-?[\d.]+)', d)]


@pytest.mark.parametrize(('count', 'wanted'), [
    (0, [0]), (1, [0, 1]), (5, [0, 1, 2, 3, 4, 5]), (199, [0, 50, 100, 150]),
    (3575, [0, 1000, 2000, 3000]),
])
def test_ticks_are_round(count, wanted):
    assert ticks(count) == wanted


def test_chosen_matches_lie_where_they_belong():
    svg = match_matrix(ANSWERS, queries=4, places=4, similarity=np.eye(4), truth=None)
    right = points(svg, 'right')
    wrong = points(svg, 'wrong')
    assert len(right) == len(wrong) == 1
    # Time to the right, places upwards.
    assert wrong[0][0] > right[0][0]
    assert wrong[0][1] < right[0][1]
    # What was not recognised is a gap.
    assert points(svg, 'missed') == points(svg, 'rejected') == []
    assert svg.count('<image') == 1
    assert 'place of the map' in svg
    assert 'query image' in svg


def test_the_matrix_can_do_without_similarity():
    assert '<image' not in match_matrix(ANSWERS, queries=4, places=4, similarity=None, truth=None)


def test_a_large_matrix_stays_small():
    rng = np.random.default_rng(0)
    similarity = rng.normal(size=(3000, 2500)).astype(np.float32)
    svg = match_matrix([], queries=3000, places=2500, similarity=similarity,
                       truth=GroundTruth.from_frame_tolerance(3000, 2500, 1))
    assert len(svg) < 600_000
    ElementTree.fromstring(svg)


def polygons(truth):
    svg = match_matrix([], queries=truth.n_queries, places=truth.n_references, similarity=None,
                       truth=truth)
    return [e.get('points') for e in ElementTree.fromstring(svg).iter('polygon')]


def test_truth_is_one_band_per_visit():
    assert len(polygons(GroundTruth.from_frame_tolerance(20, 20, 2))) == 1
    # A straight band needs few corners.
    assert len(polygons(GroundTruth.from_frame_tolerance(500, 500, 0))[0].split()) <= 8
    # Two places at once (the robot passed twice) and a stretch that is not in the map.
    lists = [[i, i + 10] for i in range(5)] + [[] for _ in range(5)] + [[i] for i in range(5)]
    assert len(polygons(GroundTruth.from_lists(lists, 20))) == 3
    assert polygons(GroundTruth.from_lists([[], []], 3)) == []


def test_every_query_is_on_the_strip_with_its_sign():
    svg = probability_strip(ANSWERS, queries=4)
    places = [points(svg, kind)[0] for kind in ('right', 'wrong', 'missed', 'rejected')]
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert [y for _, y in places] == sorted(y for _, y in places)
    trace = ElementTree.fromstring(svg).find('polyline').get('points').split()
    assert len(trace) == 4


def test_the_strip_shows_what_was_asked_for_and_of_what():
    svg = probability_strip(ANSWERS, queries=4, query='keyframe', least=0.9)
    root = ElementTree.fromstring(svg)
    least, = (e for e in root.iter('line') if e.get('class') == 'least')
    assert float(least.get('y1')) == float(least.get('y2')) == points(svg, 'right')[0][1]
    assert 'keyframe, in order of time' in svg
    assert 'class="least"' not in probability_strip(ANSWERS, queries=4)


def test_signs_differ_in_shape():
    shapes = {re.sub(r'[\d.\-]+', '', re.search(r'd="([^"]+)"', outcome_mark(outcome))[1])
              for outcome in (Outcome.RIGHT, Outcome.WRONG, Outcome.REJECTED)}
    assert len(shapes) == 3


def test_precision_recall_chart_is_a_staircase():
    curve = precision_recall([0.9, 0.8, 0.7], [True, False, True], [True, True, True])
    svg = precision_recall_chart(curve, (2 / 3, 2 / 3))
    root = ElementTree.fromstring(svg)
    path = next(e.get('d') for e in root.iter('path') if e.get('class') == 'curve')
    assert path.count('H') == 3
    assert any(e.get('class') == 'chosen' for e in root.iter('path'))
    assert 'class="chosen"' not in precision_recall_chart(curve, None)


def test_the_bar_is_as_long_as_its_parts():
    svg = outcome_bar(OutcomeCounts(right=5, wrong=3, missed=2))
    bars = [e for e in ElementTree.fromstring(svg) if e.tag == 'rect']
    assert [round(float(e.get('width')) + 2) for e in bars] == [500, 300, 200]
    assert '5 recognised, right place, 3 recognised, wrong place' in svg
    assert len(list(ElementTree.fromstring(outcome_bar(OutcomeCounts())).iter('rect'))) == 2


def test_the_scale_names_its_ends():
    scale = similarity_scale(np.linspace(0, 1, 1001).reshape(7, 143))
    assert 'similarity 0.10' in scale
    assert ' 1.00' in scale
    assert 'similarity 0.00' in similarity_scale(np.full((2, 2), np.nan))
