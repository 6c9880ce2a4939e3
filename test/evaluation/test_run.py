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

"""The numbers of a run, counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.evaluation.outcomes import Outcome
from vpr_ros.evaluation.plan import Plan
from vpr_ros.evaluation.run import choose_examples
from vpr_ros.evaluation.run import QueryResult


def test_outcomes_follow_from_answers_and_truth(make_report):
    report = make_report()
    assert [report.outcome(result) for result in report.results] == [
        Outcome.RIGHT, Outcome.RIGHT, Outcome.WRONG, Outcome.MISSED, Outcome.RIGHT,
        Outcome.MISSED, Outcome.REJECTED]
    assert (report.counts.right, report.counts.wrong, report.counts.missed,
            report.counts.rejected) == (3, 1, 2, 1)


def test_recall_is_of_the_queries_that_were_answered(make_report):
    report = make_report()
    # Similarity is best on the diagonal; query 7 has no right place, 6 was not asked.
    assert [(r.n, r.hits, r.queries, r.left_out) for r in report.single_frame] == [
        (1, 6, 6, 1), (5, 6, 6, 1), (10, 6, 6, 1)]
    # Right candidates: 0, 1, 3 (though not recognised) and 4.
    assert (report.over_time.hits, report.over_time.queries, report.over_time.left_out) == (
        4, 6, 1)
    assert report.curve.positives == 6
    assert report.curve.thresholds.tolist() == [0.95, 0.9, 0.8, 0.7, 0.2, 0.1, 0.0]
    assert report.curve.correct.tolist() == [0, 1, 2, 3, 4, 4, 4]


def test_without_truth_nothing_is_judged(make_report):
    report = make_report(truth=None)
    assert (report.counts.known, report.counts.unknown, report.counts.judged) == (4, 3, False)
    assert report.single_frame == ()
    assert report.over_time is None
    assert report.curve is None
    assert (report.queries, report.places) == (8, 6)
    bare = make_report(truth=None, similarity=None)
    assert (bare.queries, bare.places) == (8, 6)


def test_contradictions_are_refused(make_report, localization):
    report = make_report()
    with pytest.raises(ValueError, match='own query index'):
        replace(report, results=report.results[:1] * 2)
    with pytest.raises(ValueError, match='ground truth is for'):
        replace(report, truth=GroundTruth.from_frame_tolerance(8, 7, 1))
    with pytest.raises(ValueError, match=r'shape \(queries, places\)'):
        replace(report, similarity=np.zeros(3))
    outside = QueryResult(index=1, localization=localization(1, 9, 0.5, True), place=9)
    with pytest.raises(ValueError, match='query 1 at place 9 lies outside the 8 queries and 6'):
        replace(report, results=(outside,))
    unplaced = QueryResult(index=1, localization=localization(1, 2, 0.5, True), place=None)
    with pytest.raises(ValueError, match='both be there'):
        replace(report, results=(unplaced,))
    for queries, places in (7, 6), (8, 5):
        with pytest.raises(ValueError, match=f'plan is for {queries} queries and {places} places, '
                           'but the run has 8 and 6'):
            replace(report, plan=Plan(np.zeros((queries, 2)), np.zeros((places, 2))))


def test_examples_are_the_surest_mistakes_and_an_even_spread(make_report):
    report = make_report()
    mistakes, spread = choose_examples(report, 4)
    assert mistakes == [2]
    assert spread == [0, 3, 6] or len(spread) == 3
    assert spread[0] == 0
    assert spread[-1] == 6
    mistakes, spread = choose_examples(report, 100)
    assert (mistakes, spread) == ([2], [0, 1, 3, 4, 5, 6])
    assert choose_examples(report, 0) == ([], [])
    assert choose_examples(replace(report, results=()), 5) == ([], [])


def test_mistakes_next_to_each_other_come_last(make_report, localization):
    probabilities = [0.6, 0.9, 0.91, 0.7, 0.8, 0.5, 0.65, 0.55]
    results = tuple(QueryResult(index=i, place=(i + 3) % 6,
                                localization=localization(i, (i + 3) % 6, p, True))
                    for i, p in enumerate(probabilities))
    report = make_report(results=results)
    assert report.counts.wrong == 8
    # Surest: 2; then, at least 3 away: 6 (0.65), 5 is too near it; the others by probability.
    assert choose_examples(report, 16)[0] == [2, 6, 1, 4, 3, 0, 7, 5]
    assert choose_examples(report, 6)[0] == [2, 6, 1]


def test_loading_pictures_for_the_chosen_ones_alone_shows_exactly_these(make_report, localization):
    rng = np.random.default_rng(0)
    truth = GroundTruth.from_frame_tolerance(100, 100, 2)
    results = tuple(QueryResult(index=i, place=place,
                                localization=localization(i, place, p, p > 0.3))
                    for i, (place, p) in enumerate(zip(
                        np.clip(np.arange(100) + rng.integers(-4, 5, 100), 0, 99).tolist(),
                        rng.uniform(size=100).tolist(), strict=True)))
    report = make_report(results=results, truth=truth, similarity=None)
    assert report.counts.wrong > 12
    chosen = choose_examples(report, 24)
    image = np.zeros((2, 2, 3), np.uint8)
    loaded = tuple(replace(result, query_image=image) if i in chosen[0] + chosen[1] else result
                   for i, result in enumerate(results))
    assert choose_examples(replace(report, results=loaded), 24, pictured=True) == chosen
    assert choose_examples(report, 24, pictured=True) == ([], [])


def test_a_right_neighbour_is_not_a_mistake(make_report):
    report = make_report(truth=None)
    assert choose_examples(report, 10)[0] == []
