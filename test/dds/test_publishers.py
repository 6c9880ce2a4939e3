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


"""Publishers are counted as ROS counts them."""

from vpr_ros.dds.participant import Participant
from vpr_ros.dds.publishers import Publishers
from vpr_ros.live.interface import Qos

RELIABLE = Qos(reliable=True, depth=10)

PUBLISH = """
import sys
from vpr_ros.dds.participant import Participant
from vpr_ros.live.interface import Qos

with Participant('other') as participant:
    writers = [participant.writer('/counted', 'std_msgs/msg/String', Qos(False, 1))
               for _ in range(3)]
    sys.stdin.readline()
    writers[0].close()
    sys.stdin.readline()
    sys.stdin.readline()
"""


def test_they_come_and_go_whether_or_not_they_are_heard(spawn, eventually):
    process = spawn(PUBLISH)

    def go_on():
        process.stdin.write('\n')
        process.stdin.flush()

    with Participant('tester') as node:
        publishers = Publishers(node)
        assert publishers.count('/counted') == 0
        eventually(lambda: publishers.count('/counted') == 3)
        own = node.writer('/counted', 'std_msgs/msg/Int32', RELIABLE)
        assert publishers.count('/counted') == 4
        assert publishers.count('/count') == publishers.count('counted') == 0
        go_on()
        eventually(lambda: publishers.count('/counted') == 3)
        own.close()
        eventually(lambda: publishers.count('/counted') == 2)
        # One that says no goodbye is not forgotten at once, but one that does is.
        go_on()
        go_on()
        eventually(lambda: publishers.count('/counted') == 0)
        publishers.close()
        publishers.close()


def test_more_than_are_told_at_once_are_counted():
    with Participant('tester') as node:
        publishers = Publishers(node)
        writers = [node.writer('/many', 'std_msgs/msg/String', RELIABLE) for _ in range(150)]
        assert publishers.count('/many') == 150
        for writer in writers[:120]:
            writer.close()
        assert publishers.count('/many') == 30
        publishers.close()
