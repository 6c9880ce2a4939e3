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

"""The poses of many places as arrays."""

import numpy as np
from vpr_ros.maps.poses import Poses
from vpr_ros.types import Pose


def poses():
    """Return twelve: of every third nothing is known, of some of the others a covariance."""
    return [None if n % 3 == 2 else Pose(
        np.array([n, 2.0 * n, 3.0]), np.array([0.0, 0.0, 0.1 * n, 1.0]),
        np.eye(6) * (n + 1) if n % 2 else None) for n in range(12)]


def check_same(found, wanted):
    assert (found is None) == (wanted is None)
    if wanted is not None:
        assert found.position.tolist() == wanted.position.tolist()
        assert found.quaternion.tolist() == wanted.quaternion.tolist()
        assert (found.covariance is None) == (wanted.covariance is None)
        if wanted.covariance is not None:
            assert found.covariance.tolist() == wanted.covariance.tolist()


def test_records_come_back():
    wanted = poses()
    held = Poses.of(wanted)
    assert len(held) == 12
    assert held.known.tolist() == [pose is not None for pose in wanted]
    for row, pose in enumerate(wanted):
        check_same(held[row], pose)


def test_some_of_them_are_those_in_their_order():
    rng = np.random.default_rng(0)
    wanted = poses()
    held = Poses.of(wanted)
    for kept in [*(rng.random((20, 12)) < 0.5), np.zeros(12, bool), np.ones(12, bool)]:
        some = held.only(kept)
        rows = np.flatnonzero(kept)
        assert len(some) == len(rows)
        for place, row in enumerate(rows):
            check_same(some[place], wanted[row])
        assert some.positions.tobytes() == held.positions[kept].tobytes()
