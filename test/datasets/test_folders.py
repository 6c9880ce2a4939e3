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

"""Folders of one's own."""

import pytest
from vpr_ros.datasets.folders import FolderOfTraverses
from vpr_ros.datasets.folders import SingleFolder
from vpr_ros.errors import VprError


@pytest.fixture
def town(tmp_path, write_images):
    root = tmp_path / 'town'
    write_images(root / 'run10', ['a.png', 'b.png'])
    write_images(root / 'run9', ['a.png', 'b.png', 'c.png'])
    write_images(root / '.cache', ['a.png'])
    (root / 'notes').mkdir()
    return root


def test_every_subfolder_with_images_is_a_traverse(town):
    dataset = FolderOfTraverses(town)
    assert dataset.name == 'town'
    assert dataset.traverses() == ['run9', 'run10']
    assert dataset.traverse('run9').session == 'town/run9'
    with pytest.raises(VprError, match="'run8'; did you mean 'run9'"):
        dataset.traverse('run8')


def test_truth_comes_from_poses_only(town):
    dataset = FolderOfTraverses(town)
    assert dataset.ground_truth('run9', 'run10') is None
    (town / 'run9' / 'poses.csv').write_text('x,y\n0,0\n6,0\n12,0\n')
    assert dataset.ground_truth('run9', 'run10') is None
    (town / 'run10' / 'poses.csv').write_text('x,y\n1,0\n100,0\n')
    truth = dataset.ground_truth('run9', 'run10')
    assert [truth.matches(q).tolist() for q in range(2)] == [[0, 1], []]
    wide = dataset.ground_truth('run9', 'run10', tolerance=12.0)
    assert wide.matches(0).tolist() == [0, 1, 2]


def test_a_folder_without_traverses_is_refused(tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(VprError, match='no subfolder'):
        FolderOfTraverses(tmp_path)


def test_a_single_folder_is_one_traverse(town):
    dataset = SingleFolder(town / 'run9')
    assert dataset.traverses() == ['run9']
    assert len(dataset.traverse('run9')) == 3
    assert dataset.ground_truth('run9', 'run9') is None
    with pytest.raises(VprError, match='unknown traverse'):
        dataset.traverse('other')
