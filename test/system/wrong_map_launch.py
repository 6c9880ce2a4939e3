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


"""Maps that cannot be used, and what a node says of them (a launch test)."""

from pathlib import Path
import sqlite3
import sys

sys.path.append(str(Path(__file__).parent))
from launched import ACTIVATE  # noqa: E402, I100
from launched import CONFIGURE  # noqa: E402
from launched import EndsWell  # noqa: E402, F401
from launched import ERROR  # noqa: E402
from launched import FOLDER  # noqa: E402
from launched import IMAGES  # noqa: E402
from launched import launching  # noqa: E402
from launched import OK  # noqa: E402
from launched import RobotCase  # noqa: E402
from launched import SECOND  # noqa: E402
from launched import tested  # noqa: E402
from launched import UNCONFIGURED  # noqa: E402
from launched import write_map  # noqa: E402
from launched import write_parameters  # noqa: E402

MAP = FOLDER / 'map.vprmap'


def generate_test_description():
    """Start a localizer with a map that is not there, and one with nothing to do."""
    parameters = write_parameters()
    return tested(
        launching('localize', map=MAP, image=IMAGES, params_file=parameters),
        launching('localize', image=IMAGES, params_file=parameters, namespace='lost'))


class WrongMap(RobotCase):
    """Each wrong map stands at the path of the node in its turn."""

    def expect_refusal(self, robot, output, *words):
        """Configure in vain: one sentence says why, in the log and in diagnostics."""
        told_by = f"[{robot.name.strip('/').replace('/', '.')}]: not configured: "
        before = len(self.lines_with(output, told_by))
        with self.assertRaises(AssertionError):
            robot.change(CONFIGURE)
        assert robot.state() == UNCONFIGURED
        with output.io_event:
            output.io_event.wait_for(
                lambda: len(self.lines_with(output, told_by)) > before, 10.0)
        (line,) = self.lines_with(output, told_by)[before:]
        told = line.partition('not configured: ')[2].partition('\x1b')[0]
        for word in words:
            assert word in told, told
        status = self.wait_for_status(robot, 'node', ERROR, told)
        assert status.message == f'not configured: {told}'
        assert len(robot.diagnostics[-1].status) == 1

    def test_1_what_is_no_map_is_refused_and_the_map_is_taken_when_it_comes(self, proc_output):
        """The node lives on: who mends the map configures it again."""
        robot = self.robot()
        self.wait_for_words(proc_output, f'no map at {MAP}')
        self.expect_refusal(robot, proc_output, 'no map at', str(MAP))

        MAP.write_text('this is no map')
        self.expect_refusal(robot, proc_output, str(MAP))
        MAP.unlink()

        MAP.mkdir()
        self.expect_refusal(robot, proc_output, str(MAP))
        MAP.rmdir()

        whole = write_map('whole.vprmap').read_bytes()
        MAP.write_bytes(whole[:len(whole) // 2])
        self.expect_refusal(robot, proc_output, str(MAP))
        MAP.unlink()

        with sqlite3.connect(MAP) as of_others:
            of_others.execute('CREATE TABLE tracks (number INTEGER)')
        of_others.close()
        self.expect_refusal(robot, proc_output, str(MAP))
        MAP.unlink()

        MAP.write_bytes(whole)
        robot.change(CONFIGURE, ACTIVATE)
        robot.drive([3, 4, 5, 6], first_ns=50 * SECOND)
        assert robot.matches[-1].decision
        self.wait_for_status(robot, 'localization', OK, '')

    def test_2_without_a_map_it_says_what_can_be_given(self, proc_output):
        """A launch with no arguments explains itself."""
        robot = self.robot('localizer', '/lost')
        assert robot.state() == UNCONFIGURED
        self.expect_refusal(robot, proc_output, 'parameter map is empty', 'online')
