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


"""Two robots in one graph, started by one launch file (a launch test)."""

from pathlib import Path
import sys

from tf2_msgs.msg import TFMessage

sys.path.append(str(Path(__file__).parent))
from launched import EndsWell  # noqa: E402, F401, I100
from launched import launching  # noqa: E402
from launched import OK  # noqa: E402
from launched import RobotCase  # noqa: E402
from launched import SECOND  # noqa: E402
from launched import tested  # noqa: E402
from launched import write_map  # noqa: E402
from launched import write_parameters  # noqa: E402

FIRST = {'/r1': 0, '/r2': 500}


def generate_test_description():
    """Start two nodes by the same relative names, each with its own map."""
    parameters = write_parameters(tf_sigma_m=10.0, tf_sigma_rad=3.0)
    return tested(*(
        launching('localize', namespace=namespace, namespaced_tf='true', params_file=parameters,
                  map=write_map(f'{first}.vprmap', first=first), image='camera/image_raw',
                  odometry='odom', publish_tf='true')
        for namespace, first in FIRST.items()))


class TwoRobots(RobotCase):
    """What one sees, is told and asks is its own."""

    def drive(self, robot, places, second):
        """Drive with odometry, which has the robot ten metres further at each place."""
        robot.wait(lambda: robot.odometry.get_subscription_count() > 0, 'odometry')
        for step, place in enumerate(places):
            stamp_ns = (second + step) * SECOND
            for ago_ns in (SECOND // 20, -SECOND // 20):
                robot.measure(stamp_ns - ago_ns, 10.0 * step - ago_ns * 10.0 / SECOND)
            robot.spin(0.1)
            robot.drive([place], first_ns=stamp_ns)

    def test_each_answers_its_own_robot(self):
        """Images of one are not answered by the other."""
        first, second = (self.robot('localizer', namespace) for namespace in FIRST)
        self.drive(first, [3, 4, 5, 6], 50)
        assert not second.matches
        self.drive(second, [503, 504, 505, 506], 60)
        assert len(first.matches) == 4
        for robot in (first, second):
            assert robot.matches[-1].decision
            assert robot.matches[-1].candidates[0].stamp.sec == 7
        assert first.matches[-1].map_id != second.matches[-1].map_id

    def test_each_has_its_own_transforms(self):
        """Nobody publishes on the topics that all share."""
        heard = {topic: [] for topic in ('/r1/tf', '/r2/tf', '/tf')}
        first, second = (self.robot('localizer', namespace) for namespace in FIRST)
        for topic, messages in heard.items():
            first.node.create_subscription(TFMessage, topic, messages.append, 100)

        def corrected(topic, x):
            for message in heard[topic][-1:]:
                (transform,) = message.transforms
                assert (transform.header.frame_id, transform.child_frame_id) == ('map', 'odom')
                return abs(transform.transform.translation.x - x) < 1.0
            return False

        self.drive(first, [10, 11, 12, 13], 150)
        first.wait(lambda: corrected('/r1/tf', 100.0), 'the transform of the first robot')
        self.drive(second, [505, 506, 507, 508], 160)
        first.wait(lambda: corrected('/r2/tf', 50.0), 'the transform of the second robot')
        assert corrected('/r1/tf', 100.0)
        assert not heard['/tf']
        assert first.node.count_publishers('/tf') == 0

    def test_each_is_asked_by_its_own_name(self):
        """Services and diagnostics carry the namespace."""
        first, second = (self.robot('localizer', namespace) for namespace in FIRST)
        assert first.call('std_srvs/srv/SetBool', 'pause', data=True).success
        self.wait_for_status(first, 'localization', OK, 'paused')
        self.drive(second, [503], 260)
        assert first.call('std_srvs/srv/SetBool', 'pause', data=False).success
        self.drive(first, [3], 250)
