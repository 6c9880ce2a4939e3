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


"""Images that do not come, and what the localizer says of it (a launch test)."""

from pathlib import Path
import sys

sys.path.append(str(Path(__file__).parent))
from launched import ACTIVATE  # noqa: E402, I100
from launched import ACTIVE  # noqa: E402
from launched import DEACTIVATE  # noqa: E402
from launched import EndsWell  # noqa: E402, F401
from launched import IMAGES  # noqa: E402
from launched import launching  # noqa: E402
from launched import OK  # noqa: E402
from launched import RobotCase  # noqa: E402
from launched import SECOND  # noqa: E402
from launched import tested  # noqa: E402
from launched import WARN  # noqa: E402
from launched import write_map  # noqa: E402
from launched import write_parameters  # noqa: E402

WRONG = '/camera/imag_raw'


def generate_test_description():
    """Start a node whose image topic is misspelt, and one that odometry was promised to."""
    places, parameters = write_map(), write_parameters()
    return tested(
        launching('localize', map=places, image=WRONG, params_file=parameters),
        launching('localize', map=places, image=IMAGES, odometry='/odm', params_file=parameters,
                  namespace='deaf'))


class WrongTopic(RobotCase):
    """A silent topic has a reason, which is told once in the log and always in diagnostics."""

    def setUp(self):
        """Begin anew, with nothing heard."""
        self.asker = robot = self.robot()
        robot.wait(lambda: robot.state() == ACTIVE, 'autostart')
        robot.change(DEACTIVATE, ACTIVATE)

    def test_a_topic_that_nobody_publishes(self, proc_output):
        """The parameter that names it is said, and no more than once while it is silent."""
        sentence = f'no image on {WRONG} for'
        before = len(self.lines_with(proc_output, sentence))
        for name in ('input image', 'localization'):
            told = self.wait_for_status(self.asker, name, WARN, sentence).message
            assert 'nobody publishes it: set the parameter image' in told
        self.asker.spin(2.5)
        (line,) = self.lines_with(proc_output, sentence)[before:]
        assert 'WARN' in line
        assert 'set the parameter image' in line

    def test_a_topic_of_another_type_and_then_of_the_right_one(self):
        """What is published there is no image; when images come, all is well again."""
        other = self.asker.publisher('sensor_msgs/msg/CompressedImage', WRONG, 5)
        try:
            self.wait_for_status(self.asker, 'input image', WARN,
                                 '1 publishes it: is it Image, and is their QoS compatible?')
        finally:
            self.asker.node.destroy_publisher(other)
        right = self.asker.publisher('sensor_msgs/msg/Image', WRONG, 5)
        usual, self.asker.images = self.asker.images, right
        try:
            self.asker.drive([3, 4, 5], first_ns=50 * SECOND)
            self.asker.diagnostics.clear()
            self.wait_for_status(self.asker, 'input image', OK, f'Hz on {WRONG}')
            self.wait_for_status(self.asker, 'localization', OK, '')
        finally:
            self.asker.images = usual
            self.asker.node.destroy_publisher(right)

    def test_odometry_that_does_not_come_keeps_no_image_from_its_answer(self):
        """Its silence is another matter than that of images."""
        robot = self.robot('localizer', '/deaf')
        robot.images = robot.publisher('sensor_msgs/msg/Image', IMAGES, 5)
        robot.drive([3, 4, 5, 6], first_ns=50 * SECOND)
        assert robot.matches[-1].decision
        told = self.wait_for_status(robot, 'input odometry', WARN, 'no odometry on /odm for')
        assert 'set the parameter odometry' in told.message
