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

"""Descriptors in a mapped file: the same as the map's, read once, and never trusted."""

import json
import shutil

import numpy as np
import pytest
from vpr_ros.maps.index.descriptor_cache import DescriptorCache
from vpr_ros.maps.index.exact_search import ExactSearch
from vpr_ros.maps.place_map import PlaceMap

from .conftest import places
from .conftest import streets

FLOAT16 = 1e-3


def read(path):
    """Return a snapshot through the cache, the cache, and what was asked of SQLite."""
    cache, asked = DescriptorCache(1000), []
    with PlaceMap.open(path) as place_map:
        place_map._connection.set_trace_callback(asked.append)
        snapshot = place_map.snapshot(cache)
    whole = any('SELECT descriptor FROM view ORDER' in statement for statement in asked)
    single = sum('SELECT descriptor FROM view WHERE' in statement for statement in asked)
    return snapshot, cache, whole, single


def plain(path):
    with PlaceMap.open(path) as place_map:
        return place_map.snapshot()


def check(snapshot, path):
    """Compare with what is read without a cache."""
    wanted = plain(path)
    assert snapshot.place_ids.tolist() == wanted.place_ids.tolist()
    assert snapshot.view_rows.tolist() == wanted.view_rows.tolist()
    assert snapshot.view_cameras.tolist() == wanted.view_cameras.tolist()
    assert snapshot.descriptors.shape == wanted.descriptors.shape
    difference = snapshot.descriptors.astype(np.float32) - wanted.descriptors
    assert np.abs(difference).max() < FLOAT16


def files(cache):
    return sorted(path for path in cache.rglob('*') if path.is_file())


def test_the_second_reading_leaves_descriptors_where_they_are(large, cache):
    first, kept, whole, _ = read(large)
    assert whole
    assert first.descriptors.dtype == np.float16
    assert isinstance(first.descriptors, np.memmap)
    check(first, large)
    written = files(cache)
    again, kept, whole, single = read(large)
    assert not whole
    assert 0 < single <= 300
    check(again, large)
    assert kept.before is None
    assert files(cache) == written
    assert not [path for path in written if path.suffix == '.part']


def test_the_file_is_an_index_of_faiss_too(large):
    snapshot, cache, _, _ = read(large)
    query = snapshot.descriptors[1234].astype(np.float32)
    similarities, found = ExactSearch(cache.views).search(query, 5)
    wanted = snapshot.descriptors.astype(np.float32) @ query
    assert found.tolist() == np.argsort(-wanted)[:5].tolist()
    assert np.abs(similarities - wanted[found]).max() < 1e-5


def test_a_small_map_stays_in_memory(large, cache):
    small = DescriptorCache(4001)
    with PlaceMap.open(large) as place_map:
        snapshot = place_map.snapshot(small)
    assert snapshot.descriptors.dtype == np.float32
    assert small.views is None
    assert files(cache) == []


def test_what_changed_is_read_and_the_rest_is_not(large):
    before, _, _, _ = read(large)
    more = streets(40, seed=9)
    with PlaceMap.open(large, writeable=True) as place_map:
        place_map.remove(before.place_ids[500:510].tolist())
        place_map.add_session('wednesday', source='')
        place_map.append('wednesday', places(more, cameras=('front', 'left')))
    after, cache, whole, single = read(large)
    assert not whole
    assert 40 <= single < 400
    check(after, large)
    old, folder = cache.before
    assert len(old) == 4000
    assert folder.is_dir()
    # A change to most of it is not worth the trouble.
    with PlaceMap.open(large, writeable=True) as place_map:
        place_map.remove_session('monday')
    after, cache, whole, _ = read(large)
    assert whole
    assert cache.before is None
    check(after, large)


def test_a_map_that_only_moved_keeps_its_descriptors(large):
    before, _, _, _ = read(large)
    with PlaceMap.open(large, writeable=True) as place_map:
        place_map.update_poses({int(before.place_ids[0]): None})
    after, _, whole, _ = read(large)
    assert not whole
    check(after, large)


def test_states_do_not_pile_up(large, cache):
    for stamp in range(6):
        with PlaceMap.open(large, writeable=True) as place_map:
            place_map.append('monday', places(streets(2, seed=stamp), first_ns=10 ** 6 + stamp,
                                              cameras=('front', 'rear')))
        read(large)
    states = [path for path in (cache / 'vpr_ros' / 'maps').glob('*/*') if path.is_dir()]
    assert len(states) == 2


def cut(folder):
    file, = folder.glob('descriptors-*')
    file.write_bytes(file.read_bytes()[:-7])


def lengthen(folder):
    file, = folder.glob('keys-*')
    file.write_bytes(file.read_bytes() + b'x')


def open_to_others(folder):
    file, = folder.glob('descriptors-*')
    file.chmod(0o666)


def no_json(folder):
    (folder / 'descriptors.json').write_text('{"version": 1}', encoding='utf-8')


def huge(folder):
    path = folder / 'descriptors.json'
    facts = json.loads(path.read_text(encoding='utf-8'))
    facts['views'] = 10 ** 15
    path.write_text(json.dumps(facts), encoding='utf-8')


def negative(folder):
    path = folder / 'descriptors.json'
    facts = json.loads(path.read_text(encoding='utf-8'))
    facts['views'], facts['header'] = -4000, facts['header'] + 2 * 32 * 8000
    path.write_text(json.dumps(facts), encoding='utf-8')


def elsewhere(folder):
    path = folder / 'descriptors.json'
    facts = json.loads(path.read_text(encoding='utf-8'))
    facts['file'] = '/etc/passwd'
    path.write_text(json.dumps(facts), encoding='utf-8')


def other_content(folder):
    file, = folder.glob('descriptors-*')
    content = bytearray(file.read_bytes())
    content[-100_000:] = bytes(100_000)
    file.write_bytes(content)


def other_keys(folder):
    file, = folder.glob('keys-*')
    file.write_bytes(np.zeros(8000, '<i8').tobytes())


def no_file(folder):
    file, = folder.glob('descriptors-*')
    file.unlink()


@pytest.mark.parametrize('spoil', [
    cut, lengthen, open_to_others, no_json, huge, negative, elsewhere, other_content, other_keys,
    no_file])
def test_a_spoilt_cache_is_made_again(large, spoil):
    _, cache, _, _ = read(large)
    folder = cache.folder.of(cache.state)
    spoil(folder)
    snapshot, _, whole, _ = read(large)
    assert whole
    check(snapshot, large)
    snapshot, _, whole, _ = read(large)
    assert not whole
    check(snapshot, large)


def test_copies_that_went_apart_do_not_share_what_differs(large, tmp_path):
    copy = tmp_path / 'copy.vprmap'
    shutil.copy(large, copy)
    for path, seed in ((large, 50), (copy, 60)):
        with PlaceMap.open(path, writeable=True) as place_map:
            # The same ids, of other places.
            place_map.append('monday', places(streets(20, seed), first_ns=10 ** 6,
                                              cameras=('front', 'rear')))
    assert plain(large).place_ids.tolist() == plain(copy).place_ids.tolist()
    for path in (large, copy, large):
        snapshot, cache, whole, _ = read(path)
        assert whole
        assert cache.before is None
        check(snapshot, path)


def test_without_a_place_for_a_cache_descriptors_stay_in_memory(large, cache, caplog):
    cache.write_text('a file where the folder should be', encoding='utf-8')
    snapshot, kept, whole, _ = read(large)
    assert whole
    assert 'no cache of the map' in caplog.text
    check(snapshot, large)
    assert snapshot.descriptors.dtype == np.float16
    assert kept.folder is None
    assert kept.views.file is None
