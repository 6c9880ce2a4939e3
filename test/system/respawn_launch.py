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


"""Nodes that are killed come back and go on with their work (a launch test)."""

import os
from pathlib import Path
import signal
import sys

from vpr_ros.maps.place_map import PlaceMap

sys.path.append(str(Path(__file__).parent))
from launched import ACTIVE  # noqa: E402, I100
from launched import DEACTIVATE  # noqa: E402
from launched import EndsWell  # noqa: E402, F401
from launched import FOLDER  # noqa: E402
from launched import launching  # noqa: E402
from launched import RobotCase  # noqa: E402
from launched import SECOND  # noqa: E402
from launched import tested  # noqa: E402
from launched import write_map  # noqa: E402
from launched import write_parameters  # noqa: E402

MADE = FOLDER / 'made.vprmap'


def generate_test_description():
    """Start a localizer and a mapper that come back."""
    image = '/camera/image_raw'
    return tested(
        launching('localize', map=write_map(), image=image, respawn='true',
                  params_file=write_parameters()),
        launching('map', map=MADE, image=image, extend='true', respawn='true',
                  params_file=write_parameters('map.yaml', **{
                      'commit_s': 0.2, 'queue_size': 100, 'extraction.network': 'thumbnail'})))


class Respawn(RobotCase):
    """Killed as by a lack of memory: without a word."""

    def kill(self, proc_info, proc_output, process, words):
        """Kill a process, and wait until the one in its place says that it is active."""
        times = sum(line.count(words) for line in self.lines_with(proc_output, words))
        os.kill(proc_info[process].pid, signal.SIGKILL)
        self.wait_for_words(proc_output, words, times=times + 1)

    def show_until(self, robot, number, stamp_ns, heard):
        """Show a place until something is heard: who was killed is listed for a while."""
        before = len(heard)
        for step in range(120):
            if len(heard) > before:
                return
            robot.show(number, stamp_ns + step)
            robot.spin(0.5)
        raise AssertionError('nothing was heard')

    def test_the_localizer_comes_back_and_answers(self, proc_info, proc_output):
        """It knows the map as before, and learns anew where the robot is."""
        robot = self.robot()
        # Two nodes hear these images, and either may be the first.
        self.show_until(robot, 1001, 40 * SECOND, robot.matches)
        robot.drive([3, 4, 5, 6], first_ns=50 * SECOND)
        assert robot.matches[-1].decision
        for first in (60, 70):
            self.kill(proc_info, proc_output, 'localizer-1', 'localizing images on')
            self.show_until(robot, 1001, (first - 1) * SECOND, robot.matches)
            robot.drive([12, 13, 14, 15], first_ns=first * SECOND)
            assert robot.matches[-1].decision
            assert robot.matches[-1].candidates[0].stamp.sec == 16
        assert robot.state() == ACTIVE

    def test_the_mapper_comes_back_and_nothing_that_was_written_is_lost(
            self, proc_info, proc_output):
        """It goes on in a session of its own."""
        robot = self.robot('mapper')
        places = robot.heard['new_place']
        self.show_until(robot, 0, 1000 * SECOND, places)
        for number in range(1, 5):
            robot.show(number, (1000 + number) * SECOND)
            robot.wait(lambda count=number + 1: len(places) == count, f'place {number}')

        def written():
            status = robot.status('mapping')
            values = {item.key: int(item.value) for item in status.values
                      if item.key.startswith('places')}
            # It heard what the localizer was shown, too.
            return values['places of the session'] if (
                values['places of the session'] >= 5
                and values['places not in the file yet'] == 0) else 0

        robot.diagnostics.clear()
        robot.wait(lambda: bool(robot.diagnostics) and written() > 0, 'places in the file')
        before = written()
        self.kill(proc_info, proc_output, 'mapper-2', 'mapping ')
        self.show_until(robot, 5, 1005 * SECOND, places)
        robot.wait(lambda: robot.state() == ACTIVE, 'the mapper')
        robot.change(DEACTIVATE)
        with PlaceMap.open(MADE) as made:
            sessions = made.sessions()
            assert len(sessions) == 2
            assert [len(made.place_ids(session.name)) for session in sessions] == [
                before, 1]
