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

"""Places that move after SLAM has optimised."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.pose_update import update_by_id
from vpr_ros.maps.pose_update import update_by_stamp
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.runtime.pose_track import PoseTrack
from vpr_ros.types import Place
from vpr_ros.types import Pose

SECOND = 10 ** 9


def pose(x):
    return Pose.from_xy_yaw(x, 0.0, 0.0)


def track(*samples):
    return PoseTrack(StampedPose(round(s * SECOND), '', '', pose(x)) for s, x in samples)


@pytest.fixture
def places():
    """Return places at 0, 1, 2, 3 and 10 s; the second has no pose, the others are at x = 0."""
    return [Place(n + 1, s * SECOND, 'monday', None if n == 1 else pose(0.0))
            for n, s in enumerate((0, 1, 2, 3, 10))]


def test_by_stamp(places):
    update = update_by_stamp(places, track((0.5, 50.0), (2.5, 250.0), (3.05, 999.0)))
    assert {place_id: new.position[0] for place_id, new in update.poses.items()} == {
        2: pytest.approx(100.0), 3: pytest.approx(200.0), 4: pytest.approx(250 + 749 * 0.5 / 0.55)}
    assert (update.posed, update.kept, update.forgotten) == (3, 2, 0)
    assert update.moved_m == pytest.approx([200.0, 250 + 749 * 0.5 / 0.55])


def test_what_gets_no_pose_may_lose_its_own(places):
    update = update_by_stamp(places, track((1.5, 1.0), (3.0, 2.0)), forget=True)
    assert {place_id for place_id, new in update.poses.items() if new is None} == {1, 5}
    assert (update.posed, update.kept, update.forgotten) == (2, 0, 2)
    # Who has none cannot lose it.
    assert 2 not in update.poses


def test_a_trajectory_of_another_drive_is_refused_even_to_forget(places):
    for forget in False, True:
        with pytest.raises(VprError, match='knows none of the places: it holds 100.000 to '
                           '101.000 s, these are from 0.000 to 10.000 s'):
            update_by_stamp(places, track((100, 0.0), (101, 0.0)), forget=forget)
    with pytest.raises(VprError, match='there are none'):
        update_by_stamp([], track((1, 0.0)))
    with pytest.raises(VprError, match='it holds nothing'):
        update_by_stamp(places, track())


def test_by_id(places):
    update = update_by_id(places, {2: pose(5.0), 3: pose(7.0)})
    assert (set(update.poses), update.posed, update.kept) == ({2, 3}, 2, 3)
    assert np.array_equal(update.moved_m, [7.0])
    update = update_by_id(places, {2: pose(5.0)}, forget=True)
    assert [n for n, new in update.poses.items() if new is None] == [1, 3, 4, 5]
    with pytest.raises(VprError, match='2 of 3 ids are no places .*: 77, 99$'):
        update_by_id(places, {99: pose(0.0), 77: pose(0.0), 1: pose(0.0)})
    with pytest.raises(VprError, match=r'6 of 6 ids are no places .*: 70, .*, 74, \.\.\.$'):
        update_by_id(places, {n: pose(0.0) for n in range(70, 76)})
