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

"""Matches as tables."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.listed import read_listed
from vpr_ros.evaluation.comparison.listed import write_listed
from vpr_ros.evaluation.comparison.matches import Matches
from vpr_ros.evaluation.comparison.similarity import find_similar

QUERIES = ['q0.jpg', 'q1.jpg', 'q2.jpg']
REFERENCES = ['r0.jpg', 'r1.jpg', 'r2.jpg', 'r3.jpg']


@pytest.fixture
def read(tmp_path):
    """Return what reads a table given as text."""
    def of(text: str, queries=QUERIES, references=REFERENCES) -> Matches:
        path = tmp_path / 'theirs.csv'
        path.write_text(text)
        return read_listed(path, queries, references)

    return of


def test_numbers_and_names_mean_the_same(read):
    numbers = read('query,reference\n0,2\n2,1\n')
    names = read('query,reference\nq0.jpg,r2.jpg\nq2.jpg,r1.jpg\n')
    mixed = read('reference,remark,query\nr2.jpg,sunny,0\nr1.jpg,,2\n')
    for found in (numbers, names, mixed):
        assert found.references.tolist() == [[2], [-1], [1]]
        assert found.scores.tolist() == [[0.0], [-np.inf], [0.0]]
        assert found.known is found.probabilities is found.runner_up is None
        assert found.score_kind == 'score'


def test_names_that_are_numbers_are_taken_for_numbers(read):
    assert read('query,reference\n0,1\n', ['5', '0'], ['1', '0']).references.tolist() == [
        [1], [-1]]


def test_candidates_come_by_score_and_equal_ones_as_they_stand(read):
    found = read('query,reference,score\n0,2,0.1\n0,3,0.9\n1,1,5\n0,0,0.1\n')
    assert found.references.tolist() == [[3, 2, 0], [1, -1, -1], [-1, -1, -1]]
    assert found.scores[0].tolist() == [0.9, 0.1, 0.1]


def test_a_smaller_distance_is_surer(read):
    found = read('query,reference,distance\n0,2,3\n0,3,1.5\n')
    assert found.references[0].tolist() == [3, 2]
    assert found.scores[0].tolist() == [-1.5, -3.0]


def test_similarities_give_the_runner_up(read):
    found = read('query,reference,similarity\n0,2,0.5\n0,3,0.75\n1,1,0.25\n')
    assert found.runner_up.tolist() == [0.5, -np.inf, -np.inf]
    assert found.score_kind == 'similarity'


def test_ranks_order_the_lines(read):
    found = read('query,reference,rank\n0,2,2\n0,3,1\n0,1,10\n')
    assert found.references[0].tolist() == [3, 2, 1]


def test_a_rank_without_a_reference_says_how_many_were_looked_for(read):
    found = read('query,reference,rank\n0,2,1\n0,,3\n1,1,1\n')
    assert found.references.tolist() == [[2, -1, -1], [1, -1, -1], [-1, -1, -1]]
    for rank in ('0', '5', '1.5'):
        with pytest.raises(VprError, match='line 3: a rank is a whole number from 1 .* 4, got'):
            read(f'query,reference,rank\n0,2,1\n0,,{rank}\n')


def test_an_empty_reference_is_no_answer(read):
    found = read('query,reference,score,known,probability\n'
                 '0,1,2.5,true,0.75\n1,,,0,0.25\n')
    assert found.references.tolist() == [[1], [-1], [-1]]
    assert found.known.tolist() == [True, False, False]
    assert found.probabilities.tolist() == [0.75, 0.25, 0.0]


@pytest.mark.parametrize('text, words', [
    ('', 'is empty'),
    ('query,reference\n', 'lists no match: expected a line for each'),
    ('query,match\n0,1\n', r'line 1: expected the columns query, reference, but reference'),
    ('query,reference\n0,1\n7,1\n', 'line 3: there is no query 7: they are counted from 0 to 2'),
    ('query,reference\n0,4\n', 'line 2: there is no reference 4: .* 0 to 3'),
    ('query,reference\n0,-1\n', "line 2: there is no reference image '-1'"),
    ('query,reference\nq0.jpg,1\nq9.jpg,1\n', "line 3: there is no query image 'q9.jpg'"),
    ('query,reference\n,1\n', 'line 2: there is no query image'),
    ('query,reference\n0,1\n1,1\n0,1\n', r'line 4: query 0 has the reference 1 twice .*line 2'),
    ('query,reference,score\n0,1,high\n', "line 2: expected a finite number for score.*'high'"),
    ('query,reference,score\n0,1,nan\n', 'line 2: expected a finite number'),
    ('query,reference,score\n0,1,inf\n', 'line 2: expected a finite number'),
    ('query,reference,score\n0,1,3\n1,1,\n', 'line 3: score is empty, and other lines have one'),
    ('query,reference,similarity\n0,1,17\n', 'line 2: a similarity is a cosine'),
    ('query,reference,score,distance\n0,1,3,4\n', 'the columns score and distance: keep one'),
    ('query,reference,probability\n0,1,1.5\n', 'line 2: a probability lies in 0 to 1'),
    ('query,reference,probability\n0,1,0.5\n0,2,0.75\n', 'line 3: probability is said of the q'),
    ('query,reference,probability\n0,1,0.5\n1,2,\n', 'line 3: probability is empty for this'),
    ('query,reference,known\n0,1,perhaps\n', "line 2: expected 1 or 0 .*'perhaps'"),
    ('query,reference,known\n0,1,1\n1,2,\n', 'line 3: known is empty for this query'),
    ('query,reference,rank\n0,1,1\n0,2,1\n', 'line 3: rank 1 is also that of line 2'),
    ('query,reference,rank\n0,1,1\n0,2,\n', 'line 3: rank is empty'),
    ('query,reference,rank,score\n0,1,1,3\n0,2,2,4\n', 'line 3: rank 2 is surer .* "distance"'),
    ('query,reference\n0\n', 'line 2: expected 2 values, got 1')])
def test_what_is_wrong_in_a_table_is_said_with_its_line(read, text, words):
    with pytest.raises(VprError, match=words):
        read(text)


def test_names_that_several_images_have_are_refused(read):
    with pytest.raises(VprError, match="2 query images are called 'a': give their numbers"):
        read('query,reference\na,r0.jpg\n', ['a', 'b', 'a'])


def test_a_file_that_is_not_there_is_said_so(tmp_path):
    with pytest.raises(VprError, match='theirs.csv'):
        read_listed(tmp_path / 'theirs.csv', QUERIES, REFERENCES)


def assert_the_same(one: Matches, other: Matches) -> None:
    for name in ('references', 'scores', 'runner_up', 'known', 'probabilities'):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_what_similarity_found_is_read_as_it_was(tmp_path):
    random = np.random.default_rng(0)
    references, queries = (random.normal(size=(n, 16)).astype(np.float32) for n in (40, 30))
    for rows in (references, queries):
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    references[7] = references[3]
    found = find_similar(references, queries, 20).matches
    labels = [f'image, "{i}"' for i in range(40)]
    write_listed(tmp_path / 'matches.csv', found, labels[:30], labels)
    read = read_listed(tmp_path / 'matches.csv', labels[:30], labels)
    assert_the_same(read, found)
    assert read.score_kind == 'similarity'
    first = (tmp_path / 'matches.csv').read_text().splitlines()[:2]
    assert first[0] == ('query,reference,rank,similarity,probability,known,query_image,'
                        'reference_image')
    score = float(found.best_scores[0])
    assert first[1].startswith(f'0,{found.best[0]},1,{score!r},,,"image, ""0"""')


def test_what_a_localizer_said_is_read_as_it_was(tmp_path):
    said = Matches(np.array([[2, 1], [3, -1], [-1, -1]]),
                   np.array([[0.1 + 0.2, 0.1], [0.0, 0.0], [0.0, 0.0]]),
                   known=np.array([True, False, False]),
                   probabilities=np.array([1 / 3, 0.0, 0.25]), score_kind='probability')
    write_listed(tmp_path / 'matches.csv', said, QUERIES, REFERENCES)
    assert_the_same(read_listed(tmp_path / 'matches.csv', QUERIES, REFERENCES), said)


def test_scores_that_are_distances_are_noticed(read):
    text = 'query,reference,score\n' + ''.join(
        f'{q},{r},{s}\n' for q in (0, 1) for r, s in ((0, 0.1), (1, 0.2), (2, 0.7)))
    with pytest.raises(VprError, match='scores rise .* call the column "distance"'):
        read(text)
    # One query may be written the other way round, and so may those that have ranks.
    read(text.replace('1,2,0.7', '1,2,0.15'))
    read(text.replace('score', 'distance'))
