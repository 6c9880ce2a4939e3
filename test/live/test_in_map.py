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
from vpr_ros.live.in_map import InMap
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Frame
from vpr_ros.types import Pose

SECOND = 10 ** 9


@pytest.fixture
def frame(image_of):
    return lambda number, second: [Frame(second * SECOND, image_of(number))]


@pytest.fixture
def drive(frame):
    return lambda recognizer, numbers: [
        recognizer.recognize(frame(n, 100 + step)) for step, n in enumerate(numbers)]


def test_a_known_place_is_a_loop_closure_with_the_run_that_asks(street, drive):
    recognizer = InMap(street, LocalizeSettings(), session='tuesday')
    last = drive(recognizer, range(5, 12))[-1]
    assert last.localization.known
    assert last.closure.query_session == 'tuesday'
    assert last.closure.match_session == 'first drive'
    assert last.place is None
    assert len(last.descriptions) == 1
    recognizer.close()


def test_an_unknown_place_is_no_loop_closure(street, drive):
    last = drive(InMap(street, LocalizeSettings(), session='x'), range(1000, 1005))[-1]
    assert not last.localization.known
    assert last.closure is None


def test_facts_are_those_of_the_map(street):
    facts = InMap(street, LocalizeSettings(), session='x').facts()
    with PlaceMap.open(street) as place_map:
        assert (facts.map_id, facts.revision) == (place_map.id, place_map.revision)
    assert (facts.places, facts.network, facts.datum) == (30, 'thumbnail', None)
    assert facts.name == str(street)


def test_moved_places_are_moved_in_the_file_and_the_robot_is_not_lost(own, drive, frame):
    recognizer = InMap(own, LocalizeSettings(), session='x')
    stays = InMap(own, LocalizeSettings(), session='x')
    before = drive(recognizer, range(5, 10))[-1].localization
    drive(stays, range(5, 10))
    moved = before.candidates[0].place_id
    network = recognizer._localizer.extractor
    recognizer.update_poses({moved: Pose(np.array([7.0, 8.0, 9.0]))})
    assert recognizer._localizer.extractor is network  # not loaded anew
    with PlaceMap.open(own) as place_map:
        assert place_map.place(moved).T_map_base.position.tolist() == [7.0, 8.0, 9.0]
    assert recognizer.facts().revision > before.map_revision
    # An image that tells nothing: what is believed of it is what was believed before.
    after, expected = (r.recognize(frame(1001, 105)).localization for r in (recognizer, stays))
    assert [c.place_id for c in after.candidates] == [c.place_id for c in expected.candidates]
    assert after.probability == pytest.approx(expected.probability, rel=0.2)


def test_a_place_that_is_not_there_moves_none(own, drive):
    recognizer = InMap(own, LocalizeSettings(), session='x')
    with PlaceMap.open(own) as place_map:
        known = place_map.place_ids()[0]
    with pytest.raises(VprError, match='has no place 12345'):
        recognizer.update_poses({known: Pose(np.array([7.0, 8.0, 9.0])), 12345: Pose.identity()})
    with PlaceMap.open(own) as place_map:
        assert place_map.place(known).T_map_base.position.tolist() == [0.0, 0.0, 0.0]
    assert drive(recognizer, range(5, 12))[-1].localization.known


def test_a_saved_map_has_the_same_places(street, tmp_path):
    recognizer = InMap(street, LocalizeSettings(), session='x')
    assert recognizer.save(tmp_path / 'copy.vprmap', overwrite=False) == 30
    with PlaceMap.open(street) as old, PlaceMap.open(tmp_path / 'copy.vprmap') as new:
        assert new.place_ids() == old.place_ids()
    with pytest.raises(VprError, match='exists'):
        recognizer.save(tmp_path / 'copy.vprmap', overwrite=False)
    assert recognizer.save(tmp_path / 'copy.vprmap', overwrite=True) == 30
    with pytest.raises(VprError, match='is the map in use'):
        recognizer.save(street, overwrite=True)


def test_settings_that_change_leave_the_belief_alone(street, drive, frame):
    recognizer = InMap(street, LocalizeSettings(), session='x')
    drive(recognizer, range(5, 10))
    strict = LocalizeSettings(matching=MatchingSettings(known_probability=1.0))
    recognizer.change_settings(strict)
    found = recognizer.recognize(frame(10, 105)).localization
    assert not found.known
    assert found.candidates[0].stamp_ns == 11 * SECOND


def test_anew_it_knows_nothing_and_after_a_break_it_goes_on(street, drive, frame):
    anew, resumed, fresh, going_on = (
        InMap(street, LocalizeSettings(), session='x') for _ in range(4))
    for recognizer in (anew, resumed, going_on):
        drive(recognizer, range(5, 10))
    anew.reset()
    resumed.resume()
    told = [r.recognize(frame(1001, 105)).localization.probability
            for r in (anew, fresh, resumed, going_on)]
    assert told[0] == pytest.approx(told[1])
    assert told[2] == pytest.approx(told[3])
    assert told[0] != pytest.approx(told[2])


def test_a_map_that_is_not_there_is_said_in_one_sentence(tmp_path):
    with pytest.raises(VprError, match='nowhere.vprmap'):
        InMap(tmp_path / 'nowhere.vprmap', LocalizeSettings(), session='x')
