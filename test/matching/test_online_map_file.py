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


"""A map made while driving becomes a file, in which a robot is found."""

import cv2
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import IndexSettings
from vpr_ros.maps.settings import MapSettings
from vpr_ros.matching.localizer import open_localizer
from vpr_ros.matching.online_map import OnlineMap
from vpr_ros.matching.online_map_file import write_online_map
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.types import Camera
from vpr_ros.types import Frame
from vpr_ros.types import Pose

SECOND = 10 ** 9
EXTRACTION = ExtractionSettings(network='thumbnail', device='cpu', local_features='sift')
PLACES = 12


def picture(number, size=(120, 160)):
    rng = np.random.default_rng(number)
    small = rng.integers(0, 255, (24, 32, 3), dtype=np.uint8)
    return cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)


def moment(place, *, rear=True):
    calibration = Camera('cam0', 160, 120, np.diag([150.0, 150.0, 1.0]),
                         T_base_optical=Pose.from_xy_yaw(0.5, 0.0, 0.0))
    stamp_ns = (place + 1) * SECOND + 7
    frames = [Frame(stamp_ns, picture(place), camera='front', calibration=calibration)]
    if rear:
        frames.append(Frame(stamp_ns, picture(1000 + place), camera='rear'))
    return frames


@pytest.fixture(scope='module')
def detailed():
    """Return an extractor that also finds local features."""
    return make_extractor(EXTRACTION)


@pytest.fixture
def online(detailed):
    """Return the keyframes of a straight drive; the rear camera missed every third."""
    online = OnlineMap(detailed.identity, session='run', first_ns=SECOND + 7)
    for place in range(PLACES):
        frames = moment(place, rear=place % 3 > 0)
        online.add(detailed.describe_batch(frames), calibrations={'front': frames[0].calibration},
                   T_odom_base=Pose.from_xy_yaw(2.0 * place, 0.0, 0.1))
    return online


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'run.vprmap'


def test_all_but_pictures_comes_back(online, path):
    online.update_poses({online.place_id(5): Pose.from_xy_yaw(10.0, 3.0, 0.1)})
    assert write_online_map(online, path, local_kind='sift', source='/camera') == PLACES
    with PlaceMap.open(path) as place_map:
        assert place_map.place_ids() == [online.place_id(row) for row in range(PLACES)]
        assert (place_map.frame, place_map.local_kind) == ('odom', 'sift')
        session, = place_map.sessions()
        assert (session.name, session.source) == ('run', '/camera')
        camera, = place_map.calibrations('run')
        assert (camera.name, camera.matrix[0, 0]) == ('front', 150.0)
        assert camera.T_base_optical.position[0] == 0.5
        wanted = online.snapshot(PLACES)
        view = 0
        for row, place_id in enumerate(place_map.place_ids()):
            place = place_map.place(place_id)
            assert place.stamp_ns == (row + 1) * SECOND + 7
            assert np.allclose(place.T_map_base.position, [2.0 * row, 3.0 * (row >= 5), 0.0])
            assert [v.camera for v in place.views] == ['front', 'rear'][:1 + (row % 3 > 0)]
            for seen in place.views:
                rounded = wanted.descriptors[view].astype(np.float16).astype(np.float32)
                rounded /= np.linalg.norm(rounded)
                assert np.allclose(seen.descriptor, rounded, atol=1e-6)
                assert not seen.thumbnail
                view += 1
        assert view == len(wanted.descriptors)


def test_local_features_come_back_as_the_robot_compares_them(online, path):
    write_online_map(online, path, local_kind='sift',
                     settings=MapSettings(local_features_bytes=1_000_000))
    with PlaceMap.open(path) as place_map:
        view = place_map.place(online.place_id(1)).views[1]
        memory = online.features(online.place_id(1), 'rear')
        order = np.argsort(-memory.scores, kind='stable')
        assert len(order) > 20
        assert np.array_equal(view.local_features.points, memory.points[order])
        assert np.array_equal(view.local_features.scores, memory.scores[order])
        assert np.allclose(view.local_features.descriptors, memory.descriptors[order], atol=1e-6)


@pytest.mark.parametrize('settings, local_kind', [
    ({'local_features_bytes': 0}, 'sift'), ({}, '')])
def test_local_features_may_stay_out(online, path, settings, local_kind):
    write_online_map(online, path, local_kind=local_kind, settings=MapSettings(**settings))
    with PlaceMap.open(path) as place_map:
        assert place_map.local_kind == ''
        assert place_map.local_features().views == 0


def test_features_share_the_room_of_a_place(online, path):
    write_online_map(online, path, local_kind='sift',
                     settings=MapSettings(local_features_bytes=3000))
    with PlaceMap.open(path) as place_map:
        totals = place_map.local_features()
        assert totals.views == PLACES + sum(place % 3 > 0 for place in range(PLACES))
        assert 2000 * PLACES < totals.size_bytes <= 3000 * PLACES


def test_a_robot_is_found_in_it(online, path):
    write_online_map(online, path, local_kind='sift')
    with open_localizer(path, ExtractionSettings(device='cpu', local_features='sift'),
                        MatchingSettings(), IndexSettings()) as localizer:
        for place in range(4, 9):
            frame = Frame((100 + place) * SECOND, picture(place), camera='front')
            _, found = localizer.localize(frame)
        assert found.known
        assert found.candidates[0].place_id == online.place_id(8)
        assert found.candidates[0].T_map_base.position[0] == pytest.approx(16.0)


def test_keyframes_without_odometry_have_no_poses(detailed, path):
    online = OnlineMap(detailed.identity, session='run', first_ns=SECOND + 7)
    for place in range(3):
        online.add(detailed.describe_batch(moment(place)))
    write_online_map(online, path, local_kind='')
    with PlaceMap.open(path) as place_map:
        assert [place.T_map_base for place in place_map.places()] == [None] * 3


def test_more_keyframes_than_are_written_at_once(detailed, path):
    online = OnlineMap(detailed.identity, session='run', first_ns=SECOND)
    description, = detailed.describe_batch(moment(0)[:1])
    for k in range(700):
        online.add([type(description)((k + 1) * SECOND, description.descriptor, 'front')])
    assert write_online_map(online, path, local_kind='') == 700
    with PlaceMap.open(path) as place_map:
        assert place_map.place_ids() == [online.place_id(row) for row in range(700)]


def test_a_file_is_replaced_only_when_that_is_said(online, path):
    path.write_bytes(b'a letter')
    with pytest.raises(VprError, match='exists already'):
        write_online_map(online, path, local_kind='')
    assert path.read_bytes() == b'a letter'
    write_online_map(online, path, local_kind='sift', overwrite=True)
    assert write_online_map(online, path, local_kind='sift', overwrite=True) == PLACES
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_no_keyframes_no_file(detailed, path):
    with pytest.raises(VprError, match='there are no keyframes yet'):
        write_online_map(OnlineMap(detailed.identity, session='run', first_ns=1), path,
                         local_kind='')
    assert not path.exists()
