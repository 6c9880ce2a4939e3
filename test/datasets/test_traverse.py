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

"""Traverses: lazy frames, stamps and slices."""

import numpy as np
import pytest
from vpr_ros.datasets.traverse import session_label
from vpr_ros.datasets.traverse import synthetic_stamps
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.types import Pose


class CountingImages:
    """Images whose grey value is their number; remembers what was read."""

    def __init__(self, count):
        self.count = count
        self.read_indices = []

    def __len__(self):
        return self.count

    def read(self, index):
        self.read_indices.append(index)
        return np.full((2, 3, 3), index, np.uint8)

    def label(self, index):
        return f'{index}.png'


def test_frames_come_in_order_and_are_read_one_at_a_time():
    images = CountingImages(4)
    traverse = Traverse.of(images, name='walk', camera='left')
    frames = traverse.frames()
    assert images.read_indices == []
    first = next(frames)
    assert images.read_indices == [0]
    assert (first.stamp_ns, first.camera, int(first.image[0, 0, 0])) == (10**9, 'left', 0)
    assert [frame.stamp_ns for frame in traverse] == [10**9, 2 * 10**9, 3 * 10**9, 4 * 10**9]


def test_missing_stamps_are_synthesised_and_marked():
    assert Traverse.of(CountingImages(2), name='a').stamps_synthetic
    half = Traverse.of(CountingImages(3), name='a', period_s=0.1)
    assert half.stamps_ns.tolist() == [100_000_000, 200_000_000, 300_000_000]
    real = Traverse.of(CountingImages(2), name='a', stamps_ns=[5, 7])
    assert not real.stamps_synthetic
    assert real.stamps_ns.tolist() == [5, 7]
    with pytest.raises(ValueError, match='positive'):
        synthetic_stamps(3, period_s=0)


def test_a_slice_reads_nothing_and_keeps_stamps_poses_and_numbers_together():
    images = CountingImages(10)
    poses = tuple(Pose(np.array([float(i), 0, 0])) for i in range(10))
    part = Traverse.of(images, name='a', poses=poses)[1::3][1:]
    assert images.read_indices == []
    assert len(part) == 2
    assert part.source_indices.tolist() == [4, 7]
    assert part.stamps_ns.tolist() == [5 * 10**9, 8 * 10**9]
    assert part.positions()[:, 0].tolist() == [4.0, 7.0]
    assert part.label(-1 % len(part)) == '7.png'
    frame = part.frame(1)
    assert int(frame.image[0, 0, 0]) == 7
    assert frame.T_map_base is poses[7]
    assert int(part[-2].image[0, 0, 0]) == 4


def test_frames_outside_and_backward_slices_are_refused():
    traverse = Traverse.of(CountingImages(3), name='walk')
    for index in (3, -4):
        with pytest.raises(IndexError, match='walk.*0 to 2'):
            traverse.frame(index)
    with pytest.raises(ValueError, match='forward'):
        traverse[::-1]


def test_disagreeing_lengths_and_disordered_stamps_are_refused():
    with pytest.raises(ValueError, match='2 images but 1 stamps'):
        Traverse.of(CountingImages(2), name='a', stamps_ns=[1])
    with pytest.raises(ValueError, match='1 poses'):
        Traverse.of(CountingImages(2), name='a', poses=(None,))
    with pytest.raises(ValueError, match='frame 2 .* does not come after frame 1'):
        Traverse.of(CountingImages(3), name='a', stamps_ns=[1, 5, 5])


def test_positions_need_every_pose():
    assert Traverse.of(CountingImages(1), name='a').positions() is None
    poses = (Pose.identity(), None)
    assert Traverse.of(CountingImages(2), name='a', poses=poses).positions() is None


def test_stamps_are_read_only_for_the_user_and_stay_writable_for_the_caller():
    stamps = np.array([1, 2])
    traverse = Traverse.of(CountingImages(2), name='a', stamps_ns=stamps)
    with pytest.raises(ValueError, match='read-only'):
        traverse.stamps_ns[0] = 9
    stamps[0] = 0


@pytest.mark.parametrize(('parts', 'label'), [
    (('gardens_point', 'day_left'), 'gardens_point/day_left'),
    (('my set', 'run #1/Ost'), 'my_set/run_1_Ost'),
    (('..', '...'), 'session'),
])
def test_session_labels_are_safe_everywhere(parts, label):
    assert session_label(*parts) == label
