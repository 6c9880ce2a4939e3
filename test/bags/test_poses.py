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

"""Where the robot was, from recorded bags."""

import numpy as np
import pytest
from vpr_ros.bags.frames import read_cameras
from vpr_ros.bags.make import write_frames
from vpr_ros.bags.poses import find_datum
from vpr_ros.bags.poses import FixPoses
from vpr_ros.bags.poses import TopicPoses
from vpr_ros.bags.poses import TrajectoryPoses
from vpr_ros.bags.poses import TransformPoses
from vpr_ros.bags.reader import BagReader
from vpr_ros.bags.writer import BagWriter
from vpr_ros.errors import VprError
from vpr_ros.maps.datum import Datum
from vpr_ros.messages import geometry
from vpr_ros.messages.sensors import SatelliteFix
from vpr_ros.types import Frame
from vpr_ros.types import Pose

SECOND = 10 ** 9
GAP = 2 * SECOND
ANTENNA = Pose([2.0, 1.0, 3.0], [0.5, 0.5, 0.5, 0.5])
HERE = Datum(50.0, 8.0, 100.0)
DEGREES_PER_METRE_NORTH = 1 / 111_229.0


def same(found, wanted):
    return np.allclose(found.matrix(), wanted.matrix(), atol=1e-9)


def fixes_north(count, *, invalid=0, **more):
    """Return fixes of a robot that drives north at 2 m/s; the first have no fix."""
    return [SatelliteFix((n + 1) * SECOND, 50.0 + 2 * n * DEGREES_PER_METRE_NORTH, 8.0, 103.0,
                         valid=n >= invalid, **more) for n in range(count)]


@pytest.fixture
def write(tmp_path):
    """Return a function that writes a bag of what a vehicle knows."""
    def make(frames=(), **options):
        return write_frames(tmp_path / 'in.mcap', frames, **options).path

    return make


def test_poses_of_a_topic(write, frames):
    with BagReader(write(frames)) as bag:
        track = TopicPoses('/ground_truth/pose', GAP).open(bag)
        for frame in frames:
            assert same(track.at(frame.stamp_ns), frame.T_map_base)


def test_poses_of_transforms_through_the_tree(tmp_path, frames):
    """From map over odom to base, and from there to the camera, which stands still."""
    with BagWriter(tmp_path / 'in.mcap') as bag:
        factory = bag.factory

        def transform(topic, *edge):
            stamped = geometry.StampedPose(*edge)
            bag.write(topic, 'tf2_msgs/msg/TFMessage', geometry.tf_message(factory, [stamped]),
                      edge[0])

        start = frames[0].stamp_ns
        transform('/tf_static', start, 'base_link', 'camera', ANTENNA)
        drift = Pose.from_xy_yaw(100.0, 0.0, 1.0)
        for frame in frames:
            transform('/tf', frame.stamp_ns, 'odom', 'base_link', frame.T_odom_base)
            transform('/tf', frame.stamp_ns, 'base_link', 'wheel', frame.T_map_base)
            transform('/tf', frame.stamp_ns, '/map', 'odom', drift)
    with BagReader(tmp_path / 'in.mcap') as bag:
        track = TransformPoses('map', 'base_link', GAP).open(bag)
        assert all(same(track.at(f.stamp_ns), drift @ f.T_odom_base) for f in frames)
        track = TransformPoses('map', 'camera', GAP).open(bag)
        assert all(same(track.at(f.stamp_ns), drift @ f.T_odom_base @ ANTENNA) for f in frames)
        with pytest.raises(VprError, match="in.mcap: no transforms join 'earth' and 'base_link'; "
                           'there are: base_link -> camera, base_link -> wheel, map -> odom'):
            TransformPoses('earth', 'base_link', GAP).open(bag)


def fix_poses(**changes):
    return FixPoses(**{'topic': '/gps/fix', 'datum': HERE, 'base_frame': 'base_link',
                       'sigma_m': 10.0, 'heading_distance_m': 5.0, 'max_gap_ns': GAP, **changes})


def test_poses_of_fixes_with_the_mounting_of_the_antenna(write, frames):
    """The antenna is 2 m ahead, 1 m to the left (west, driving north) and 3 m up."""
    with BagReader(write(frames[:1], fixes=fixes_north(20), T_base_gps=ANTENNA)) as bag:
        pose = fix_poses().open(bag).at(11 * SECOND)
        np.testing.assert_allclose(pose.position, [1.0, 18.0, 0.0], atol=0.02)
        assert pose.yaw() == pytest.approx(np.pi / 2, abs=1e-3)
        pose = fix_poses(base_frame='chassis').open(bag).at(11 * SECOND)
        np.testing.assert_allclose(pose.position, [0.0, 20.0, 3.0], atol=0.02)


def test_where_there_is_no_fix_there_is_no_pose(write):
    with BagReader(write(fixes=fixes_north(20, invalid=10))) as bag:
        track = fix_poses().open(bag)
        assert track.at(9 * SECOND) is None
        assert track.at(12 * SECOND) is not None
        datum = find_datum(bag, '/gps/fix', 10.0)
        assert datum.latitude_deg == pytest.approx(50.0 + 20 * DEGREES_PER_METRE_NORTH)
        assert (datum.longitude_deg, datum.altitude_m) == (8.0, 103.0)


@pytest.mark.parametrize('fixes', [
    fixes_north(5, invalid=5), fixes_north(5, covariance=np.eye(3) * 1000.0)])
def test_a_receiver_that_never_knew(write, fixes):
    with BagReader(write(fixes=fixes)) as bag:
        for read in (lambda: fix_poses().open(bag), lambda: find_datum(bag, '/gps/fix', 10.0)):
            with pytest.raises(VprError, match=r'no message on /gps/fix holds a fix with a '
                               r'standard deviation of at most 10 m \(map.fix_sigma_m\)'):
                read()


def test_without_altitude_the_datum_lies_on_the_ellipsoid(write):
    fix = SatelliteFix(SECOND, 50.0, 8.0, float('nan'))
    with BagReader(write(fixes=[fix])) as bag:
        assert find_datum(bag, '/gps/fix', 0.0) == Datum(50.0, 8.0, 0.0)


def test_poses_of_a_file_beside_the_bag(tmp_path):
    (tmp_path / 'tum.txt').write_text('1 0 0 0 0 0 0 1\n3 4 0 0 0 0 0 1\n')
    track = TrajectoryPoses(tmp_path / 'tum.txt', GAP).open()
    assert track.at(2 * SECOND).position.tolist() == [2.0, 0.0, 0.0]


def test_images_of_several_cameras_come_in_the_order_of_the_bag(write, frames):
    both = []
    for n, frame in enumerate(frames):
        both.append(frame)
        both.append(Frame(frame.stamp_ns + 1000, frame.image[::2, ::2] + 1 + n, camera='rear'))
    path = write(both, image_topic='/{camera}/image_raw')
    with BagReader(path) as bag:
        found = list(read_cameras(bag, {'rear': '/rear/image_raw', 'front': 'front/image_raw'},
                                  poses=TopicPoses('/ground_truth/pose', GAP).open(bag)))
    assert [(f.camera, f.stamp_ns) for f in found] == [(f.camera, f.stamp_ns) for f in both]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(found, both, strict=True))
    assert [f.calibration is not None for f in found] == [True, False] * 6
    assert same(found[0].calibration.T_base_optical, frames[0].calibration.T_base_optical)
    # The rear camera looks a microsecond later.
    assert found[3].T_map_base.distance_to(frames[1].T_map_base) < 1e-4
