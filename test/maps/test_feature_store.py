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

"""Local features of a map, while others change it, in a thread that did not open it."""

from concurrent.futures import ThreadPoolExecutor
import sqlite3

import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.feature_store import FeatureStore
from vpr_ros.maps.place_map import PlaceMap


def equal(mine, theirs):
    return all((getattr(mine, name) == getattr(theirs, name)).all()
               for name in ('points', 'descriptors', 'scores'))


def test_all_of_a_map_from_another_thread(rich):
    with PlaceMap.open(rich) as place_map:
        places = [place_map.place(place_id) for place_id in place_map.place_ids()]
        front, = place_map.calibrations('monday')
    with FeatureStore(rich) as store, ThreadPoolExecutor(1) as other:
        for place in places:
            for view in place.views:
                found = other.submit(store.features, place.id, view.camera).result()
                assert equal(found, view.local_features)
        assert (other.submit(store.calibration, 'monday', 'front').result().matrix
                == front.matrix).all()


def test_what_a_map_does_not_have(rich):
    with FeatureStore(rich) as store:
        assert store.features(7, 'front') is None
        assert store.calibration('monday', 'rear') is None
        assert store.calibration('friday', 'front') is None


def test_a_map_without_local_features(saved):
    with PlaceMap.open(saved) as place_map:
        first = place_map.place_ids()[0]
    with FeatureStore(saved) as store:
        assert store.features(first, 'front') is None


def test_a_map_that_changes(rich):
    with PlaceMap.open(rich, writeable=True) as place_map, FeatureStore(rich) as store:
        first, second, *_ = place_map.place_ids()
        kept = store.features(first, 'front')
        place_map.remove([second])
        assert store.features(second, 'front') is None
        assert store.features(first, 'front') is kept  # asked for again, not read again
        third, = place_map.append('monday', [place_map.place(first)])
        assert equal(store.features(third, 'rear'), place_map.place(first).views[1].local_features)


def test_damage(rich):
    connection = sqlite3.connect(rich)
    connection.execute('UPDATE local_features SET count = 8')
    connection.execute('UPDATE calibration SET matrix = zeroblob(3)')
    connection.commit()
    connection.close()
    with PlaceMap.open(rich) as place_map:
        first = place_map.place_ids()[0]
    with FeatureStore(rich) as store:
        with pytest.raises(VprError, match=r'town\.vprmap cannot be read, it may be damaged'):
            store.features(first, 'front')
        with pytest.raises(VprError, match=r'town\.vprmap cannot be read, it may be damaged'):
            store.calibration('monday', 'front')


def test_no_map(tmp_path):
    with pytest.raises(VprError, match='no map at'):
        FeatureStore(tmp_path / 'none.vprmap')
