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

"""From frames to a map, with a real network."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.types import Camera
from vpr_ros.types import Frame
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose

SECOND = 10 ** 9


@pytest.fixture(scope='module')
def extractor():
    return make_extractor(ExtractionSettings(
        network='thumbnail', options='{height: 16, width: 32}', device='cpu', threads=1))


def scenes(n, size=(48, 96), posed=False):
    """Generate pictures with some structure, each another one, one a second."""
    rng = np.random.default_rng(0)
    for k in range(n):
        small = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        image = cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC)
        yield Frame(k * SECOND, image, camera='left',
                    T_map_base=Pose.from_xy_yaw(2.0 * k, 0, 0) if posed else None)


def build(path, extractor, frames, **settings):
    with PlaceMap.create(path, extractor.identity, descriptor_type='float32') as place_map:
        told = list(build_session(place_map, 'monday', frames, extractor,
                                  MapSettings(**settings), source='a.mcap'))
        return told, place_map.snapshot(), place_map.sessions()


def test_from_frames_to_places(path, extractor):
    told, snapshot, sessions = build(path, extractor, scenes(150, posed=True))
    # What is told is in the map: whole groups, then the rest.
    assert told == [64, 128, 150]
    assert [(s.name, s.source, s.places) for s in sessions] == [('monday', 'a.mcap', 150)]
    assert snapshot.cameras == ('left',)
    assert snapshot.stamps_ns.tolist() == [k * SECOND for k in range(150)]
    assert [pose.position[0] for pose in snapshot.poses] == [2.0 * k for k in range(150)]
    for row, frame in list(enumerate(scenes(150)))[::29]:
        descriptor = extractor.describe(frame).descriptor
        similarities = snapshot.descriptors @ descriptor
        assert snapshot.view_rows[int(similarities.argmax())] == row
        assert similarities.max() == pytest.approx(1.0, abs=1e-5)


def test_progress_is_safe_when_it_is_told(path, extractor):
    with PlaceMap.create(path, extractor.identity) as place_map:
        for told in build_session(place_map, 'monday', scenes(100), extractor, MapSettings(),
                                  source=''):
            with PlaceMap.open(path) as other:
                assert len(other) == told


def test_only_keyframes_are_described(path, extractor):
    told, snapshot, _ = build(path, extractor, scenes(30), keyframe_interval_s=3.0)
    assert told == [10]
    assert snapshot.stamps_ns.tolist() == [3 * k * SECOND for k in range(10)]


@pytest.mark.parametrize('width, wanted', [(320, (48, 96)), (48, (24, 48)), (1, (1, 1))])
def test_thumbnails_are_small_pictures_of_the_frames(path, extractor, width, wanted):
    _, snapshot, _ = build(path, extractor, scenes(3), thumbnail_width_px=width)
    with PlaceMap.open(path) as place_map:
        for place_id, frame in zip(snapshot.place_ids.tolist(), scenes(3), strict=True):
            jpeg = np.frombuffer(place_map.thumbnail(place_id, 'left'), np.uint8)
            picture = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)[:, :, ::-1]
            assert picture.shape[:2] == wanted
            reference = cv2.resize(frame.image, wanted[::-1], interpolation=cv2.INTER_AREA)
            # Red and blue would be far apart had they changed places.
            assert np.abs(picture.astype(int) - reference).mean() < 15


def test_without_thumbnails(path, extractor):
    _, snapshot, _ = build(path, extractor, scenes(2), thumbnail_width_px=0)
    with PlaceMap.open(path) as place_map:
        assert place_map.thumbnail(int(snapshot.place_ids[0])) is None


def test_a_black_frame_stops_no_map(path, extractor):
    frames = list(scenes(5))
    frames[2] = Frame(frames[2].stamp_ns, np.zeros_like(frames[2].image), camera='left')
    told, snapshot, _ = build(path, extractor, frames)
    assert told == [5]
    similarities = snapshot.descriptors @ snapshot.descriptors[2]
    assert similarities[2] == pytest.approx(1.0, abs=1e-5)
    assert np.abs(np.delete(similarities, 2)).max() < 1e-3


def test_no_frames_no_places(path, extractor):
    told, snapshot, _ = build(path, extractor, [])
    assert (told, len(snapshot)) == ([], 0)


def test_another_network_is_refused_before_the_map_changes(path, extractor):
    other = make_extractor(ExtractionSettings(
        network='thumbnail', options='{height: 16, width: 32, patch: 4}', device='cpu'))
    assert other.identity.dimension == extractor.identity.dimension
    with PlaceMap.create(path, extractor.identity) as place_map:
        with pytest.raises(ValueError, match='not the network of this map'):
            list(build_session(place_map, 'monday', scenes(3), other, MapSettings(), source=''))
        assert place_map.sessions() == []
        assert place_map.revision == 0


def camera(name):
    return Camera(name, 96, 48, np.diag([50.0, 51.0, 1.0]),
                  T_base_optical=Pose.from_xy_yaw(1.0, 0.0, 2.0))


def test_several_cameras_see_one_place(path, extractor):
    """Each view has the descriptor of its own image, whatever the batch; one camera fails."""
    pictures = [frame.image for frame in scenes(120)]
    frames = []
    for k in range(60):
        frames.append(Frame(k * SECOND, pictures[2 * k], camera='front',
                            calibration=camera('front')))
        if k % 3:
            frames.append(Frame(k * SECOND + 1000, pictures[2 * k + 1], camera='rear',
                                calibration=camera('rear')))
    with PlaceMap.create(path, extractor.identity, descriptor_type='float32') as place_map:
        assert list(build_session(place_map, 'monday', frames, extractor, MapSettings(), source='',
                                  cameras=('front', 'rear'))) == [60]
        for k, place_id in enumerate(place_map.place_ids()):
            place = place_map.place(place_id)
            assert place.stamp_ns == k * SECOND
            assert [view.camera for view in place.views] == ['front', 'rear'][:1 + bool(k % 3)]
            for view, picture in zip(place.views, pictures[2 * k:], strict=False):
                wanted = extractor.describe(Frame(0, picture)).descriptor
                assert float(view.descriptor @ wanted) == pytest.approx(1.0, abs=1e-5)
        front, rear = place_map.calibrations('monday')
        assert (front.name, rear.name) == ('front', 'rear')
        assert np.array_equal(rear.matrix, camera('rear').matrix)
        assert np.array_equal(rear.T_base_optical.position, [1.0, 0.0, 0.0])


def test_the_calibration_of_a_frame_is_that_of_its_camera(path, extractor):
    frames = [Frame(k * SECOND, frame.image, camera='left',
                    calibration=camera('cam0') if k > 1 else None)
              for k, frame in enumerate(scenes(4))]
    with PlaceMap.create(path, extractor.identity) as place_map:
        list(build_session(place_map, 'monday', frames, extractor, MapSettings(), source=''))
        assert [known.name for known in place_map.calibrations('monday')] == ['left']


# Each takes 14 bytes in a map: 8 for its point, 2 for its score, 4 for the descriptor.
FEATURES = (np.eye(5, 4) + 0.5) / np.linalg.norm(np.eye(5, 4) + 0.5, axis=1, keepdims=True)


class WithFeatures(Extractor):
    """Adds local features to what a network says; five, the scores in no order."""

    local_kind = 'sift'

    def describe_batch(self, frames):
        return [replace(description, local_features=LocalFeatures(
                    points=np.arange(10).reshape(5, 2) + frame.stamp_ns % 7,
                    descriptors=FEATURES, scores=[0.5, 0.25, 4.0, 1.0, 2.0]))
                for frame, description in zip(frames, super().describe_batch(frames),
                                              strict=True)]


@pytest.mark.parametrize('size, kept', [
    (0, None), (13, None), (28, [2, 4]), (41, [2, 4]), (1000, [2, 4, 3, 0, 1])])
def test_the_best_local_features_are_kept(path, extractor, size, kept):
    seeing = WithFeatures(extractor.identity, extractor._engine)
    with PlaceMap.create(path, extractor.identity) as place_map:
        list(build_session(place_map, 'monday', scenes(3), seeing,
                           MapSettings(local_features_bytes=size), source=''))
        assert place_map.local_kind == ('sift' if size else '')
        for k, place_id in enumerate(place_map.place_ids()):
            features = place_map.place(place_id).views[0].local_features
            if kept is None:
                assert features is None
                continue
            points = np.arange(10).reshape(5, 2) + k * SECOND % 7
            assert np.array_equal(features.points, points[kept])
            assert features.descriptors == pytest.approx(FEATURES[kept], abs=0.005)
            assert np.array_equal(features.scores, np.array([0.5, 0.25, 4.0, 1.0, 2.0])[kept])


def test_views_of_a_place_share_what_its_local_features_may_take(path, extractor):
    seeing = WithFeatures(extractor.identity, extractor._engine)
    frames = [Frame(k * SECOND, frame.image, camera=camera) for k, frame in enumerate(scenes(3))
              for camera in ('front', 'rear')]
    with PlaceMap.create(path, extractor.identity) as place_map:
        list(build_session(place_map, 'monday', frames, seeing, cameras=('front', 'rear'),
                           settings=MapSettings(local_features_bytes=6 * 14), source=''))
        views = [view for place_id in place_map.place_ids()
                 for view in place_map.place(place_id).views]
    assert [len(view.local_features.points) for view in views] == [3] * 6


class WithMany(Extractor):
    """Adds as many local features as the extractors of this package find at most."""

    local_kind = 'network'
    dimension, depth = 64, True

    def describe_batch(self, frames):
        rng = np.random.default_rng(frames[0].stamp_ns)
        points, scores = rng.random((500, 2)), rng.random(500)
        descriptors = rng.standard_normal((500, self.dimension))
        return [replace(description, local_features=LocalFeatures(
                    points, descriptors, scores, scores if self.depth else None))
                for description in super().describe_batch(frames)]


@pytest.mark.parametrize('dimension', [64, 128])
@pytest.mark.parametrize('depth', [True, False])
@pytest.mark.parametrize('cameras', [('front',), ('front', 'rear'), tuple('abcd')])
def test_local_features_of_a_place_take_less_than_20_kilobytes_of_the_file(
        tmp_path, extractor, cameras, depth, dimension):
    many = WithMany(extractor.identity, extractor._engine)
    many.dimension, many.depth = dimension, depth
    sizes = []
    for settings in (MapSettings(thumbnail_width_px=0),
                     MapSettings(thumbnail_width_px=0, local_features_bytes=0)):
        path = tmp_path / f'{settings.local_features_bytes}.vprmap'
        frames = [Frame(k * SECOND, frame.image, camera=camera)
                  for k, frame in enumerate(scenes(60)) for camera in cameras]
        with PlaceMap.create(path, extractor.identity) as place_map:
            assert sum(build_session(place_map, 'monday', frames, many, settings, source='',
                                     cameras=cameras)) == 60
        sizes.append(path.stat().st_size)
    assert 16_000 < (sizes[0] - sizes[1]) / 60 < 20_000


def test_local_features_of_another_kind_are_not_added(path, extractor):
    seeing = WithFeatures(extractor.identity, extractor._engine)
    with PlaceMap.create(path, extractor.identity) as place_map:
        list(build_session(place_map, 'monday', scenes(3), seeing, MapSettings(), source=''))
        seeing.local_kind = 'orb'
        with pytest.raises(VprError, match="of the kind 'sift', which cannot .* 'orb'"):
            list(build_session(place_map, 'tuesday', scenes(3), seeing, MapSettings(), source=''))
        assert [session.name for session in place_map.sessions()] == ['monday']
        # Without them they may come.
        assert list(build_session(place_map, 'tuesday', scenes(3), seeing,
                                  MapSettings(local_features_bytes=0), source='')) == [3]


def test_a_session_goes_on_where_it_ended(path, extractor):
    def broken():
        yield from list(scenes(100, posed=True))[:80]
        raise OSError('the bag ends here')

    with PlaceMap.create(path, extractor.identity) as place_map:
        with pytest.raises(OSError, match='ends here'):
            list(build_session(place_map, 'monday', broken(), extractor, MapSettings(),
                               source=''))
        ids = place_map.place_ids()
        assert len(ids) == 64
        told = list(build_session(place_map, 'monday', scenes(100, posed=True), extractor,
                                  MapSettings(), source='', resume=True))
        assert told == [36]
        places = place_map.places()
        assert [place.stamp_ns for place in places] == [k * SECOND for k in range(100)]
        assert [place.id for place in places][:64] == ids
        assert list(build_session(place_map, 'monday', scenes(100, posed=True), extractor,
                                  MapSettings(), source='', resume=True)) == []
        other = [replace(frame, stamp_ns=frame.stamp_ns + 5) for frame in scenes(120, posed=True)]
        for frames in other, other[:90], []:  # after, before the last place; none at all
            with pytest.raises(VprError, match=r"'monday' cannot go on .* at 99000000000 ns"):
                list(build_session(place_map, 'monday', frames, extractor, MapSettings(),
                                   source='', resume=True))
        assert len(place_map) == 100
        with pytest.raises(VprError, match='tuesday'):
            list(build_session(place_map, 'tuesday', scenes(3), extractor, MapSettings(),
                               source='', resume=True))


def test_a_session_without_places_leaves_nothing(path, extractor):
    def broken():
        yield from scenes(3)
        raise OSError('the bag ends here')

    with PlaceMap.create(path, extractor.identity) as place_map:
        with pytest.raises(OSError, match='ends here'):
            list(build_session(place_map, 'monday', broken(), extractor, MapSettings(),
                               source=''))
        assert (place_map.sessions(), place_map.revision) == ([], 0)


def test_what_another_process_began_under_that_name_stays(path, extractor):
    def interrupted():
        with PlaceMap.open(path, writeable=True) as other:
            list(build_session(other, 'monday', scenes(5), extractor, MapSettings(),
                               source='other'))
        yield from scenes(3)

    with PlaceMap.create(path, extractor.identity) as place_map:
        with pytest.raises(VprError, match="a session 'monday' already"):
            list(build_session(place_map, 'monday', interrupted(), extractor, MapSettings(),
                               source=''))
        session, = place_map.sessions()
        assert (session.source, session.places) == ('other', 5)
