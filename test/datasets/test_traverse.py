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

"""Traverses: lazy frames, stamps, slices, and the streams of other sensors."""

import numpy as np
import pytest
from vpr_ros.datasets.traverse import session_label
from vpr_ros.datasets.traverse import synthetic_stamps
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.errors import VprError
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.sensors import SatelliteFix
from vpr_ros.runtime.pose_track import PoseTrack
from vpr_ros.types import Camera
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


def drive(count=10, **options):
    """Make frames at 1 s, 2 s, ... with odometry each 0.1 s at 3 m/s, and a fix each 0.4 s."""
    odometry = tuple(StampedPose(i * 10**8, 'odom', 'base_link', Pose.from_xy_yaw(0.3 * i, 0, 0))
                     for i in range(10 * count + 20))
    fixes = tuple(SatelliteFix(i * 4 * 10**8, -27.0, 153.0, 10.0) for i in range(3 * count))
    values = {'odometry': odometry, 'fixes': fixes, 'T_base_gps': Pose([0.1, 0, 1.5]), **options}
    return Traverse.of(CountingImages(count), name='drive', **values)


def test_frames_carry_calibration_and_the_odometry_of_their_stamp():
    calibration = Camera('front', 3, 2, np.eye(3))
    stamps = [10**9, 10**9 + 25_000_000, 10**9 + 90_000_000]
    traverse = drive(3, calibration=calibration, stamps_ns=stamps)
    for frame in traverse:
        assert frame.calibration is calibration
        assert frame.T_odom_base.position[0] == pytest.approx(3 * frame.stamp_ns / 1e9, abs=1e-9)


def test_without_streams_frames_know_neither_calibration_nor_odometry():
    frame = Traverse.of(CountingImages(1), name='a')[0]
    assert frame.calibration is None and frame.T_odom_base is None


def test_odometry_is_unknown_beyond_its_samples():
    long = drive(10)
    short = drive(10, odometry=tuple(s for s in long.odometry if s.stamp_ns <= 4 * 10**9))
    assert [frame.T_odom_base is None for frame in short] == [False] * 4 + [True] * 6


def test_the_odometry_is_sorted_out_once_and_not_for_each_frame(monkeypatch):
    made = []

    class CountedTrack(PoseTrack):

        def __init__(self, samples):
            made.append(self)
            super().__init__(samples)

    monkeypatch.setattr('vpr_ros.datasets.traverse.PoseTrack', CountedTrack)
    assert len(list(drive(10))) == 10
    assert len(made) == 1


@pytest.mark.parametrize('index', [slice(3, 6), slice(0, 1), slice(None, None, 4), slice(8, None)])
def test_a_slice_holds_the_streams_around_its_frames(index):
    traverse = drive(10, stamps_ns=np.arange(10) * 10**9 + 10**9 + 30_000_000)
    part = traverse[index]
    first, last = int(part.stamps_ns[0]), int(part.stamps_ns[-1])
    for stream, period in ((part.odometry, 10**8), (part.fixes, 4 * 10**8)):
        assert first - period < stream[0].stamp_ns <= first
        assert last <= stream[-1].stamp_ns < last + period
        assert len(stream) == (stream[-1].stamp_ns - stream[0].stamp_ns) // period + 1
    for frame, whole in zip(part, list(traverse)[index], strict=True):
        assert np.array_equal(frame.T_odom_base.position, whole.T_odom_base.position)
    assert part.T_base_gps is traverse.T_base_gps


def test_a_slice_keeps_what_it_needs_at_the_ends_of_the_streams():
    traverse = drive(4, fixes=(), calibration=Camera('front', 3, 2, np.eye(3)))
    late = drive(4, odometry=traverse.odometry[25:28])
    assert late[1:].odometry == late.odometry
    assert traverse[1:2].fixes == ()
    assert traverse[1:2].calibration is traverse.calibration
    empty = traverse[2:2]
    assert (len(empty), empty.odometry, empty.fixes) == (0, (), ())


def test_disordered_streams_and_odometry_of_several_frames_are_refused():
    samples = drive(2).odometry
    with pytest.raises(ValueError, match=r'odometry 2 \(100000000 ns\) does not come after odom'):
        drive(2, odometry=(samples[0], samples[1], samples[1]))
    with pytest.raises(ValueError, match=r'fix 1 \(3 ns\) does not come after fix 0 \(4 ns\)'):
        drive(2, fixes=(SatelliteFix(4, 0.0, 0.0, 0.0), SatelliteFix(3, 0.0, 0.0, 0.0)))
    other = StampedPose(samples[1].stamp_ns, 'odom', 'rear_axle', Pose.identity())
    with pytest.raises(ValueError, match="'base_link' in 'odom' and 'rear_axle' in 'odom'"):
        drive(2, odometry=(samples[0], other))


def test_a_calibration_for_another_size_is_refused_when_the_image_is_read():
    traverse = drive(2, calibration=Camera('front', 640, 480, np.eye(3)))
    assert traverse.images.read_indices == []
    with pytest.raises(VprError, match='is for 640 x 480 pixels, but 1.png has 3 x 2'):
        traverse.frame(1)


class CountingDepths:
    """Depth in metres that is the number of the image."""

    def read_depth(self, index):
        return np.full((2, 3), index, np.float32)


def test_depth_comes_with_the_image_that_it_is_of():
    traverse = Traverse.of(CountingImages(6), name='walk', depths=CountingDepths())
    assert [float(frame.depth[0, 0]) for frame in traverse[1::2]] == [1.0, 3.0, 5.0]
    assert Traverse.of(CountingImages(2), name='walk').frame(0).depth is None
