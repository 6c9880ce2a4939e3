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


"""What a robot asks of the localizer, by its services (a launch test)."""

from pathlib import Path
import sys

from geometry_msgs.msg import PoseWithCovariance

sys.path.append(str(Path(__file__).parent))
from launched import ACTIVE  # noqa: E402, I100
from launched import chances  # noqa: E402
from launched import EndsWell  # noqa: E402, F401
from launched import FOLDER  # noqa: E402
from launched import IMAGES  # noqa: E402
from launched import launching  # noqa: E402
from launched import RobotCase  # noqa: E402
from launched import SECOND  # noqa: E402
from launched import tested  # noqa: E402
from launched import write_map  # noqa: E402
from launched import write_parameters  # noqa: E402

PLACES = FOLDER / 'places.vprmap'


def generate_test_description():
    """Start a localizer."""
    return tested(launching('localize', map=write_map(), image=IMAGES,
                            params_file=write_parameters()))


class Services(RobotCase):
    """Each is asked while images are answered."""

    def setUp(self):
        """Begin in the same map, knowing nothing."""
        self.asker = robot = self.robot()
        robot.wait(lambda: robot.state() == ACTIVE, 'autostart')
        self.load(PLACES)

    def load(self, path):
        """Ask for a map."""
        return self.asker.call('vpr_msgs/srv/LoadMap', 'load_map', path=str(path))

    def save(self, path, **fields):
        """Ask for the map to be written."""
        return self.asker.call('vpr_msgs/srv/SaveMap', 'save_map', path=str(path), **fields)

    def move(self, ids, y):
        """Ask for places to be moved."""
        pose = PoseWithCovariance()
        pose.pose.position.y, pose.pose.orientation.w, pose.covariance[0] = y, 1.0, 0.25
        return self.asker.call('vpr_msgs/srv/UpdatePoses', 'update_poses', place_ids=ids,
                               poses=[pose] * len(ids))

    def test_another_map_is_loaded_and_a_bad_one_changes_nothing(self):
        """A map that cannot be loaded leaves the one in use."""
        robot = self.asker
        robot.drive([3, 4, 5], first_ns=50 * SECOND)
        bad = FOLDER / 'bad.vprmap'
        bad.write_text('this is no map')
        for path in (FOLDER / 'none.vprmap', bad):
            refused = self.load(path)
            assert not refused.success
            assert path.name in refused.message, refused.message
            assert '\n' not in refused.message
        robot.drive([6, 7], first_ns=53 * SECOND)
        assert robot.matches[-1].decision
        loaded = self.load(write_map('other.vprmap', first=500))
        assert (loaded.success, loaded.places) == (True, 30), loaded.message
        robot.drive([505, 506, 507, 508], first_ns=60 * SECOND)
        last = robot.matches[-1]
        assert (last.map_id, last.candidates[0].stamp.sec) == (loaded.map_id, 9)
        assert last.decision

    def test_the_map_is_saved_and_serves_as_any_other(self):
        """A file that is there is replaced only when that is asked for."""
        path = FOLDER / 'saved.vprmap'
        saved = self.save(path)
        assert (saved.success, saved.places, saved.path) == (True, 30, str(path)), saved.message
        again = self.save(path)
        assert not again.success
        assert 'exists' in again.message
        assert self.save(path, overwrite=True).success
        assert self.load(path).places == 30
        self.asker.drive([8, 9, 10, 11], first_ns=50 * SECOND)
        assert self.asker.matches[-1].candidates[0].stamp.sec == 12
        nowhere = self.save(FOLDER / 'no/such/folder.vprmap')
        assert not nowhere.success
        assert 'no/such' in nowhere.message

    def test_places_move_all_or_none(self):
        """The pose of an answer is where the place is now."""
        robot = self.asker
        robot.drive([3, 4, 5, 6], first_ns=50 * SECOND)
        place = robot.matches[-1].candidates[0].place_id
        refused = self.move([place, 12345], 77.0)
        assert not refused.success
        assert '12345' in refused.message
        robot.drive([6], first_ns=54 * SECOND)
        assert robot.matches[-1].pose.pose.position.y == 0.0
        assert self.move([place], 77.0).success
        robot.drive([6], first_ns=55 * SECOND)
        try:
            assert robot.matches[-1].pose.pose.position.y == 77.0
        finally:
            self.move([place], 0.0)

    def test_relocalize_waits_for_a_known_place(self):
        """Images are answered meanwhile, and the answer is the first that is known."""
        robot = self.asker
        nothing = robot.call('vpr_msgs/srv/Relocalize', 'relocalize', timeout_s=0.5)
        assert (nothing.success, nothing.match_valid) == (False, False)
        assert 'no image' in nothing.message
        robot.drive([3, 4, 5], first_ns=50 * SECOND)
        answer = robot.ask('vpr_msgs/srv/Relocalize', 'relocalize', timeout_s=60.0)
        robot.spin(0.5)
        assert not answer.done()
        robot.drive([20, 21, 22, 23], first_ns=60 * SECOND)
        robot.wait(answer.done, 'the place')
        assert answer.result().success
        assert answer.result().match == next(m for m in robot.matches[3:] if m.decision)

    def test_paused_it_looks_at_nothing(self):
        """What was known before is known afterwards."""
        robot = self.asker
        robot.drive([3, 4, 5], first_ns=50 * SECOND)
        assert robot.call('std_srvs/srv/SetBool', 'pause', data=True).success
        robot.show(6, 53 * SECOND)
        self.wait_for_status(robot, 'localization', b'\0', 'paused')
        assert len(robot.matches) == 3
        refused = robot.call('vpr_msgs/srv/Relocalize', 'relocalize', timeout_s=1.0)
        assert 'paused' in refused.message
        assert robot.call('std_srvs/srv/SetBool', 'pause', data=False).success
        robot.drive([6], first_ns=53 * SECOND)
        assert robot.matches[-1].decision

    def test_reset_forgets_where_it_was(self):
        """An image is then judged as the first one was."""
        robot = self.asker
        robot.drive([1001], first_ns=40 * SECOND)
        robot.drive([3, 4, 5, 6, 7, 1001], first_ns=50 * SECOND)
        assert robot.call('std_srvs/srv/Trigger', 'reset').success
        robot.drive([1001], first_ns=56 * SECOND)
        first, known, anew = (robot.matches[at] for at in (0, -2, -1))
        assert chances(anew) == chances(first)
        assert chances(anew) != chances(known)
