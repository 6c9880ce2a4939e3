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


"""A lifecycle manager takes the localizer through its life (a launch test)."""

from pathlib import Path
import subprocess
import sys

sys.path.append(str(Path(__file__).parent))
from launched import ACTIVATE  # noqa: E402, I100
from launched import ACTIVE  # noqa: E402
from launched import CLEAN_UP  # noqa: E402
from launched import CONFIGURE  # noqa: E402
from launched import DEACTIVATE  # noqa: E402
from launched import EndsWell  # noqa: E402, F401
from launched import FINALIZED  # noqa: E402
from launched import IMAGES  # noqa: E402
from launched import INACTIVE  # noqa: E402
from launched import launching  # noqa: E402
from launched import RobotCase  # noqa: E402
from launched import SECOND  # noqa: E402
from launched import tested  # noqa: E402
from launched import UNCONFIGURED  # noqa: E402
from launched import write_map  # noqa: E402
from launched import write_parameters  # noqa: E402

SHUT_DOWN_ACTIVE = 7
QUESTIONS = ('load_map', 'save_map', 'relocalize', 'pause', 'reset', 'update_poses')


def generate_test_description():
    """Start a node that waits for its manager."""
    return tested(launching('localize', map=write_map(), image=IMAGES, autostart='false',
                            params_file=write_parameters()))


def ros2(*words):
    """Run a command of ros2, without the daemon that would outlive it."""
    told = subprocess.run(['ros2', *words, '--no-daemon', '--spin-time', '2'],
                          capture_output=True, text=True, timeout=60, check=False)
    assert told.returncode == 0, told.stderr
    return told.stdout


class LifeCycle(RobotCase):
    """By the services of the life cycle, and by the commands that people type."""

    def setUp(self):
        """Begin where a manager does."""
        self.bring_to(self.robot(), UNCONFIGURED)

    def offered(self, robot):
        """Return which questions can be asked."""
        names = {name for name, _ in robot.node.get_service_names_and_types()}
        return {question for question in QUESTIONS if f'/localizer/{question}' in names}

    def test_1_each_state_has_what_belongs_to_it(self):
        """Services from configure to cleanup, topics from activate to deactivate."""
        robot = self.robot()
        heard, says = robot.images.get_subscription_count, robot.node.count_publishers
        assert (self.offered(robot), heard(), says('/localizer/place_match')) == (set(), 0, 0)

        robot.change(CONFIGURE)
        assert robot.state() == INACTIVE
        robot.wait(lambda: self.offered(robot) == set(QUESTIONS), 'the services')
        assert (heard(), says('/localizer/place_match')) == (0, 0)
        self.wait_for_status(robot, 'localization', b'\0', 'inactive')

        robot.change(ACTIVATE)
        assert robot.state() == ACTIVE
        robot.drive([3, 4, 5], first_ns=50 * SECOND)
        assert says('/localizer/place_match') == 1

        robot.change(DEACTIVATE)
        assert robot.state() == INACTIVE
        robot.wait(lambda: heard() == says('/localizer/place_match') == 0, 'silence')
        answers = len(robot.matches)
        robot.show(6, 53 * SECOND)
        robot.spin(1.0)
        assert len(robot.matches) == answers

        robot.change(ACTIVATE)
        robot.drive([6, 7], first_ns=53 * SECOND)
        robot.change(DEACTIVATE, CLEAN_UP)
        assert robot.state() == UNCONFIGURED
        robot.wait(lambda: not self.offered(robot), 'the end of the services')
        self.wait_for_status(robot, 'node', b'\0', 'not configured')

    def test_2_it_is_configured_again_as_often_as_one_likes(self):
        """What the first life left behind is in nobody's way."""
        robot = self.robot()
        for first_ns in (10 * SECOND, 20 * SECOND):
            robot.change(CONFIGURE, ACTIVATE)
            robot.drive([3, 4, 5], first_ns=first_ns)
            robot.change(DEACTIVATE, CLEAN_UP)
        assert len(robot.matches) == 6

    def test_3_what_a_state_does_not_allow_is_refused(self):
        """A node without a map is not activated, and stays as it was."""
        robot = self.robot()
        with self.assertRaises(AssertionError):
            robot.change(ACTIVATE)
        assert robot.state() == UNCONFIGURED
        robot.change(CONFIGURE)
        with self.assertRaises(AssertionError):
            robot.change(CONFIGURE)
        assert robot.state() == INACTIVE

    def test_4_the_commands_of_ros2_and_the_end(self):
        """A node that is shut down while active says so, and does no more."""
        robot = self.robot()
        assert 'unconfigured [1]' in ros2('lifecycle', 'get', '/localizer')
        assert 'successful' in ros2('lifecycle', 'set', '/localizer', 'configure')
        assert 'inactive [2]' in ros2('lifecycle', 'get', '/localizer')
        robot.change(ACTIVATE)
        robot.drive([8], first_ns=30 * SECOND)
        robot.change(SHUT_DOWN_ACTIVE)
        assert robot.state() == FINALIZED
        robot.wait(lambda: robot.images.get_subscription_count() == 0, 'silence')
        with self.assertRaises(AssertionError):
            robot.change(CONFIGURE)
