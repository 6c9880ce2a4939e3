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


"""From described moments to places of a map, by hand."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.ids import split_id
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.session_writer import PLACES_PER_COMMIT
from vpr_ros.maps.session_writer import SessionWriter
from vpr_ros.maps.settings import MapSettings
from vpr_ros.types import Camera
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose

IMAGE = np.zeros((4, 6, 3), np.uint8)
SETTINGS = MapSettings(local_features_bytes=0)


@pytest.fixture
def place_map(path, identity):
    with PlaceMap.create(path, identity) as place_map:
        yield place_map


@pytest.fixture
def moment(unit):
    """Return a function that makes a described moment of one camera."""
    def make(stamp_ns, *, calibration=None, features=None):
        frame = Frame(stamp_ns, IMAGE, camera='left', calibration=calibration,
                      T_map_base=Pose.from_xy_yaw(stamp_ns, 0.0, 0.0))
        return [(frame, Description(stamp_ns, unit(1)[0], 'left', local_features=features))]

    return make


def test_a_place_has_its_id_before_it_is_written(place_map, moment):
    writer = SessionWriter(place_map, 'monday', source='a.mcap', settings=SETTINGS)
    told = [writer.add(moment(n)) for n in (10, 20, 30)]
    assert (writer.waiting, place_map.sessions(), place_map.revision) == (3, [], 0)
    assert writer.flush() == 3
    told += [writer.add(moment(40))]
    assert writer.flush() == 1
    assert writer.flush() == 0
    assert place_map.revision == 2
    for place, kept in zip(told, place_map.places(), strict=True):
        assert (place.id, place.stamp_ns, place.session) == (kept.id, kept.stamp_ns, 'monday')
        assert np.array_equal(place.T_map_base.position, kept.T_map_base.position)


def test_a_session_without_places_leaves_nothing(place_map):
    SessionWriter(place_map, 'monday', source='', settings=SETTINGS).flush()
    assert (place_map.sessions(), place_map.revision) == ([], 0)


def test_it_is_full_with_the_places_of_a_transaction(place_map, moment):
    writer = SessionWriter(place_map, 'monday', source='', settings=SETTINGS)
    for n in range(PLACES_PER_COMMIT):
        assert not writer.full
        writer.add(moment(n))
    assert writer.full
    writer.flush()
    assert not writer.full


def test_ids_begin_as_asked(place_map, moment):
    writer = SessionWriter(place_map, 'monday', source='', settings=SETTINGS, id_prefix=77)
    assert split_id(writer.add(moment(5)).id) == (77, 1)
    writer.flush()
    assert [split_id(i) for i in place_map.place_ids()] == [(77, 1)]


def test_two_sessions_have_ids_of_their_own(place_map, moment):
    first, second = (SessionWriter(place_map, name, source='', settings=SETTINGS)
                     for name in ('monday', 'tuesday'))
    ids = {first.add(moment(1)).id, second.add(moment(1)).id}
    first.flush()
    second.flush()
    assert set(place_map.place_ids()) == ids
    assert len(ids) == 2


def test_a_session_goes_on_where_it_ended(place_map, moment):
    before = SessionWriter(place_map, 'monday', source='', settings=SETTINGS)
    before.add(moment(1))
    before.add(moment(2))
    before.flush()
    place_map.remove([place_map.place_ids()[1]])
    after = SessionWriter(place_map, 'monday', source='', settings=SETTINGS, resume=True)
    place = after.add(moment(3))
    after.flush()
    assert place.id == place_map.place_ids()[-1]
    assert split_id(place.id)[1] == 3
    with pytest.raises(VprError, match="no session 'sunday' to go on with"):
        SessionWriter(place_map, 'sunday', source='', settings=SETTINGS, resume=True)


def test_what_cannot_be_written_waits_on(place_map, moment):
    place_map.add_session('monday', source='somebody else')
    writer = SessionWriter(place_map, 'monday', source='', settings=SETTINGS)
    place = writer.add(moment(1, calibration=Camera('cam0', 6, 4, np.eye(3))))
    for _ in range(2):
        with pytest.raises(VprError, match="session 'monday' already"):
            writer.flush()
        assert (writer.waiting, len(place_map)) == (1, 0)
    place_map.remove_session('monday')
    assert writer.flush() == 1
    assert place_map.place_ids() == [place.id]
    assert [camera.name for camera in place_map.calibrations('monday')] == ['left']


def test_the_first_calibration_of_a_camera_holds(place_map, moment):
    writer = SessionWriter(place_map, 'monday', source='', settings=SETTINGS)
    writer.add(moment(1))
    writer.flush()
    assert place_map.calibrations('monday') == []
    for n, focal in ((2, 50.0), (3, 60.0)):
        writer.add(moment(n, calibration=Camera('cam0', 6, 4, np.diag([focal, focal, 1.0]))))
        writer.flush()
    known, = place_map.calibrations('monday')
    assert (known.name, known.matrix[0, 0]) == ('left', 50.0)


@pytest.mark.parametrize('size, kept', [(0, None), (28, [2, 0])])
def test_local_features_are_kept_as_far_as_there_is_room(place_map, moment, size, kept):
    features = LocalFeatures(points=[[0, 0], [1, 1], [2, 2]], descriptors=np.eye(3, 4) + 0.5,
                             scores=[1.0, 0.5, 2.0])
    writer = SessionWriter(place_map, 'monday', source='', local_kind='sift',
                           settings=MapSettings(local_features_bytes=size))
    writer.add(moment(1, features=features))
    writer.flush()
    found = place_map.place(place_map.place_ids()[0]).views[0].local_features
    assert place_map.local_kind == ('sift' if kept else '')
    assert (None if found is None else found.points[:, 0].tolist()) == kept
