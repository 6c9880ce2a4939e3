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

"""Trajectory files of strangers."""

import numpy as np
import pytest
from vpr_ros.datasets.trajectory import read_trajectory
from vpr_ros.errors import VprError


def test_lines_become_poses(tmp_path):
    path = tmp_path / 'tum.txt'
    path.write_text('# timestamp tx ty tz qx qy qz qw\n\n'
                    '1700000000.123456789 1 -2.5 3e0 0 0 0.6 0.8\n'
                    '1700000001, 4, 5, 6, 0, 0, 0, 2  # by hand\n')
    first, second = read_trajectory(path)
    assert first.stamp_ns == 1_700_000_000_123_456_789
    assert second.stamp_ns == 1_700_000_001_000_000_000
    assert first.pose.position.tolist() == [1.0, -2.5, 3.0]
    assert np.allclose(first.pose.quaternion, [0, 0, 0.6, 0.8])
    assert np.allclose(second.pose.quaternion, [0, 0, 0, 1])


@pytest.mark.parametrize(('text', 'said'), [
    ('1 2 3 4 0 0 0 1\n5 6 7\n', 'line 2: expected stamp x y z'),
    ('1 2 3 4 0 0 0 1 9\n', 'line 1: expected'),
    ('-1 2 3 4 0 0 0 1\n', 'line 1: expected'),
    ('1 2 3 4 0 0 0 0\n', 'line 1: .*quaternion'),
    ('1 2 nan 4 0 0 0 1\n', 'line 1: .*finite'),
    ('1 2 x 4 0 0 0 1\n', 'line 1: could not convert'),
    ('# nothing\n', 'holds no poses'),
    ('', 'holds no poses')])
def test_what_is_no_trajectory_is_said(tmp_path, text, said):
    path = tmp_path / 'tum.txt'
    path.write_text(text)
    with pytest.raises(VprError, match=said):
        list(read_trajectory(path))


def test_files_that_are_none(tmp_path):
    with pytest.raises(VprError, match='cannot read'):
        list(read_trajectory(tmp_path / 'none.txt'))
    (tmp_path / 'tum.txt').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(VprError, match='not UTF-8'):
        list(read_trajectory(tmp_path / 'tum.txt'))
