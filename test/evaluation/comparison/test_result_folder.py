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


"""The files of one result."""

import cv2
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.listed import write_listed
from vpr_ros.evaluation.comparison.matches import Matches
from vpr_ros.evaluation.comparison.matches import NOTHING
from vpr_ros.evaluation.comparison.result import Counts
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.result_folder import PICTURES
from vpr_ros.evaluation.comparison.result_folder import result_folder
from vpr_ros.evaluation.comparison.result_folder import ResultFolder
from vpr_ros.evaluation.comparison.result_folder import StoredMatrix

RESULT = PairResult(
    protocol='campus', protocol_hash='0123', pair='day_night', group='', rule='4567', data='89ab',
    truth='within 3 frames', label='compact', network='{}', method='single image',
    statistics='none', counts=Counts(4, 5, 3), numbers={'recall@1': Number(0.5, 3, 0.1, 0.9)})


def place(out, **changes):
    names = {'protocol': 'campus', 'pair': 'day_night', 'label': 'compact',
             'method': 'single image', 'statistics': 'none'}
    return result_folder(out, **{**names, **changes}).path


def test_a_result_is_found_by_its_names(tmp_path):
    assert place(tmp_path) == tmp_path / 'runs/campus/day_night/compact.single-image'
    assert place(tmp_path, method='over time', statistics='whole traverse').name == \
        'compact.over-time.whole-traverse'


def test_names_that_are_no_folders_stay_inside_and_apart(tmp_path):
    labels = ['..', '.', '', '/etc', 'a/b', 'a b', 'a?b', 'gem{weights: imagenet}', 'Zürich',
              'x' * 61, 'x' * 60, 'x' * 300, '\udcff', 'a-b', 'a.b', '-a', 'a']
    for names in ('label', 'pair', 'protocol'):
        folders = {place(tmp_path, **{names: label}) for label in labels}
        assert len(folders) == len(labels)
        for folder in folders:
            assert '..' not in folder.parts
            assert len(folder.relative_to(tmp_path).parts) == 4
            folder.mkdir(parents=True)
            folder.rmdir()


def test_what_was_written_is_read(tmp_path):
    folder = ResultFolder(tmp_path / 'new' / 'folder')
    assert folder.read() is None
    assert folder.read_matrix() is None
    assert folder.read_picture(7, 'query') is None
    for kind in PICTURES:
        folder.write_picture(7, kind, kind.encode())
    levels = np.arange(20, dtype=np.uint8).reshape(4, 5) * 12
    folder.write_matrix(StoredMatrix(levels, -0.25, 0.75, 400, 500))
    folder.write(RESULT)
    assert folder.read() == RESULT
    assert [folder.read_picture(7, kind) for kind in PICTURES] == [
        b'query', b'attention', b'match', b'right']
    assert folder.read_picture(8, 'query') is None
    found = folder.read_matrix()
    np.testing.assert_array_equal(found.levels, levels)
    assert (found.low, found.high, found.queries, found.references) == (-0.25, 0.75, 400, 500)
    # Any viewer shows it: the file is a grey picture.
    seen = cv2.imread(str(folder.path / 'matrix.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(seen, levels)
    assert not list(tmp_path.rglob('*.partial'))


def test_levels_span_the_scale():
    matrix = StoredMatrix.from_similarity([[-1.0, 0.0, 0.5], [1.0, 2.0, np.nan]], 0.0, 1.0,
                                          queries=2, references=3)
    np.testing.assert_array_equal(matrix.levels, [[0, 0, 128], [255, 255, 0]])
    even = StoredMatrix.from_similarity([[0.3, 0.3]], 0.3, 0.3, queries=1, references=2)
    np.testing.assert_array_equal(even.levels, [[0, 0]])


def test_damaged_matrices_are_said_so(tmp_path):
    folder = ResultFolder(tmp_path)
    matrix = StoredMatrix(np.zeros((2, 2), np.uint8), 0.0, 1.0, 2, 2)
    folder.write_matrix(matrix)
    for name, content in (('matrix.png', b''), ('matrix.png', b'no picture'),
                          ('matrix.json', b'{"low": 1}'), ('matrix.json', b'[]'),
                          ('matrix.json', b'{'), ('matrix.json', b'\xff')):
        folder.write_matrix(matrix)
        (tmp_path / name).write_bytes(content)
        with pytest.raises(VprError, match=r'cannot be read .*: remove the folder'):
            folder.read_matrix()
    folder.write_matrix(matrix)
    (tmp_path / 'matrix.json').unlink()
    with pytest.raises(VprError, match=r'matrix\.json'):
        folder.read_matrix()


@pytest.mark.parametrize(('fields', 'words'), [
    ((np.zeros((2, 2)), 0.0, 1.0, 2, 2), 'as uint8, got float64'),
    ((np.zeros((0, 2), np.uint8), 0.0, 1.0, 2, 2), 'got uint8'),
    ((np.zeros((2, 2), np.uint8), np.nan, 1.0, 2, 2), 'finite ends'),
])
def test_matrices_that_are_none_are_refused(fields, words):
    with pytest.raises(ValueError, match=words):
        StoredMatrix(*fields)


def test_pictures_have_names_that_are_known(tmp_path):
    with pytest.raises(ValueError, match='expected one of'):
        ResultFolder(tmp_path).read_picture(1, '../query')


def test_the_first_references_are_read_as_matches_were_written(tmp_path):
    folder = ResultFolder(tmp_path)
    assert folder.read_best(4) is None
    matches = Matches(np.array([[7, 2], [NOTHING, NOTHING], [0, NOTHING], [3, 7]]),
                      np.array([[0.9, 0.5], [0, 0], [0.25, 0], [0.7, 0.7]]))
    write_listed(folder.matches_path, matches, ['a', 'b,\n', 'c\udcff', 'd'], ['x'] * 8)
    assert folder.read_best(4).tolist() == matches.best.tolist() == [7, NOTHING, 0, 3]
    # One candidate each: that nothing was found has rank 1 too.
    alone = Matches(np.array([[NOTHING], [5]]), np.array([[0.0], [0.5]]))
    write_listed(folder.matches_path, alone, ['a', 'b'], ['x'] * 8)
    assert folder.read_best(2).tolist() == [NOTHING, 5]


@pytest.mark.parametrize('text', [
    '', 'query,reference\n', 'query,reference,rank\n0,1\n', 'query,reference,rank\n9,1,1\n',
    'query,reference,rank\nzero,1,1\n'])
def test_damaged_matches_are_told(tmp_path, text):
    folder = ResultFolder(tmp_path)
    folder.matches_path.write_text(text)
    with pytest.raises(VprError, match='matches.csv cannot be read.*measured again'):
        folder.read_best(3)
