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


"""From images as they come in to places of a map, with a real network and a real file."""

from datetime import datetime
import logging
import shutil

import cv2
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.live.mapping import LiveMapper
from vpr_ros.live.raw_image import RawImage
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.settings import MapperSettings
from vpr_ros.types import Camera
from vpr_ros.types import Frame
from vpr_ros.types import Pose

SECOND = 10 ** 9
EXTRACTION = ExtractionSettings(network='thumbnail', options='{height: 16, width: 32}',
                                device='cpu', threads=1, local_features='orb')
CALIBRATION = Camera('front', 80, 60, np.diag([70.0, 70.0, 1.0]),
                     T_base_optical=Pose.from_xy_yaw(0.5, 0.0, 0.0))


def picture(number):
    small = np.random.default_rng(number).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return cv2.resize(small, (80, 60), interpolation=cv2.INTER_CUBIC)


def raw(stamp_ns, number=0, camera='front'):
    png = cv2.imencode('.png', picture(number)[:, :, ::-1])[1].tobytes()
    return RawImage(stamp_ns, camera, png, received_ns=stamp_ns)


def decode(image):
    pixels = cv2.imdecode(np.frombuffer(image.data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError('no picture')
    return np.ascontiguousarray(pixels[:, :, ::-1])


def pose_at(stamp_ns):
    """Return where a robot is that drives 1 m/s."""
    return Pose.from_xy_yaw(stamp_ns / SECOND, 0.0, 0.2)


class Host:
    """A mapper, with a clock that goes on as it is told and a count of what was decoded."""

    def __init__(self, path, *, poses=pose_at, date='2026-03-04 05:06:07', **settings):
        self.now_s = 0.0
        self.decoded = []
        self.asked = []

        def ask(stamp_ns, longest_s):
            self.asked.append((stamp_ns, longest_s))
            return poses(stamp_ns)

        self.mapper = LiveMapper(
            MapperSettings(map_path=str(path), **{'extraction': EXTRACTION, **settings}),
            decode=self._decode, calibration=lambda camera, shape: CALIBRATION,
            pose_at=ask if poses else None, clock=lambda: self.now_s,
            date=lambda: datetime.fromisoformat(date))

    def _decode(self, image):
        self.decoded.append(image.stamp_ns)
        return decode(image)

    def drive(self, stamps_ns):
        """Show an image at each stamp; returns those that became places."""
        return [found.place for found in (
            self.mapper.take([raw(s, s // SECOND)]) for s in stamps_ns) if found.place]


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'town.vprmap'


@pytest.fixture
def host(path):
    hosts = []

    def make(map_path=path, **more):
        hosts.append(Host(map_path, **more))
        return hosts[-1]

    yield make
    for made in hosts:
        made.mapper.close()


def places_of(path):
    with PlaceMap.open(path) as place_map:
        return place_map.places()


def test_a_map_made_live_is_the_map_made_offline(path, tmp_path, host):
    stamps = [SECOND + k * SECOND // 4 for k in range(60)]
    live = host()
    live.mapper.begin('/camera')
    told = live.drive(stamps)
    assert live.mapper.path == path
    live.mapper.close()
    offline = tmp_path / 'offline.vprmap'
    extractor = make_extractor(EXTRACTION)
    frames = [Frame(s, picture(s // SECOND), T_map_base=pose_at(s), calibration=CALIBRATION)
              for s in stamps]
    with PlaceMap.create(offline, extractor.identity) as place_map:
        list(build_session(place_map, 'x', frames, extractor, MapSettings(), source=''))
    with PlaceMap.open(path) as here, PlaceMap.open(offline) as there:
        assert (here.network, here.local_kind, here.frame) == (
            there.network, there.local_kind, 'map')
        session, = here.sessions()
        assert (session.name, session.source) == ('2026-03-04 05:06:07', '/camera')
        assert here.place_ids() == [place.id for place in told]
        assert len(here) == len(there) == 15
        for mine, theirs in zip(here.place_ids(), there.place_ids(), strict=True):
            a, b = here.place(mine), there.place(theirs)
            assert a.stamp_ns == b.stamp_ns
            assert np.array_equal(a.T_map_base.position, b.T_map_base.position)
            assert np.array_equal(a.T_map_base.quaternion, b.T_map_base.quaternion)
            for seen, wanted in zip(a.views, b.views, strict=True):
                assert np.array_equal(seen.descriptor, wanted.descriptor)
                assert np.array_equal(seen.local_features.points, wanted.local_features.points)
                assert seen.thumbnail == wanted.thumbnail
        camera, = here.calibrations(session.name)
        assert (camera.name, camera.matrix[0, 0]) == ('front', 70.0)


def test_only_places_are_decoded(host):
    live = host()
    live.mapper.begin('')
    places = live.drive(range(SECOND, 5 * SECOND, SECOND // 10))
    assert live.decoded == [place.stamp_ns for place in places] == [
        k * SECOND for k in range(1, 5)]
    assert live.mapper.state.places == 4


def test_without_poses_time_decides(host):
    live = host(poses=None)
    live.mapper.begin('')
    places = live.drive(range(SECOND, 5 * SECOND, SECOND // 10))
    assert [p.stamp_ns for p in places] == list(range(SECOND, 5 * SECOND, SECOND // 2))
    assert {p.T_map_base for p in places} == {None}


def test_nobody_waits_for_the_pose_of_what_time_makes_no_place(host):
    live = host(map=MapSettings(keyframe_by='time', keyframe_interval_s=1.0))
    live.mapper.begin('')
    live.drive(range(SECOND, 5 * SECOND, SECOND // 10))
    assert live.decoded == [k * SECOND for k in range(1, 5)]
    assert live.asked == [(stamp_ns, 1.0) for stamp_ns in live.decoded]
    live.mapper.change_settings(MapperSettings(pose_wait_s=0.25))
    live.drive([6 * SECOND])
    assert live.asked[-1] == (6 * SECOND, 0.25)


def test_moments_without_a_pose_are_left_out_and_that_is_said(host, caplog):
    live = host(poses=lambda stamp_ns: pose_at(stamp_ns) if stamp_ns > 3 * SECOND else None)
    live.mapper.begin('')
    with caplog.at_level(logging.WARNING):
        found = [live.mapper.take([raw(k * SECOND)]) for k in (1, 2, 3)]
    assert [f.place for f in found] == [None] * 3
    assert all('no pose was known' in f.reason for f in found)
    assert [r for r in caplog.messages if 'no pose' in r] == [found[0].reason]
    assert live.mapper.state.left_out == {'no pose': 3}
    assert not live.decoded
    assert live.mapper.take([raw(4 * SECOND)]).place is not None
    live.now_s += 10.0
    with caplog.at_level(logging.WARNING):
        assert live.mapper.take([raw(5 * SECOND)]).place is not None
    assert live.mapper.state.left_out == {'no pose': 3}


def test_time_that_goes_back_ends_the_traverse(host, path, caplog):
    live = host(date='2026-03-04 05:06:07')
    first = live.mapper.begin('')
    live.drive(range(10 * SECOND, 15 * SECOND, SECOND))
    with caplog.at_level(logging.WARNING):
        assert live.drive(range(10 * SECOND, 30 * SECOND, SECOND)) == []
    said = [m for m in caplog.messages if 'time went back' in m]
    assert said == ["time went back by 4.0 s: the traverse '2026-03-04 05:06:07' ended; "
                    'deactivate and activate to begin another']
    assert live.mapper.state.stopped == said[0]
    assert live.mapper.state.left_out == {'stopped': 20}
    assert [p.stamp_ns // SECOND for p in places_of(path)] == [10, 11, 12, 13, 14]
    second = live.mapper.begin('')
    assert (first, second) == ('2026-03-04 05:06:07', '2026-03-04 05:06:07 (2)')
    assert len(live.drive(range(10 * SECOND, 13 * SECOND, SECOND))) == 3
    live.mapper.flush()
    with PlaceMap.open(path) as place_map:
        assert [(s.name, s.places) for s in place_map.sessions()] == [(first, 5), (second, 3)]


def test_time_that_goes_back_before_the_first_place_costs_nothing(host, path):
    # As where a player sets the clock while the mapper waits for images.
    live = host()
    live.mapper.begin('')
    live.mapper.stop('the clock went back')
    assert live.mapper.state.stopped == ''
    assert len(live.drive(range(10 * SECOND, 13 * SECOND, SECOND))) == 3


def test_the_host_may_say_that_time_went_back(host, path):
    live = host()
    live.mapper.begin('')
    live.drive([SECOND, 2 * SECOND])
    live.mapper.stop('the clock went back')
    assert live.drive([3 * SECOND]) == []
    assert live.mapper.state.stopped == 'the clock went back'
    assert len(places_of(path)) == 2


def test_images_in_the_wrong_order_make_no_place_twice(host):
    live = host(poses=None, map=MapSettings(keyframe_interval_s=0.0))
    live.mapper.begin('')
    stamps = [SECOND, 2 * SECOND, 2 * SECOND, 2 * SECOND - SECOND // 4, 3 * SECOND]
    assert [p.stamp_ns // SECOND for p in live.drive(stamps)] == [1, 2, 3]
    assert not live.mapper.state.stopped


def test_an_image_without_a_stamp_is_no_place(host):
    live = host()
    live.mapper.begin('')
    found = live.mapper.take([raw(0)])
    assert found.place is None
    assert 'images of camera front have no stamp' in found.reason
    assert live.mapper.state.left_out == {'no stamp': 1}


def test_a_damaged_image_is_left_out_and_the_next_is_the_place(host):
    live = host()
    live.mapper.begin('')
    with pytest.raises(ValueError, match='no picture'):
        live.mapper.take([RawImage(SECOND, 'front', b'torn', 0)])
    assert live.mapper.state.left_out == {'not decoded': 1}
    # A quarter of a metre on.
    assert len(live.drive([SECOND + SECOND // 4])) == 1


def test_several_cameras_see_one_place(host, path, caplog):
    live = host(cameras=['front=/f', 'rear=/r'])
    live.mapper.begin('')
    live.mapper.take([raw(SECOND, 1), raw(SECOND + 5, 2, 'rear')])
    live.mapper.take([raw(2 * SECOND, 3), RawImage(2 * SECOND, 'rear', b'torn', 0)])
    live.mapper.flush()
    assert 'an image of camera rear was left out: no picture' in caplog.messages
    with PlaceMap.open(path) as place_map:
        both, one = (place_map.place(i) for i in place_map.place_ids())
        assert [v.camera for v in both.views] == ['front', 'rear']
        assert [v.camera for v in one.views] == ['front']
        extractor = make_extractor(EXTRACTION)
        rear = extractor.describe(Frame(0, picture(2))).descriptor
        assert both.views[1].descriptor @ rear > 0.9999


# The file ---------------------------------------------------------------------------------------


def test_places_are_in_the_file_when_time_is_up(host, path):
    live = host(commit_s=5.0)
    live.mapper.begin('')
    live.drive([SECOND, 2 * SECOND])
    live.now_s = 3.0
    live.drive([3 * SECOND])
    live.mapper.commit_if_due()
    assert (len(places_of(path)), live.mapper.state.waiting) == (0, 3)
    live.now_s = 4.5  # the host looks every half second
    live.mapper.commit_if_due()
    assert (len(places_of(path)), live.mapper.state.waiting) == (3, 0)
    live.drive([4 * SECOND])
    live.now_s = 8.9
    live.mapper.commit_if_due()
    assert len(places_of(path)) == 3
    live.now_s = 9.0
    live.drive([5 * SECOND])  # seen by whoever comes first
    assert len(places_of(path)) == 5


def test_no_seconds_mean_at_once(host, path):
    live = host(commit_s=0.0)
    live.mapper.begin('')
    for k in (1, 2):
        live.drive([k * SECOND])
        assert len(places_of(path)) == k


def test_many_places_are_written_before_time_is_up(host, path):
    live = host(commit_s=3600.0)
    live.mapper.begin('')
    live.drive(range(SECOND, 71 * SECOND, SECOND))
    assert (len(places_of(path)), live.mapper.state.waiting) == (64, 6)


def test_places_that_cannot_be_written_wait_and_are_tried_again(host, path, caplog):
    live = host(commit_s=1.0, session='monday')
    live.mapper.begin('')
    live.drive([SECOND])
    with PlaceMap.open(path, writeable=True) as other:
        other.add_session('monday', source='another process')
        live.now_s = 1.0
        live.mapper.commit_if_due()
        assert "session 'monday' already" in live.mapper.state.fault
        with pytest.raises(VprError, match="session 'monday' already"):
            live.mapper.flush()
        with pytest.raises(VprError, match="session 'monday' already"):
            live.mapper.save()
        live.drive([2 * SECOND])
        other.remove_session('monday')
        live.mapper.commit_if_due()
        assert live.mapper.state.waiting == 2  # not again before its time
        live.now_s = 2.0
        live.mapper.commit_if_due()
    assert (live.mapper.state.fault, live.mapper.state.waiting) == ('', 0)
    assert len(places_of(path)) == 2
    assert len([m for m in caplog.messages if 'not in the file yet' in m]) == 1


def test_what_waits_in_vain_does_not_fill_the_memory(host, path):
    live = host(poses=None, session='monday', commit_s=0.0,
                map=MapSettings(keyframe_interval_s=0.0, thumbnail_width_px=0,
                                local_features_bytes=0))
    live.mapper.begin('')
    with PlaceMap.open(path, writeable=True) as other:
        other.add_session('monday', source='another process')
        image = raw(1).data
        found = [live.mapper.take([RawImage(k, 'front', image, 0)]) for k in range(1, 1101)]
        assert sum(f.place is not None for f in found) == live.mapper.state.waiting == 1024
        assert '1024 places wait to be written' in found[-1].reason
        other.remove_session('monday')
        live.mapper.commit_if_due()
    assert len(places_of(path)) == 1024


def test_the_file_alone_is_the_map_once_it_was_saved(host, path, tmp_path):
    live = host()
    live.mapper.begin('')
    live.drive(range(SECOND, 6 * SECOND, SECOND))
    assert live.mapper.save() == (path, 5)
    shutil.copy(path, tmp_path / 'copied.vprmap')
    assert len(places_of(tmp_path / 'copied.vprmap')) == 5
    live.drive([6 * SECOND])
    assert live.mapper.save(tmp_path / 'town.vprmap', overwrite=True) == (path, 6)
    assert len(places_of(path)) == 6


def test_a_map_is_saved_elsewhere_and_goes_on(host, path, tmp_path):
    live, other = host(), tmp_path / 'other.vprmap'
    live.mapper.begin('')
    places = live.drive(range(SECOND, 6 * SECOND, SECOND))
    assert live.mapper.save(other) == (other, 5)
    with pytest.raises(VprError, match='exists already'):
        live.mapper.save(other)
    live.drive([6 * SECOND])
    assert live.mapper.save(other, overwrite=True) == (other, 6)
    assert [p.id for p in places_of(other)][:5] == [p.id for p in places]
    live.drive([7 * SECOND])
    live.mapper.close()
    assert (len(places_of(path)), len(places_of(other))) == (7, 6)
    with pytest.raises(VprError, match='its folder does not exist'):
        host(tmp_path / 'second.vprmap').mapper.save(tmp_path / 'none' / 'x.vprmap')


def test_slam_moves_places_that_wait_too(host, path):
    live = host()
    live.mapper.begin('')
    first, last = live.drive([SECOND, 2 * SECOND])
    with pytest.raises(VprError, match='no place 7 to move'):
        live.mapper.update_poses({first.id: Pose.identity(), 7: Pose.identity()})
    assert [p.T_map_base.position[0] for p in places_of(path)] == [1.0, 2.0]
    live.mapper.update_poses({last.id: Pose.from_xy_yaw(2.6, 0.0, 0.2)})
    assert [p.T_map_base.position[0] for p in places_of(path)] == [1.0, 2.6]
    # A metre from where the last place is now, not from where it was.
    assert [p.stamp_ns for p in live.drive(
        [3 * SECOND, 3 * SECOND + SECOND // 2, 3 * SECOND + 7 * SECOND // 10])] == [
            3 * SECOND + 7 * SECOND // 10]


def test_a_map_that_got_nothing_leaves_no_file(host, path):
    live = host()
    live.mapper.begin('')
    assert path.exists()
    live.mapper.close()
    assert list(path.parent.iterdir()) == []


def test_a_map_that_was_there_stays_though_it_has_nothing(host, path):
    with PlaceMap.create(path, make_extractor(EXTRACTION).identity) as place_map:
        place_map.set_local_kind('orb')
    host(extend=True).mapper.close()
    assert path.exists()


def test_who_goes_on_after_a_crash_before_the_first_place_has_local_features(host, path, tmp_path):
    host()
    shutil.copy(path, tmp_path / 'left.vprmap')
    shutil.copy(f'{path}-wal', tmp_path / 'left.vprmap-wal')
    auto = EXTRACTION.model_copy(update={'local_features': 'auto'})
    live = host(tmp_path / 'left.vprmap', extend=True, extraction=auto)
    live.mapper.begin('')
    live.drive([SECOND])
    live.mapper.close()
    with PlaceMap.open(tmp_path / 'left.vprmap') as place_map:
        assert (place_map.local_kind, place_map.local_features().views) == ('orb', 1)


# What is refused --------------------------------------------------------------------------------


def test_a_file_that_exists_is_refused_unless_it_is_extended(host, path):
    live = host(session='monday')
    live.mapper.begin('')
    live.drive([SECOND])
    live.mapper.close()
    with pytest.raises(VprError, match='exists already: set extend'):
        host()
    with pytest.raises(VprError, match="session 'monday' already: give another one"):
        host(extend=True, session='monday')
    again = host(extend=True, session='tuesday')
    assert again.mapper.begin('') == 'tuesday'
    again.drive([SECOND, 2 * SECOND])
    again.mapper.end()
    with pytest.raises(VprError, match="session 'tuesday' already: give another one"):
        again.mapper.begin('')
    again.mapper.close()
    with PlaceMap.open(path) as place_map:
        assert [(s.name, s.places) for s in place_map.sessions()] == [('monday', 1),
                                                                      ('tuesday', 2)]


def test_a_map_that_is_not_there_cannot_be_extended_but_made(host, path):
    live = host(extend=True)
    live.mapper.begin('')
    live.drive([SECOND])
    live.mapper.close()
    assert len(places_of(path)) == 1


def test_the_map_of_another_network_is_refused_and_stays(host, path):
    live = host()
    live.mapper.begin('')
    live.drive([SECOND])
    live.mapper.close()
    other = EXTRACTION.model_copy(update={'options': '{height: 8, width: 32}'})
    with pytest.raises(VprError, match='is not the one that made this map'):
        host(extend=True, extraction=other)
    with PlaceMap.open(path) as place_map:
        assert (place_map.revision, len(place_map)) == (2, 1)


def test_a_path_that_cannot_be_is_told_before_the_drive(host, tmp_path):
    with pytest.raises(VprError, match='parameter map_path is empty'):
        host('')
    with pytest.raises(VprError, match='its folder does not exist'):
        host(tmp_path / 'none' / 'town.vprmap')
    (tmp_path / 'letter.txt').write_text('Dear map,')
    with pytest.raises(VprError, match='is no map of vpr_ros'):
        host(tmp_path / 'letter.txt', extend=True)


def test_a_network_that_cannot_be_made_leaves_no_file(host, path):
    with pytest.raises(VprError, match="unknown network 'thumbnial'"):
        host(extraction=ExtractionSettings(network='thumbnial'))
    assert not path.exists()


def test_poses_of_another_frame_than_that_of_the_map_are_told(host, caplog):
    live = host(map_frame='site')
    live.mapper.begin('')
    live.drive([SECOND])
    live.mapper.close()
    host(extend=True, map_frame='site').mapper.close()
    assert not caplog.messages
    host(extend=True).mapper.close()
    assert "poses in the frame 'map' enter a map whose poses are in 'site'" in caplog.text
