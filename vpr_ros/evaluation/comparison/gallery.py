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


"""Matches to look at: the surest right and the surest wrong ones of every system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from vpr_ros.evaluation.charts import outcome_mark
from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.result import Example
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.result_folder import Picture
from vpr_ros.evaluation.comparison.result_folder import PICTURES
from vpr_ros.evaluation.comparison.result_folder import ResultFolder
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.outcomes import Outcome
from vpr_ros.evaluation.report_page import heading
from vpr_ros.evaluation.report_page import inline_picture
from vpr_ros.evaluation.report_words import count_of

__all__ = ['gallery_section', 'MOST_EXAMPLES']

#: More would make the page slow to open; the rest lies in the folders of the results.
MOST_EXAMPLES = 120
_TITLES: dict[Literal['best', 'worst'], str] = {
    'worst': 'Wrong, the surest first', 'best': 'Right, across the drive'}
_CAPTIONS = {'query': 'query', 'attention': 'attention', 'match': 'its match',
             'right': 'the right place'}


def gallery_section(comparison: Comparison, *, most: int = MOST_EXAMPLES) -> Markup | None:
    """Return the section, None when no system has examples."""
    having = sum(bool(result.examples) for result in comparison.results)
    if not having:
        return None
    # Every system gets its share, and is seen failing before it is seen succeeding.
    share = max(1, most // having)
    folds: list[Markup] = []
    shown = 0
    for table, pair in comparison.each_pair():
        parts: list[Markup] = []
        for system, result in comparison.of_pair(table, pair):
            examples = _chosen(result.examples, share)
            shown += len(examples)
            if examples:
                parts += [element('h3', comparison.signs.name(system, table.words(system))),
                          _of_system(comparison.folder(result), result, examples)]
        if parts:
            folds.append(element(
                'details', element('summary', comparison.pair_name(table, pair)), *parts,
                class_='fold', open=not folds))
    about = ('What each system was sure of. From left to right: the query, where the network '
             'looked (brighter is more, where it tells), the reference that it took for the same '
             'place, and one that would have been right.')
    left_out = sum(len(result.examples) for result in comparison.results) - shown
    if left_out:
        about += (f' {count_of(left_out, "more example")} {"is" if left_out == 1 else "are"} left '
                  'out of this page: the pictures of all are beside the results in runs/.')
    return join([heading('matches', 'Matches', about), *folds])


def _chosen(examples: Sequence[Example], share: int) -> list[Example]:
    """Return so many examples, as many of both kinds as there are."""
    worst = [example for example in examples if example.kind == 'worst']
    best = [example for example in examples if example.kind == 'best']
    wrong = min(len(worst), max((share + 1) // 2, share - len(best)))
    return worst[:wrong] + _spread(best, share - wrong)


def _spread(examples: list[Example], count: int) -> list[Example]:
    if count >= len(examples):
        return examples
    return [examples[(2 * k + 1) * len(examples) // (2 * count)] for k in range(count)]


def _of_system(folder: ResultFolder, result: PairResult, examples: Sequence[Example]) -> Markup:
    parts: list[Markup] = []
    # Where nothing is known of how sure the answers are, there is no curve.
    scored = bool(result.curves)
    for kind, title in _TITLES.items():
        own = [example for example in examples if example.kind == kind]
        if own:
            parts += [
                element('h4', title if scored or kind == 'best' else 'Wrong'),
                element('ol', *(element('li', _example(example, folder, scored=scored))
                                for example in own), class_='gallery')]
    if all(example.kind == 'best' for example in result.examples):
        parts.insert(0, element('p', 'No answer was wrong.', class_='about'))
    return join(parts)


def _example(example: Example, folder: ResultFolder, *, scored: bool) -> Markup:
    said = 'nothing' if example.reference is None else f'reference {example.reference}'
    right = 'none' if example.right is None else f'reference {example.right}'
    if example.right is not None and example.reference is not None:
        right += f' ({abs(example.right - example.reference)} away)'
    pictures = []
    for kind in PICTURES:
        # A right answer is its own right place.
        data = None if kind == 'right' and example.correct else folder.read_picture(
            example.query, kind)
        if data is not None:
            pictures.append(inline_picture(data, _CAPTIONS[kind],
                                           _alt(kind, example, said, right)))
    outcome = Outcome.RIGHT if example.correct else Outcome.WRONG
    facts = [('said', said)]
    if not example.correct:
        facts.append(('right', right))
    if scored:
        facts.append(('score', f'{example.score:.3f}'))
    return element(
        'article',
        element('h5', outcome_mark(outcome), f'Query {example.query}',
                element('span', 'right' if example.correct else 'wrong')),
        element('div', *pictures, class_='strip') if pictures else None,
        element('dl', *(element('div', element('dt', term), element('dd', value))
                        for term, value in facts), class_='facts'),
        class_='example' if example.correct else 'example wrong')


def _alt(kind: Picture, example: Example, said: str, right: str) -> str:
    return {'query': f'query {example.query}',
            'attention': f'where the network looked on query {example.query}',
            'match': f'{said}, which was taken for the place of query {example.query}',
            'right': f'{right}, which shows the place of query {example.query}'}[kind]
