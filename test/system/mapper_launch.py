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


"""A robot makes a map and then finds its way in it (a launch test)."""

from pathlib import Path
import sys

import numpy as np
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.messages.geometry import odometry_message
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.types import Pose

sys.path.append(str(Path(__file__).parent))
from launched import ACTIVATE  # noqa: E402, I100
from launched import ACTIVE  # noqa: E402
from launched import CLEAN_UP  # noqa: E402
from launched import CONFIGURE  # noqa: E402
from launched import DEACTIVATE  # noqa: E402
from launched import EndsWell  # noqa: E402, F401
from launched import FOLDER  # noqa: E402
from launched import IMAGES  # noqa: E402
from launched import launching  # noqa: E402
from launched import RobotCase  # noqa: E402
from launched import SECOND  # noqa: E402
from launched import tested  # noqa: E402
from launched import write_parameters  # noqa: E402

MAP = FOLDER / 'town.vprmap'
PLACES = 20


def generate_test_description():
    """Start a mapper, and a localizer that waits until there is a map."""
    of_the_mapper = write_parameters('map.yaml', queue_size=100, **{
        'extraction.network': 'thumbnail', 'pose_wait_s': 10.0})
    return tested(
        launching('map', map=MAP, image=IMAGES, poses='topic', pose='/slam/odom',
                  session='by day', extend='true', params_file=of_the_mapper),
        launching('localize', map=MAP, image=IMAGES, autostart='false',
                  params_file=write_parameters('localize.yaml')))


class Mapping(RobotCase):
    """First the drive that makes the map, then the same way again."""

    def test_1_a_map_is_made_of_images_and_poses(self):
        """Each place has the pose of its image; deactivated, all of it is in the file."""
        robot = self.robot('mapper')
        robot.wait(lambda: robot.state() == ACTIVE, 'autostart')
        poses = robot.publisher('nav_msgs/msg/Odometry', '/slam/odom', 100)
        for publisher in (poses, robot.images):
            robot.wait(lambda of=publisher: of.get_subscription_count() > 0, 'a subscription')
        places = robot.heard['new_place']
        for number in range(PLACES):
            stamp_ns = (100 + number) * SECOND
            for ago_ns in (SECOND // 20, -SECOND // 20):
                poses.publish(odometry_message(robot.factory, StampedPose(
                    stamp_ns - ago_ns, 'map', 'base_link',
                    Pose(np.array([10.0 * number - ago_ns * 10.0 / SECOND, 5.0, 0.0])))))
            robot.show(number, stamp_ns)
            robot.wait(lambda count=number + 1: len(places) >= count, f'place {number}')
        # The robot stands: this is no new place.
        poses.publish(odometry_message(robot.factory, StampedPose(
            120 * SECOND, 'map', 'base_link', Pose(np.array([10.0 * PLACES - 10.0, 5.0, 0.0])))))
        robot.show(PLACES - 1, 120 * SECOND)
        robot.spin(1.0)
        assert len(places) == PLACES
        saved = robot.call('vpr_msgs/srv/SaveMap', 'save_map')
        assert (saved.success, saved.path) == (True, str(MAP)), saved.message
        robot.change(DEACTIVATE, CLEAN_UP)
        with PlaceMap.open(MAP) as made:
            assert [session.name for session in made.sessions()] == ['by day']
            positions = [made.place(place).T_map_base.position for place in made.place_ids()]
        expected = [[10.0 * number, 5.0, 0.0] for number in range(PLACES)]
        np.testing.assert_allclose(positions, expected, atol=1e-6)

    def test_2_the_localizer_finds_its_way_in_it(self):
        """It answers with the poses that the mapper was told."""
        robot = self.robot()
        robot.change(CONFIGURE, ACTIVATE)
        robot.drive([8, 9, 10, 11], first_ns=1000 * SECOND)
        last = robot.matches[-1]
        assert last.decision
        assert last.candidates[0].session == 'by day'
        assert last.candidates[0].stamp.sec == 111
        robot.wait(lambda: any(pose.header.stamp == last.header.stamp for pose in robot.poses),
                   'the pose')
        position = robot.poses[-1].pose.pose.position
        np.testing.assert_allclose([position.x, position.y], [110.0, 5.0], atol=1e-6)
