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

"""Commands that care for maps, as a user runs them."""

from pathlib import Path
import resource
import sqlite3

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner
from vpr_ros.cli.main import app
from vpr_ros.errors import VprError
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose
from vpr_ros.types import View

IDENTITY = NetworkIdentity('test', 'abc123', 8, Preprocessing(32, 64))


@pytest.fixture
def vpr(tmp_path, monkeypatch):
    """Return a function that runs ``vpr_ros map`` in the folder of the maps."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('COLUMNS', '200')

    def vpr(*arguments, exit_code=0):
        result = CliRunner().invoke(app, ['map', *map(str, arguments)])
        if isinstance(result.exception, VprError):
            raise result.exception
        assert result.exit_code == exit_code, (result.output, result.exception)
        return result.output

    return vpr


@pytest.fixture
def make(tmp_path):
    """Return a function that makes a map of sessions; places are a metre apart."""
    rng = np.random.default_rng(0)

    def make(name, sessions, *, posed=False):
        with PlaceMap.create(tmp_path / name, IDENTITY) as place_map:
            for session, count in sessions.items():
                place_map.add_session(session, source='')
                vectors = rng.standard_normal((count, 8)).astype(np.float32)
                vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
                place_map.append(session, [
                    NewPlace(n, (View('front', vector),),
                             Pose(np.array([n, 0.0, 0.0])) if posed else None)
                    for n, vector in enumerate(vectors)])
        return Path(name)

    return make


def sessions(path):
    with PlaceMap.open(Path(path)) as place_map:
        return {session.name: session.places for session in place_map.sessions()}


def files(folder):
    return sorted(path.name for path in folder.iterdir())


# vpr_ros map merge


def test_merging_into_a_new_map(vpr, make, tmp_path):
    a, b = make('a.vprmap', {'monday': 3}), make('b.vprmap', {'monday': 4, 'tuesday': 5})
    before = a.read_bytes(), b.read_bytes()
    output = vpr('merge', a, b, '-o', 'c.vprmap')
    assert 'b.vprmap: 9 new places' in output
    assert 'session monday as monday (2): 4 new\n' in output
    assert output.endswith('12 places in all\n')
    assert sessions('c.vprmap') == {'monday': 3, 'monday (2)': 4, 'tuesday': 5}
    assert (a.read_bytes(), b.read_bytes()) == before
    assert files(tmp_path) == ['a.vprmap', 'b.vprmap', 'c.vprmap']
    ids = {PlaceMap.open(Path(name)).id for name in files(tmp_path)}
    assert len(ids) == 3


def test_merging_in_place_and_again(vpr, make, tmp_path):
    a, b, c = (make(f'{name}.vprmap', {name: 3}) for name in 'abc')
    assert '9 places in all' in vpr('merge', b, c, '--into', a)
    output = vpr('merge', b, c, '--into', a)
    assert 'session b: 0 new, 3 there already' in output
    assert sessions(a) == {'a': 3, 'b': 3, 'c': 3}
    assert files(tmp_path) == ['a.vprmap', 'b.vprmap', 'c.vprmap']


@pytest.mark.parametrize('where', [('-o', 'c.vprmap'), ('--into', 'a.vprmap')])
def test_a_dry_run_says_the_same_and_changes_nothing(vpr, make, tmp_path, where):
    a, b = make('a.vprmap', {'monday': 3}), make('b.vprmap', {'monday': 4})
    maps = [b] if where[0] == '--into' else [a, b]
    before = a.read_bytes()
    foretold = vpr('merge', *maps, b, *where, '--dry-run')
    assert files(tmp_path) == ['a.vprmap', 'b.vprmap']
    assert a.read_bytes() == before
    done = vpr('merge', *maps, b, *where)
    told = [line for line in done.splitlines() if 'new' in line]
    assert told == [line for line in foretold.splitlines() if 'new' in line]
    assert told[-1] == '  session monday as monday (2): 0 new, 4 there already'
    assert '7 places would be in all' in foretold


def test_frames_of_merged_maps(vpr, make):
    a, b = (make(f'{name}.vprmap', {name: 2}, posed=True) for name in 'ab')
    # Told of the maps that were named, not of the copy that is made.
    with pytest.raises(VprError, match=r'poses of b\.vprmap are in a\.vprmap is not known: '
                       r'.* --same-frame .* --transform x,y,z,yaw_deg .* of a\.vprmap$'):
        vpr('merge', a, b, '-o', 'c.vprmap')
    vpr('merge', a, b, '-o', 'c.vprmap', '--same-frame')
    output = vpr('merge', a, b, '-o', 'd.vprmap', '--transform', '-10,20,0.5,90')
    assert 'moved by -10.00, 20.00, 0.50 m' in output
    for name, last in (('c', [1.0, 0.0, 0.0]), ('d', [-10.0, 21.0, 0.5])):
        with PlaceMap.open(Path(f'{name}.vprmap')) as place_map:
            pose = place_map.place(place_map.place_ids('b')[-1]).T_map_base
            assert np.abs(pose.position - last).max() < 1e-12


def test_a_merge_says_whose_local_features_stay_behind(vpr, make, tmp_path):
    a, b = make('a.vprmap', {'monday': 1}), make('b.vprmap', {})
    for path, session, kind in ((a, 'more', 'orb'), (b, 'tuesday', 'sift')):
        with PlaceMap.open(tmp_path / path, writeable=True) as place_map:
            place_map.set_local_kind(kind)
            place_map.add_session(session, source='')
            features = LocalFeatures(np.ones((3, 2)), np.eye(3, 8), np.ones(3))
            place_map.append(session, [NewPlace(5, (View('front', np.eye(8)[0], b'', features),))])
    assert 'not be compared' not in vpr('merge', a, a, '-o', 'c.vprmap')
    output = vpr('merge', a, b, '-o', 'd.vprmap')
    assert 'which cannot be compared with those of kind orb' in output
    assert 'orb, 3 a view' in vpr('info', 'd.vprmap')


@pytest.mark.parametrize('arguments, text', [
    (['a.vprmap', 'b.vprmap'], 'either --out'),
    (['a.vprmap', 'b.vprmap', '-o', 'c.vprmap', '--into', 'a.vprmap'], 'either --out'),
    (['a.vprmap', '-o', 'c.vprmap'], 'nothing to merge'),
    (['a.vprmap', 'b.vprmap', '-o', 'b.vprmap'], r'b\.vprmap exists already'),
    (['a.vprmap', 'b.vprmap', '-o', 'b.vprmap', '--dry-run'], r'b\.vprmap exists already'),
    (['a.vprmap', 'b.vprmap', '-o', 'none/b.vprmap'], 'folder does not exist'),
    (['a.vprmap', 'none.vprmap', '-o', 'c.vprmap'], r'no map at none\.vprmap'),
    (['none.vprmap', 'a.vprmap', '-o', 'c.vprmap'], r'no map at none\.vprmap'),
    (['a.vprmap', 'b.vprmap', '-o', 'c.vprmap', '--transform', '1,2,3'], "got '1,2,3'"),
    (['a.vprmap', 'b.vprmap', '-o', 'c.vprmap', '--transform', '1,2,nan,3'], 'four numbers'),
    (['a.vprmap', 'b.vprmap', '-o', 'c.vprmap', '--transform', '1,2,3,4', '--same-frame'],
     'without --same-frame'),
    (['a.vprmap', 'b.vprmap', 'b.vprmap', '-o', 'c.vprmap', '--transform', '1,2,3,4'],
     'one map at a time'),
])
def test_merges_that_are_refused(vpr, make, tmp_path, arguments, text):
    make('a.vprmap', {'monday': 3})
    make('b.vprmap', {'monday': 4})
    with pytest.raises(VprError, match=text):
        vpr('merge', *arguments)
    assert files(tmp_path) == ['a.vprmap', 'b.vprmap']
    assert (sessions('a.vprmap'), sessions('b.vprmap')) == ({'monday': 3}, {'monday': 4})


def test_a_merge_that_fails_late_leaves_all_as_it_was(vpr, make, tmp_path):
    a, b = make('a.vprmap', {'monday': 3}), make('b.vprmap', {'tuesday': 4})
    Path('c.vprmap').write_bytes(b'no map')
    for where in (['-o', 'd.vprmap', a], ['--into', a]):
        with pytest.raises(VprError, match=r'c\.vprmap is no map'):
            vpr('merge', *where, b, 'c.vprmap')
    assert files(tmp_path) == ['a.vprmap', 'b.vprmap', 'c.vprmap']
    assert sessions(a) == {'monday': 3}


# vpr_ros map check


def spoil(path, statement):
    connection = sqlite3.connect(path)
    with connection:
        connection.execute(statement)
    connection.close()


def test_checking(vpr, make, tmp_path):
    path = make('a.vprmap', {'monday': 3})
    assert 'nothing is wrong with a.vprmap' in vpr('check', path, '--salvage', 'b.vprmap')
    spoil(path, "UPDATE place SET stamp_ns = 'noon' WHERE stamp_ns = 1")
    output = vpr('check', path, exit_code=1)
    with PlaceMap.open(path) as place_map:
        place_id = place_map.place_ids()[-1]
    assert f"place {place_id}: its stamp is 'noon'\n" in output
    assert '1 problem in a.vprmap' in output
    assert files(tmp_path) == ['a.vprmap']


def test_salvaging(vpr, make, tmp_path):
    path = make('a.vprmap', {'monday': 3, 'tuesday': 4})
    spoil(path, "UPDATE place SET stamp_ns = 'noon' WHERE stamp_ns = 1")
    output = vpr('check', path, '--salvage', 'b.vprmap', exit_code=1)
    assert output.count('lost: place ') == 2
    assert '5 places saved in b.vprmap' in output
    assert sessions('b.vprmap') == {'monday': 2, 'tuesday': 3}
    assert 'nothing is wrong' in vpr('check', 'b.vprmap')
    assert files(tmp_path) == ['a.vprmap', 'b.vprmap']


def test_checks_that_are_refused(vpr, make, tmp_path):
    path = make('a.vprmap', {'monday': 3})
    with pytest.raises(VprError, match='no map at none.vprmap'):
        vpr('check', 'none.vprmap')
    with pytest.raises(VprError, match='a.vprmap exists already'):
        vpr('check', path, '--salvage', path)
    Path('b.vprmap').write_bytes(b'no map')
    with pytest.raises(VprError, match='no map of vpr_ros'):
        vpr('check', 'b.vprmap', '--salvage', 'c.vprmap')
    assert files(tmp_path) == ['a.vprmap', 'b.vprmap']


# vpr_ros map prune


@pytest.fixture
def crowded(tmp_path):
    """Return a map with pictures of a street that was driven in steps of 25 cm, and a query."""
    waves, phases = np.random.default_rng(5).uniform(0.05, 0.3, 8), np.arange(8)

    def looks(x):
        vector = np.cos(x * waves + phases)
        return (vector / np.linalg.norm(vector)).astype(np.float32)

    for name, step in (('a.vprmap', 0.25), ('b.vprmap', 3.0)):
        with PlaceMap.create(tmp_path / name, IDENTITY) as place_map:
            place_map.add_session('monday', source='')
            place_map.append('monday', [
                NewPlace(n, (View('front', looks(n * step), b'picture' * 500),),
                         Pose(np.array([n * step, 0.0, 0.0]))) for n in range(int(100 / step))])
    return Path('a.vprmap')


def test_pruning(vpr, crowded, tmp_path):
    before = crowded.read_bytes()
    foretold = vpr('prune', crowded, '--similarity', 0.99, '--queries', 'b.vprmap', '--dry-run')
    assert crowded.read_bytes() == before
    output = vpr('prune', crowded, '--similarity', 0.99, '--queries', 'b.vprmap')
    recalls = [line for line in output.splitlines() if line.startswith('R@1')]
    assert recalls == [line for line in foretold.splitlines() if line.startswith('R@1')]
    assert 'views of places that go: ' in recalls[0]
    assert 'asked with 33 views of b.vprmap: 1.000 before, 1.000 after' in recalls[1]
    left = sessions(crowded)['monday']
    assert f'400 places were {left} after {400 - left} went' in output
    assert f'400 places, {400 - left} can go: {left} stay' in foretold
    assert 30 < left < 200
    assert crowded.stat().st_size < len(before) * left / 400 + 100_000
    assert files(tmp_path) == ['a.vprmap', 'b.vprmap']
    assert '0 can go' in vpr('prune', crowded, '--similarity', 0.99, '--dry-run')


def test_pruning_to_a_number(vpr, crowded):
    output = vpr('prune', crowded, '--keep-share', 0.25)
    assert 'similar to one that stays' in output
    assert 90 <= sessions(crowded)['monday'] <= 100
    with pytest.raises(VprError, match='ask for more than 5'):
        vpr('prune', crowded, '--keep', 5)
    vpr('prune', crowded, '--keep', 20)
    assert sessions(crowded)['monday'] <= 20


def test_pruning_on_a_full_disk_keeps_the_map(vpr, crowded, monkeypatch):
    """The places are gone, and the file as large as it was: there is no room to write it anew."""
    size = crowded.stat().st_size
    genuine = PlaceMap.compact

    def on_a_full_disk(place_map):
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, limits[1]))
        try:
            genuine(place_map)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    monkeypatch.setattr(PlaceMap, 'compact', on_a_full_disk)
    output = vpr('prune', crowded, '--keep', 100)
    assert 'all is well with the map, but a.vprmap cannot be made smaller' in output
    assert 'as much room on the disk' in output
    assert crowded.stat().st_size >= size
    left = sessions(crowded)['monday']
    assert left <= 100
    assert not [line for line in vpr('check', crowded, exit_code=1).splitlines()
                if 'no JPEG' not in line and 'problems' not in line and 'checking' not in line]


@pytest.mark.parametrize('arguments, text', [
    (['--keep', -1], 'not both; got --keep -1'), (['--keep-share', 1.5], '--keep-share 1.5'),
    (['--keep', 5, '--keep-share', 0.5], 'got --keep 5 --keep-share 0.5'),
    (['--similarity', 2], 'in -1..1.* got similarity 2, same place 5 m or 2 frames'),
    (['--queries', 'none.vprmap'], 'no map at none.vprmap'),
])
def test_prunings_that_are_refused(vpr, crowded, arguments, text):
    with pytest.raises(VprError, match=text):
        vpr('prune', crowded, *arguments)
    assert sessions(crowded) == {'monday': 400}


# vpr_ros map export and import


@pytest.mark.parametrize('kind', ['numpy', 'hloc'])
def test_exporting_and_importing(vpr, make, tmp_path, kind):
    path = make('a.vprmap', {'monday': 3, 'tuesday': 4}, posed=True)
    assert '7 views in out' in vpr('export', path, '--format', kind, '-o', 'out')
    output = vpr('import', 'out', '--format', kind, '-o', 'b.vprmap')
    assert '7 places in b.vprmap' in output
    assert 'no network' not in output
    assert sessions('b.vprmap') == {'monday': 3, 'tuesday': 4}
    assert files(tmp_path) == ['a.vprmap', 'b.vprmap', 'out']
    assert 'session monday: 0 new, 3 there already' in vpr('merge', 'b.vprmap', '--into', path)


def test_an_exported_folder_makes_a_map(vpr, tmp_path):
    image = cv2.imencode('.jpg', np.random.default_rng(0).integers(0, 255, (30, 40, 3)))[1]
    with PlaceMap.create(tmp_path / 'a.vprmap', IDENTITY) as place_map:
        place_map.add_session('monday', source='')
        place_map.append('monday', [
            NewPlace(n, (View('front', np.eye(8, dtype=np.float32)[n], image.tobytes()),),
                     Pose(np.array([10.0 * n, 0.0, 0.0]))) for n in range(5)])
    assert '5 images in out/monday\n' in vpr('export', 'a.vprmap', '-o', 'out')
    vpr('build', '--images', 'out/monday', '--network', 'thumbnail', '-p',
        'extraction.device:=cpu', '-o', 'b.vprmap')
    with PlaceMap.open(tmp_path / 'b.vprmap') as place_map:
        assert place_map.snapshot().poses.positions[:, 0].tolist() == [0.0, 10.0, 20.0, 30.0, 40.0]


def test_foreign_descriptors_say_so(vpr, tmp_path):
    folder = tmp_path / 'in'
    folder.mkdir()
    np.save(folder / 'descriptors.npy', np.eye(16, dtype=np.float32))
    (folder / 'places.csv').write_text('stamp_ns\n' + '\n'.join(map(str, range(16))))
    output = vpr('import', 'in', '--network-name', 'their[bold]', '-o', 'a.vprmap')
    assert 'descriptors like these (their[bold], 16 dimensions): nothing' in output
    assert sessions('a.vprmap') == {'imported': 16}


@pytest.mark.parametrize('arguments, text', [
    (['export', 'a.vprmap', '-o', 'out', '--format', 'nunpy'], "did you mean 'numpy'"),
    (['export', 'a.vprmap', '-o', 'out'], 'no thumbnails'),
    (['export', 'none.vprmap', '-o', 'out'], 'no map at'),
    (['export', 'a.vprmap', '-o', 'a.vprmap'], 'exists already'),
    (['import', 'none', '-o', 'b.vprmap'], 'there is no none'),
    (['import', '.', '-o', 'b.vprmap', '--format', 'folder'], "unknown format 'folder'"),
    (['import', '.', '-o', 'b.vprmap'], 'no file descriptors.npy'),
    (['import', 'a.vprmap', '-o', 'b.vprmap', '--format', 'hloc', '--network-name', 'x'],
     'as HDF5'),
    (['import', '.', '-o', 'a.vprmap'], 'exists already'),
])
def test_exchanges_that_are_refused(vpr, make, tmp_path, arguments, text):
    make('a.vprmap', {'monday': 3})
    with pytest.raises(VprError, match=text):
        vpr(*arguments)
    assert files(tmp_path) == ['a.vprmap']


# vpr_ros map remove


def test_removing(vpr, make):
    path = make('a.vprmap', {'monday': 3, 'tuesday': 4})
    with PlaceMap.open(path) as place_map:
        first, second, _ = place_map.place_ids('monday')
    before = path.read_bytes()
    assert '4 places would go, 3 stay' in vpr('remove', path, '--session', 'tuesday', '--dry-run')
    assert '2 places would go, 5 stay' in vpr('remove', path, '--places', f'{first},{second}',
                                              '--dry-run')
    assert path.read_bytes() == before
    assert '4 places went, 3 stay' in vpr('remove', path, '--session', 'tuesday')
    assert '2 places went, 1 stay' in vpr('remove', path, '--places', f'{first}, {second},{first}')
    assert sessions(path) == {'monday': 1}


@pytest.mark.parametrize('arguments, text', [
    ([], 'give either --session'), (['--session', 'monday', '--places', '1'], 'give either'),
    (['--session', 'sunday'], "unknown session 'sunday'; did you mean 'monday'"),
    (['--places', '1,x'], "got '1,x'"), (['--places', '7'], 'no place 7'),
])
@pytest.mark.parametrize('dry', [[], ['--dry-run']])
def test_removals_that_are_refused(vpr, make, arguments, text, dry):
    path = make('a.vprmap', {'monday': 3})
    with pytest.raises(VprError, match=text):
        vpr('remove', path, *arguments, *dry)
    assert sessions(path) == {'monday': 3}
