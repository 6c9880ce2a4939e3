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


"""Parameters as people find, give and change them (a launch test)."""

from pathlib import Path
import sys
import unittest

import launch_testing
from launch_testing.asserts import assertExitCodes
from rcl_interfaces.srv import DescribeParameters
from rclpy.parameter import Parameter
from rclpy.parameter import parameter_value_to_python
from vpr_ros.config import parameters
from vpr_ros.settings import LocalizeSettings

sys.path.append(str(Path(__file__).parent))
from launched import ACTIVE  # noqa: E402, I100
from launched import IMAGES  # noqa: E402
from launched import launching  # noqa: E402
from launched import RobotCase  # noqa: E402
from launched import said  # noqa: E402
from launched import SECOND  # noqa: E402
from launched import tested  # noqa: E402
from launched import write_map  # noqa: E402
from launched import write_parameters  # noqa: E402

REFUSED = 'refused'


def generate_test_description():
    """Start a node by a file and by arguments, and one by a value out of its range."""
    places = write_map()
    # An argument wins over the file, and a whole number is one for a double, too.
    given = write_parameters(**{'image': '/wrong', 'matching.candidates': 3,
                                'matching.known_probability': 1, 'camera': 'nose'})
    bad = write_parameters('bad.yaml', **{'matching.candidates': 0})
    return tested(
        launching('localize', map=places, image=IMAGES, params_file=given),
        launching('localize', map=places, params_file=bad, namespace=REFUSED))


class Parameters(RobotCase):
    """By the services that "ros2 param" uses."""

    def setUp(self):
        """Begin when it has begun."""
        self.asker = self.robot()
        self.asker.wait(lambda: self.asker.state() == ACTIVE, 'autostart')

    def values(self, *names):
        """Return the values of parameters."""
        return [parameter_value_to_python(value) for value in self.asker.call(
            'rcl_interfaces/srv/GetParameters', 'get_parameters', names=names).values]

    def test_what_is_given_arrives(self):
        """By the file, and by an argument, which wins."""
        assert self.values('image', 'matching.candidates', 'camera', 'silence_s') == [
            IMAGES, 3, 'nose', 1.0]
        self.asker.drive([3, 4, 5, 6], first_ns=50 * SECOND)
        last = self.asker.matches[-1]
        assert len(last.candidates) == 3
        # No place is that likely.
        assert not last.decision

    def test_every_parameter_is_described_with_its_range(self):
        """A reader of "ros2 param describe" needs no other page."""
        rows = list(parameters(LocalizeSettings))
        told = self.asker.call('rcl_interfaces/srv/DescribeParameters', 'describe_parameters',
                               names=[row.name for row in rows])
        assert isinstance(told, DescribeParameters.Response)
        for row, descriptor in zip(rows, told.descriptors, strict=True):
            assert descriptor.description == row.description
            assert len(descriptor.description) > 10, row.name
            assert descriptor.read_only != row.live, row.name
            ranges = [*descriptor.integer_range, *descriptor.floating_point_range]
            if row.type in (int, float) and (row.minimum is not None or row.maximum is not None):
                (limits,) = ranges
                assert row.minimum is None or limits.from_value == row.minimum, row.name
                assert row.maximum is None or limits.to_value == row.maximum, row.name
            else:
                assert not ranges, row.name
            for choice in row.choices:
                assert repr(choice) in descriptor.additional_constraints, row.name

    def test_what_is_read_only_stays(self):
        """The map is changed by load_map alone."""
        before = self.values('map', 'image', 'matching.filter')
        for name in ('map', 'image', 'matching.filter'):
            refused = self.asker.set_parameter(name, 'none')
            assert not refused.successful
            assert refused.reason, name
        assert self.values('map', 'image', 'matching.filter') == before

    def test_what_is_live_is_taken_where_it_is_right(self):
        """And holds from the next image on."""
        for name, value, why in (
                ('matching.candidates', 0, 'matching.candidates'),
                ('matching.candidates', 'two', 'INTEGER'),
                ('matching.known_probability', 1.5, 'matching.known_probability'),
                ('matching.motion', 'by guess', "'odometry'")):
            refused = self.asker.set_parameter(name, value)
            assert not refused.successful, (name, value)
            assert why in refused.reason, refused.reason
        try:
            assert self.asker.set_parameter('matching.candidates', 2).successful
            assert self.asker.set_parameter('matching.known_probability', 0.5).successful
            self.asker.drive([7, 8, 9, 10], first_ns=60 * SECOND)
            assert len(self.asker.matches[-1].candidates) == 2
            assert self.asker.matches[-1].decision
        finally:
            self.asker.set_parameter('matching.candidates', 3)
            self.asker.set_parameter('matching.known_probability', 1.0)

    def test_of_several_at_once_all_are_taken_or_none(self):
        """One that is wrong keeps the others out."""
        changes = [Parameter('matching.candidates', value=5),
                   Parameter('matching.known_probability', value=7.0)]
        result = self.asker.call(
            'rcl_interfaces/srv/SetParametersAtomically', 'set_parameters_atomically',
            parameters=[change.to_parameter_msg() for change in changes]).result
        assert not result.successful
        assert self.values('matching.candidates') == [3]

    def test_a_node_that_is_given_what_cannot_be_says_so(self, proc_output, proc_info):
        """One sentence that names it, in place of a stack of calls."""
        self.wait_for_words(proc_output, 'not started')
        (line,) = self.lines_with(proc_output, 'not started')
        assert 'matching.candidates' in line
        assert '100' in line
        proc_info.assertWaitForShutdown('localizer-2', timeout=30)


@launch_testing.post_shutdown_test()
class Ended(unittest.TestCase):
    """One process ended by itself, and the other when it was asked."""

    def test_both_ended_as_they_should(self, proc_info, proc_output):
        """A status tells who started a node whether it could begin."""
        assertExitCodes(proc_info, process='localizer-1')
        assertExitCodes(proc_info, [1], process='localizer-2')
        assert 'Traceback' not in said(proc_output)
