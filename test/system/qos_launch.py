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


"""Publishers whose quality of service fits, or does not (a launch test)."""

from pathlib import Path
import sys

from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy

sys.path.append(str(Path(__file__).parent))
from launched import EndsWell  # noqa: E402, F401, I100
from launched import launching  # noqa: E402
from launched import OK  # noqa: E402
from launched import RobotCase  # noqa: E402
from launched import SECOND  # noqa: E402
from launched import tested  # noqa: E402
from launched import WARN  # noqa: E402
from launched import write_map  # noqa: E402
from launched import write_parameters  # noqa: E402

FRONT = '/front/image_raw'
MANY = 60


def generate_test_description():
    """Start a node that may lose nothing, as the page about the nodes says it is done."""
    reliable = {'reliability': 'reliable', 'history': 'keep_last', 'depth': 100}
    parameters = write_parameters(
        queue_size=100, qos_overrides={FRONT: {'subscription': reliable}})
    return tested(launching('localize', map=write_map(), image=FRONT, params_file=parameters))


class QualityOfService(RobotCase):
    """A camera publishes with one policy and then with the other."""

    def publish_with(self, robot, reliability, depth):
        """Publish images with a policy from now on."""
        if robot.images.topic_name == FRONT:
            robot.node.destroy_publisher(robot.images)
        robot.images = robot.publisher('sensor_msgs/msg/Image', FRONT,
                                       QoSProfile(depth=depth, reliability=reliability))

    def test_1_a_publisher_that_does_not_fit_is_told_by_its_policy(self):
        """A best effort camera is not heard reliably; diagnostics say which policy it is."""
        robot = self.robot()
        self.publish_with(robot, ReliabilityPolicy.BEST_EFFORT, 5)
        status = self.wait_for_status(robot, 'input image', WARN, 'RELIABILITY')
        values = {item.key: item.value for item in status.values}
        assert values['QoS of a publisher that does not fit'] == 'RELIABILITY'
        assert values['topic'] == FRONT
        # When it is silent for long, that is part of the reason.
        self.wait_for_status(robot, 'localization', WARN, 'does not fit: RELIABILITY')
        robot.show(3, 40 * SECOND)
        robot.spin(1.0)
        assert not robot.matches

    def test_2_reliably_and_with_a_queue_no_image_is_lost(self):
        """Sixty at once are answered one by one, in their order."""
        robot = self.robot()
        self.publish_with(robot, ReliabilityPolicy.RELIABLE, 2 * MANY)
        robot.drive([3, 4, 5], first_ns=50 * SECOND)
        for step in range(MANY):
            robot.show(step % 30, (53 + step) * SECOND)
        robot.wait(lambda: len(robot.matches) >= 3 + MANY, f'{MANY} answers')
        assert [match.header.stamp.sec for match in robot.matches] == list(range(50, 53 + MANY))
        robot.diagnostics.clear()
        self.wait_for_status(robot, 'input image', OK, f'Hz on {FRONT}')
        status = self.wait_for_status(robot, 'localization', OK, '')
        assert {item.key: item.value for item in status.values}['dropped'] == '0'
