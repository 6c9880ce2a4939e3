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


"""A bag is played again and again into the localizer by the launch file (a launch test)."""

from pathlib import Path
import sys

from vpr_ros.bags.writer import BagWriter
from vpr_ros.messages.images import image_message

sys.path.append(str(Path(__file__).parent))
from launched import chances  # noqa: E402, I100
from launched import EndsWell  # noqa: E402, F401
from launched import FOLDER  # noqa: E402
from launched import IMAGES  # noqa: E402
from launched import launching  # noqa: E402
from launched import RobotCase  # noqa: E402
from launched import robots  # noqa: E402
from launched import SECOND  # noqa: E402
from launched import tested  # noqa: E402
from launched import write_map  # noqa: E402
from launched import write_parameters  # noqa: E402

# Nobody knows the first image: what is said of it shows what was known before.
DRIVE = [1001, 3, 4, 5, 6, 7]
PASSES = 4


def generate_test_description():
    """Write a bag and play it for ever."""
    bag = FOLDER / 'drive.mcap'
    with BagWriter(bag) as writer:
        for step, number in enumerate(DRIVE):
            stamp_ns = (100 + step) * SECOND
            writer.write(IMAGES, 'sensor_msgs/msg/Image', image_message(
                writer.factory, robots.place_image(number), stamp_ns=stamp_ns,
                frame_id='camera'), stamp_ns)
    return tested(launching('replay', bag=bag, map=write_map(), loop='true', lossless='true',
                            rate='3.0', params_file=write_parameters()))


class Replay(RobotCase):
    """Everybody runs on the clock of the bag."""

    def test_every_pass_has_the_same_answers(self):
        """Each image of the bag is answered, in each pass as in the others."""
        robot = self.robot()

        def passes():
            found = []
            for match in robot.matches:
                if match.header.stamp.sec == 100:
                    found.append([])
                if found:
                    found[-1].append((match.header.stamp.sec, chances(match)))
            return found

        robot.wait(lambda: len(passes()) > PASSES, f'{PASSES} passes of the bag')
        *whole, _ = passes()
        longest = max(whole, key=len)
        # The last images of a pass may be looked at when the clock goes back, and are then
        # forgotten; or come after that, and nothing is known then of those before them.
        sure = len(DRIVE) - 2
        seconds = [100 + step for step in range(len(DRIVE))]
        for one in whole:
            assert len(one) >= sure, [[s for s, _ in p] for p in passes()]
            assert [second for second, _ in one] == seconds[:len(one)]
            assert one[:sure] == longest[:sure]
        assert any(match.decision for match in robot.matches)
