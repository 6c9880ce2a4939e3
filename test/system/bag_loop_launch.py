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


"""A drive that begins again and again, as a bag that is played in a loop (a launch test)."""

from pathlib import Path
import sys

from builtin_interfaces.msg import Time
from rosgraph_msgs.msg import Clock

sys.path.append(str(Path(__file__).parent))
from launched import chances  # noqa: E402, I100
from launched import EndsWell  # noqa: E402, F401
from launched import launching  # noqa: E402
from launched import RobotCase  # noqa: E402
from launched import said  # noqa: E402
from launched import SECOND  # noqa: E402
from launched import tested  # noqa: E402
from launched import write_map  # noqa: E402
from launched import write_parameters  # noqa: E402

# Nobody knows the first image: what is said of it shows what was known before.
DRIVE = [1001, 3, 4, 5, 6]


def generate_test_description():
    """Start a node by the clock of this machine, and one by that of a bag."""
    same = {'map': write_map(), 'params_file': write_parameters(), 'image': 'camera/image_raw'}
    return tested(launching('localize', namespace='wall', **same),
                  launching('localize', namespace='bag', use_sim_time='true', **same))


class BagLoop(RobotCase):
    """The same images get the same answers whenever time goes back, and not when it goes on."""

    def answers(self, robot, first_ns):
        """Return what is said of the drive when it begins at a stamp."""
        before = len(robot.matches)
        robot.drive(DRIVE, first_ns=first_ns)
        return [chances(match) for match in robot.matches[before:]]

    def test_stamps_that_go_back_are_a_new_start(self):
        """Without a clock, the stamps of images alone tell."""
        robot = self.robot('localizer', '/wall')
        first = self.answers(robot, 50 * SECOND)
        assert self.answers(robot, 50 * SECOND) == first
        assert robot.matches[-1].decision
        # To another second, too, and not only to that of the beginning.
        assert self.answers(robot, 52 * SECOND) == first
        assert self.answers(robot, 57 * SECOND)[0] != first[0]

    def ticker(self, robot):
        """Return what tells the time of a bag."""
        clock = robot.node.create_publisher(Clock, '/clock', 10)
        robot.wait(lambda: clock.get_subscription_count() > 0, 'somebody who hears the clock')

        def tick(second):
            clock.publish(Clock(clock=Time(sec=second)))
            robot.spin(0.5)

        return tick

    def test_a_clock_that_comes_after_the_first_image_takes_nothing_from_it(self, proc_output):
        """They are sent at once, and may come in any order."""
        robot = self.robot('localizer', '/bag')
        tick = self.ticker(robot)
        tick(20)
        tick(26)
        first = self.answers(robot, 20 * SECOND)
        backwards = said(proc_output).count('time went back')
        robot.drive(DRIVE[:1], first_ns=20 * SECOND)
        tick(20)
        self.wait_for_words(proc_output, 'time went back', times=backwards + 1)
        robot.drive(DRIVE[1:], first_ns=21 * SECOND)
        assert [chances(match) for match in robot.matches[len(DRIVE):]] == first
        # Without that image, what follows it would be judged otherwise.
        tick(19)
        robot.drive(DRIVE[1:], first_ns=21 * SECOND)
        assert chances(robot.matches[-1]) != first[-1]

    def test_a_clock_that_goes_back_is_a_new_start(self, proc_output):
        """Even where the stamps of images go on."""
        robot = self.robot('localizer', '/bag')
        tick = self.ticker(robot)
        backwards = said(proc_output).count('time went back')
        tick(50)
        tick(56)
        assert robot.call('std_srvs/srv/Trigger', 'reset').success
        first = self.answers(robot, 50 * SECOND)
        tick(49)
        self.wait_for_words(proc_output, 'time went back', times=backwards + 1)
        assert self.answers(robot, 50 * SECOND) == first
        tick(55)
        tick(50)
        self.wait_for_words(proc_output, 'time went back', times=backwards + 2)
        assert self.answers(robot, 55 * SECOND) == first
        tick(60)
        assert self.answers(robot, 60 * SECOND)[0] != first[0]
