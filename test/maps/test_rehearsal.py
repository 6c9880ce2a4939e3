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

"""What is foretold is what comes."""

import cv2
import numpy as np
import pytest
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.rehearsal import rehearse
from vpr_ros.maps.settings import MapSettings
from vpr_ros.types import Frame
from vpr_ros.types import Pose

SECOND = 10 ** 9


def scenes(n, cameras=('front',)):
    rng = np.random.default_rng(0)
    for k in range(n):
        for camera in cameras:
            small = rng.integers(0, 255, (12, 16, 3), dtype=np.uint8)
            image = cv2.resize(small, (160, 120), interpolation=cv2.INTER_CUBIC)
            # The second half drives half as fast and does not know where.
            pose = Pose.from_xy_yaw(0.6 * k, 0, 0) if k < n // 2 else None
            yield Frame(k * SECOND // 5, image, camera=camera, T_map_base=pose)


@pytest.mark.parametrize('cameras', [('front',), ('front', 'rear')])
@pytest.mark.parametrize('width', [160, 0])
def test_the_same_places_and_about_the_size(path, cameras, width):
    extractor = make_extractor(ExtractionSettings(network='thumbnail', device='cpu', threads=1))
    settings = MapSettings(thumbnail_width_px=width)
    told = rehearse(scenes(2000, cameras), settings, cameras=cameras)
    with PlaceMap.create(path, extractor.identity) as place_map:
        empty = path.stat().st_size
        list(build_session(place_map, 'monday', scenes(2000, cameras), extractor, settings,
                           source='', cameras=cameras))
        session, = place_map.sessions()
        assert (told.places, told.posed) == (session.places, session.posed)
        assert (told.first_ns, told.last_ns) == (session.first_ns, session.last_ns)
        assert told.seconds == (session.last_ns - session.first_ns) / 1e9
        views = place_map.snapshot().view_cameras
        assert told.views == {
            name: (views == n).sum() for n, name in enumerate(place_map.cameras())}
    assert told.frames == 2000 * len(cameras)
    assert told.posed == 500
    grown = path.stat().st_size - empty
    foretold = told.size_bytes(extractor.identity.dimension, 'float16')
    assert foretold == pytest.approx(grown, rel=0.15)


def test_nothing_comes_of_nothing():
    told = rehearse([], MapSettings())
    assert (told.frames, told.places, told.seconds, told.size_bytes(128, 'float32')) == (
        0, 0, 0.0, 0)
