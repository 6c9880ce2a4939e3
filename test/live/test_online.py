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

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.live.in_map import InMap
from vpr_ros.live.online import Online
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.matching.loop_settings import LoopSettings
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Frame
from vpr_ros.types import Pose

SECOND = 10 ** 9
AROUND = 60  # places around a circle, 4 m apart
SETTINGS = LocalizeSettings(
    online=True, map_frame='site',
    extraction=ExtractionSettings(network='thumbnail', device='cpu'),
    loops=LoopSettings(exclude_s=5.0, exclude_m=20.0))


def pose_at(place: float) -> Pose:
    angle = 2.0 * np.pi * place / AROUND
    radius = 4.0 * AROUND / (2.0 * np.pi)
    return Pose.from_xy_yaw(radius * np.sin(angle), radius * (1.0 - np.cos(angle)), angle)


@pytest.fixture
def drive(image_of):
    def go(online, places):
        return [online.recognize([Frame((100 + p) * SECOND, image_of(p % AROUND),
                                        T_odom_base=pose_at(p))]) for p in places]
    return go


def test_keyframes_are_told_as_places_and_a_second_round_closes_loops(drive):
    online = Online(SETTINGS, session='round trip')
    first = drive(online, range(AROUND))
    assert all(f.place is not None for f in first)
    assert len({f.place.id for f in first}) == AROUND
    assert first[7].place.stamp_ns == 107 * SECOND
    assert first[7].place.session == 'round trip'
    assert first[7].place.T_map_base.distance_to(pose_at(7)) < 1e-9
    assert not any(f.closure for f in first)
    again = drive(online, range(AROUND, AROUND + 20))
    closures = [f.closure for f in again if f.closure]
    assert len(closures) >= 10
    by_id = {f.place.id: f.place.stamp_ns for f in (*first, *again)}
    for closure in closures:
        assert by_id[closure.query_place_id] == closure.query_stamp_ns
        assert by_id[closure.match_place_id] == closure.match_stamp_ns
        assert closure.query_stamp_ns - closure.match_stamp_ns == AROUND * SECOND
    assert online.facts().places == AROUND + 20


def test_an_image_between_keyframes_is_passed_over(drive, image_of):
    online = Online(SETTINGS, session='x')
    drive(online, range(1))
    found = online.recognize([Frame(101 * SECOND, image_of(0), T_odom_base=pose_at(0.1))])
    assert (found.localization, found.closure, found.place, found.descriptions) == (
        None, None, None, ())


def test_the_map_is_saved_with_the_ids_that_closures_name(tmp_path, drive, image_of):
    online = Online(SETTINGS, session='round trip')
    with pytest.raises(VprError, match='no places yet'):
        online.save(tmp_path / 'early.vprmap', overwrite=False)
    told = drive(online, range(AROUND))
    path = tmp_path / 'round.vprmap'
    assert online.save(path, overwrite=False) == AROUND
    with PlaceMap.open(path) as place_map:
        assert place_map.frame == 'site'
        assert place_map.place_ids() == [f.place.id for f in told]
    recognizer = InMap(path, LocalizeSettings(), session='next day')
    last = [recognizer.recognize([Frame((900 + p) * SECOND, image_of(p))])
            for p in range(3, 12)][-1]
    assert last.localization.known
    assert last.closure.match_place_id == told[11].place.id


def test_slam_moves_keyframes(drive):
    online = Online(SETTINGS, session='x')
    with pytest.raises(VprError, match='no keyframes yet'):
        online.update_poses({1: Pose.identity()})
    told = drive(online, range(3))
    online.update_poses({told[0].place.id: Pose(np.array([5.0, 0.0, 0.0]))})
    after = drive(online, range(3, 4))[0]
    assert after.place.T_map_base.position[0] == pytest.approx(pose_at(3).position[0] + 5.0)


def test_reset_begins_another_map(drive):
    online = Online(SETTINGS, session='x')
    drive(online, range(3))
    before = online.facts().map_id
    online.reset()
    assert online.facts().places == 0
    drive(online, range(10, 13))
    assert online.facts().map_id not in ('', before)


def test_settings_that_are_live_reach_the_search(drive):
    online = Online(SETTINGS, session='x')
    drive(online, range(AROUND))
    strict = SETTINGS.model_copy(update={'matching': MatchingSettings(known_probability=1.0)})
    online.change_settings(strict)
    assert not any(f.closure for f in drive(online, range(AROUND, AROUND + 20)))
