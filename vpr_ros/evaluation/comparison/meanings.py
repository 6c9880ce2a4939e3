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

"""What each number of a table is called, what it means, and where its definition comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import re
from types import MappingProxyType
from typing import Literal

from vpr_ros.errors import unknown_name

__all__ = ['Measure', 'measure_named', 'MEASURES', 'NS']

#: How many of the best references count, for recall and mAP.
NS = (1, 5, 10, 20)
_TIME = re.compile(r'([^@]+)_ms@(mean|50|95|99|max)')


@dataclass(frozen=True)
class Measure:
    """
    What a number is.

    :param title: for the head of a column, as the field writes it.
    :param meaning: in one sentence, with its source where it is not self-evident.
    :param better: whether the ``higher`` or the ``lower`` number is the better one.
    :param kind: ``share`` (from 0 to 1), ``ms``, ``m`` (metres) or ``count``.
    """

    title: str
    meaning: str
    better: Literal['higher', 'lower'] = 'higher'
    kind: Literal['share', 'ms', 'm', 'count'] = 'share'


#: All but times, whose names are made: see :func:`measure_named`.
MEASURES: Mapping[str, Measure] = MappingProxyType({
    **{f'recall@{n}': Measure(
        f'R@{n}', 'The share of queries with a place for which '
        + ('the best reference is right.' if n == 1 else
           f'a right reference is among the best {n}.'))
        for n in NS},
    **{f'map@{n}': Measure(
        f'mAP@{n}', f'Mean over queries with a place of the average precision of the best {n}: '
        'the precision at each right one, summed and divided by the number of right references '
        f'or {n}, whichever is less (MSLS: Warburg et al., CVPR 2020).')
        for n in NS},
    'auc': Measure(
        'AUC', 'The area under the precision-recall curve by trapezoids, over thresholds on the '
        'score of the best match; recall counts among all queries with a place.'),
    'average_precision': Measure(
        'AP', 'The area under the same curve as steps: at each threshold its precision times the '
        'recall that it gains.'),
    'auc_of_right': Measure(
        'AUC (right)', 'The area under the curve whose recall counts among the right matches '
        'only: how well scores tell right from wrong, and not how many are right (VPR-Bench: '
        'Zaffar et al., IJCV 2021).'),
    'auc_ratio': Measure(
        'AUC (ratio)', 'The area under the precision-recall curve over thresholds on the ratio '
        'of the distances of the best reference and of the second best, whatever that shows '
        '(Seymour et al., BMVC 2019); recall counts among all queries with a place.'),
    'auc_ratio_missed': Measure(
        'AUC (ratio, missed)', 'The area under the curve by the same ratio where recall counts '
        'among the right and the rejected queries, so that an accepted wrong answer is not '
        'missed and lowers precision alone (Sünderhauf et al., IROS 2015); it can be twice as '
        'large as AUC (ratio).'),
    'recall_at_100_precision': Measure(
        'R@100P', 'The share of queries with a place that are answered rightly at the lowest '
        'threshold above which no answer is wrong.'),
    'recall_at_99_precision': Measure(
        'R@99P', 'The most queries with a place that are answered rightly at a threshold above '
        'which at least 99 of 100 answers are right, as a share.'),
    'extended_precision': Measure(
        'EP', 'Mean of the precision of the surest answers and of R@100P '
        '(Ferrarini et al., RA-L 2020).'),
    'no_match_auroc': Measure(
        'no-match AUROC', 'How often a query with a place has a higher score than one without, '
        'of all such pairs: 0.5 is chance.'),
    'localization_rate': Measure(
        'localized', 'The share of queries with a place that were recognised at the right place.'),
    'known_precision': Measure(
        'right when known', 'The share of the queries that were recognised whose place is right.'),
    'no_match_rejected': Measure(
        'rejected', 'The share of queries without a place that were rightly not recognised.'),
    'longest_unlocalized': Measure(
        'longest lost', 'The most queries in a row, those without a place among them, of which '
        'none was recognised at the right place.', 'lower', 'count'),
    'longest_unlocalized_m': Measure(
        'longest lost (m)', 'The longest way, in metres, from one query that was recognised at '
        'the right place to the next, or from the beginning or to the end.', 'lower', 'm'),
    'calibration_error': Measure(
        'ECE', 'How far probabilities are from the share of right answers, on average, less what '
        'chance adds (Kumar, Liang and Ma, NeurIPS 2019).', 'lower'),
    'brier': Measure(
        'Brier', 'Mean squared distance of the probability from 1 for right and 0 for wrong '
        'answers (Brier, Monthly Weather Review 1950).', 'lower'),
})


def measure_named(name: str) -> Measure:
    """
    Return what a number is: one of :data:`MEASURES`, or a time such as ``match_ms@95``.

    :raises VprError: for no measure, with the nearest one.
    """
    if name in MEASURES:
        return MEASURES[name]
    time = _TIME.fullmatch(name)
    if time is None:
        raise unknown_name('measure', name, [*MEASURES, 'match_ms@50', 'match_ms@95',
                                             'match_ms@99', 'match_ms@max', 'describe_ms@mean'])
    stage, which = time.groups()
    if which == 'mean':
        return Measure(f'{stage} mean', f'The mean time of the stage "{stage}" for one image, '
                       'which takes images in batches.', 'lower', 'ms')
    if which == 'max':
        return Measure(f'{stage} max', f'The longest time of the stage "{stage}" for one image.',
                       'lower', 'ms')
    return Measure(f'{stage} p{which}', f'{which} of 100 images took at most so long in the stage '
                   f'"{stage}".', 'lower', 'ms')
