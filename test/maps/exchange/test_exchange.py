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

"""Maps to folders, arrays and HDF5 and back, exactly; and nothing comes in from outside."""

from dataclasses import replace
import json
import os
import shutil

import cv2
import h5py
import numpy as np
import pytest
from vpr_ros.datasets.image_folder import read_image_folder
from vpr_ros.errors import VprError
from vpr_ros.maps.exchange.arrays import export_arrays
from vpr_ros.maps.exchange.arrays import import_arrays
from vpr_ros.maps.exchange.confined import plain_names
from vpr_ros.maps.exchange.folder import export_folder
from vpr_ros.maps.exchange.hloc import export_hloc
from vpr_ros.maps.exchange.hloc import import_hloc
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.types import Pose
from vpr_ros.types import View

DIMENSION = 256


@pytest.fixture
def full(tmp_path, identity, unit, jpeg):
    """Return a closed map of two traverses with odd names, one place without a pose, one gone."""
    rng = np.random.default_rng(2)
    path = tmp_path / 'full.vprmap'
    with PlaceMap.create(path, replace(identity, dimension=DIMENSION), frame='city') as place_map:
        for session, count in (('monday, "wet" \u2614', 6), ('../tuesday', 4)):
            place_map.add_session(session, source='a bag')
            place_map.append(session, [NewPlace(
                10 ** 18 + n, tuple(View(camera, descriptor, jpeg) for camera, descriptor in zip(
                    ('front', 'rear'), unit(2, DIMENSION), strict=True)),
                None if n == 2 else Pose(rng.standard_normal(3) * 1e4, rng.standard_normal(4)))
                for n in range(count)])
        place_map.remove(place_map.place_ids()[-1:])
    return path


def contents(path):
    """Return what every format keeps, as values that compare."""
    with PlaceMap.open(path) as place_map:
        return ([(s.name, s.source, s.id_prefix, s.created_ns, s.made, s.places)
                 for s in place_map.sessions()],
                place_map.network, place_map.descriptor_type, place_map.frame, place_map.datum,
                [facts(place_map.place(n)) for n in place_map.place_ids()])


def facts(place):
    pose = place.T_map_base
    return (place.id, place.stamp_ns, place.session,
            None if pose is None else (pose.position.tolist(), pose.quaternion.tolist()),
            [(view.camera, view.descriptor.tobytes()) for view in place.views])


# Folders of images


def test_a_folder_is_read_as_a_data_set(full, tmp_path, jpeg):
    out, told = tmp_path / 'out', []
    with PlaceMap.open(full) as place_map:
        folders = export_folder(place_map, out, advance=lambda: told.append(1))
        places = place_map.places('monday, "wet" \u2614')
    assert [folder.path.name for folder in folders] == [
        'monday_wet_front', 'monday_wet_rear', 'tuesday_front', 'tuesday_rear']
    assert [(folder.images, folder.left_out) for folder in folders] == [(5, 1)] * 2 + [(2, 1)] * 2
    assert len(told) == 18
    traverse = read_image_folder(out / 'monday_wet_front')
    posed = [place for place in places if place.T_map_base is not None]
    frames = list(traverse.frames())
    assert len(frames) == len(posed) == 5
    for frame, place in zip(frames, posed, strict=True):
        assert frame.stamp_ns == place.stamp_ns
        assert (frame.T_map_base.position == place.T_map_base.position).all()
        assert (frame.T_map_base.quaternion == place.T_map_base.quaternion).all()
        assert (out / 'monday_wet_front' / f'{place.id}.jpg').read_bytes() == jpeg
        assert (frame.image == cv2.imdecode(np.frombuffer(jpeg, np.uint8), 1)[..., ::-1]).all()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['full.vprmap', 'out']


def test_a_folder_of_a_map_without_poses(saved, tmp_path, jpeg, new_place):
    with PlaceMap.open(saved, writeable=True) as place_map:
        place_map.add_session('tuesday', source='')
        place_map.append('tuesday', [new_place(n, thumbnail=jpeg) for n in (5, 7, 7, 9)])
        place_map.remove_session('monday')
        folder, = export_folder(place_map, tmp_path / 'out')
    assert (folder.path.name, folder.images, folder.left_out) == ('tuesday', 3, 1)
    traverse = read_image_folder(folder.path)
    assert [frame.stamp_ns for frame in traverse.frames()] == [5, 7, 9]
    assert (folder.path / 'poses.csv').read_text().startswith('file,stamp_ns\n')


def test_traverses_and_cameras_that_sound_alike(path, identity, new_place, jpeg, tmp_path):
    with PlaceMap.create(path, identity) as place_map:
        for session, camera in ('a', 'b_c'), ('a_b', 'c'):
            place_map.add_session(session, source='test')
            place_map.append(session, [new_place(1, camera=camera, thumbnail=jpeg)])
        told = export_folder(place_map, tmp_path / 'out')
    assert [(part.path.name, part.images) for part in told] == [('a_b_c', 1), ('a_b_c_2', 1)]
    assert all(len(list(part.path.glob('*.jpg'))) == 1 for part in told)


def test_a_map_without_pictures(path, identity, new_place, tmp_path):
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='')
        place_map.append('monday', [new_place(1)])
        with pytest.raises(VprError, match='no thumbnails to export'):
            export_folder(place_map, tmp_path / 'out')
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_plain_names():
    names = ['a/b', 'a_b', 'A_B', '..', '', '.hidden', 'x' * 300, '\u2614', 'monday (2)']
    plain = plain_names(names)
    assert len({name.lower() for name in plain.values()}) == len(names)
    for name in plain.values():
        assert name
        assert '/' not in name
        assert not name.startswith('.')
        assert len(name) < 110


# Round trips


@pytest.mark.parametrize('write, read', [
    (export_arrays, import_arrays), (export_hloc, import_hloc)])
@pytest.mark.parametrize('kind', ['float16', 'float32'])
def test_round_trips_are_exact(full, tmp_path, write, read, kind):
    if kind == 'float32':
        precise = tmp_path / 'precise.vprmap'
        with PlaceMap.open(full) as old, PlaceMap.create(
                precise, old.network, descriptor_type='float32', frame='city') as new:
            for info in old.sessions():
                new.add_session(info.name, source=info.source, id_prefix=info.id_prefix,
                                created_ns=info.created_ns)
                new.adopt(info.name, map(old.place, old.place_ids(info.name)), made=info.made)
        full = precise
    told = []
    with PlaceMap.open(full) as place_map:
        assert write(place_map, tmp_path / 'out', advance=lambda: told.append(1)) == 18
        map_id = place_map.id
    assert len(told) == 9
    read(tmp_path / 'out', tmp_path / 'back.vprmap', advance=lambda: told.append(1))
    assert len(told) == 9 + 18
    assert contents(tmp_path / 'back.vprmap') == contents(full)
    with PlaceMap.open(tmp_path / 'back.vprmap', writeable=True) as place_map:
        assert place_map.id != map_id


def test_local_features_travel_with_hloc(rich, tmp_path):
    with PlaceMap.open(rich) as place_map:
        export_hloc(place_map, tmp_path / 'out')
    import_hloc(tmp_path / 'out', tmp_path / 'back.vprmap')
    with PlaceMap.open(rich) as old, PlaceMap.open(tmp_path / 'back.vprmap') as new:
        assert new.local_kind == old.local_kind == 'sift'
        for place_id in old.place_ids():
            for mine, theirs in zip(old.place(place_id).views, new.place(place_id).views,
                                    strict=True):
                for name in ('points', 'descriptors', 'scores'):
                    assert (getattr(mine.local_features, name)
                            == getattr(theirs.local_features, name)).all()
                assert np.array_equal(mine.local_features.depths, theirs.local_features.depths)


def test_an_empty_map(path, identity, tmp_path):
    with PlaceMap.create(path, identity) as place_map:
        place_map.add_session('monday', source='x')
        assert export_arrays(place_map, tmp_path / 'out') == 0
    import_arrays(tmp_path / 'out', tmp_path / 'back.vprmap')
    assert contents(tmp_path / 'back.vprmap') == contents(path)


def test_arrays_are_what_numpy_and_a_spreadsheet_read(full, tmp_path):
    with PlaceMap.open(full) as place_map:
        export_arrays(place_map, tmp_path / 'out')
        place = place_map.place(place_map.place_ids()[1])
    descriptors = np.load(tmp_path / 'out' / 'descriptors.npy', allow_pickle=False)
    assert (descriptors.dtype, descriptors.shape) == (np.float32, (18, DIMENSION))
    assert (descriptors[3] == place.views[1].descriptor).all()
    header, *lines = (tmp_path / 'out' / 'places.csv').read_text('utf-8').splitlines()
    assert header == 'place_id,session,camera,stamp_ns,x,y,z,qx,qy,qz,qw'
    assert lines[3].startswith(f'{place.id},"monday, ""wet"" \u2614",rear,{10 ** 18 + 1},')
    card = json.loads((tmp_path / 'out' / 'map.json').read_text('utf-8'))
    assert card['network']['dimension'] == DIMENSION


def test_hloc_finds_what_it_looks_for(rich, tmp_path):
    """The layout of hloc's own extract_features, read as its matching does."""
    with PlaceMap.open(rich) as place_map:
        export_hloc(place_map, tmp_path / 'out')
        place = place_map.place(place_map.place_ids('tuesday')[3])
    name = f'tuesday/rear/{place.id}.jpg'
    view = place.views[1]
    with h5py.File(tmp_path / 'out' / 'global-feats.h5') as file:
        assert list(file[name]) == ['global_descriptor']
        assert (np.array(file[name]['global_descriptor']) == view.descriptor).all()
    with h5py.File(tmp_path / 'out' / 'feats.h5') as file:
        group = file[name]
        assert group['keypoints'].shape == (9, 2)
        assert group['descriptors'].shape == (16, 9)  # hloc keeps them in columns
        assert group['scores'].shape == (9,)
        assert group['keypoints'].attrs['uncertainty'] == 1.0
        width, height = group['image_size']
        assert (np.array(group['keypoints']) < [width, height]).all()
        front = file[name.replace('rear', 'front')]
        assert front['image_size'][()].tolist() == [640, 480]  # which was calibrated


# What others made


def test_foreign_arrays(tmp_path):
    folder = tmp_path / 'in'
    folder.mkdir()
    descriptors = np.random.default_rng(0).standard_normal((5, 16)).astype(np.float64)
    np.save(folder / 'descriptors.npy', descriptors)
    (folder / 'places.csv').write_text('stamp_ns\n10\n20\n30\n40\n50\n')
    card = import_arrays(folder, tmp_path / 'a.vprmap', network_name='their netvlad')
    assert (card.network.name, card.network.weights_hash) == ('their netvlad', 'foreign')
    with PlaceMap.open(tmp_path / 'a.vprmap') as place_map:
        snapshot = place_map.snapshot()
        assert snapshot.stamps_ns.tolist() == [10, 20, 30, 40, 50]
        assert place_map.sessions()[0].name == 'imported'
        unit = descriptors / np.linalg.norm(descriptors, axis=1, keepdims=True)
        assert np.abs(snapshot.descriptors - unit).max() < 1e-3
        with pytest.raises(VprError, match='16 dimensions'):
            place_map._descriptors.encode(np.ones(8, np.float32))


def test_a_foreign_hdf5_file(tmp_path):
    """As hloc writes it, in half precision and by images in folders."""
    descriptors = np.random.default_rng(0).standard_normal((12, 16))
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    with h5py.File(tmp_path / 'feats.h5', 'w', libver='latest') as file:
        for n, descriptor in enumerate(descriptors):
            group = file.create_group(f'db/cam/{n}.jpg')
            group.create_dataset('global_descriptor', data=descriptor.astype(np.float16))
            group.create_dataset('image_size', data=np.array([640, 480]))
    card = import_hloc(tmp_path / 'feats.h5', tmp_path / 'a.vprmap', network_name='netvlad')
    assert card.network.dimension == 16
    with PlaceMap.open(tmp_path / 'a.vprmap') as place_map:
        snapshot = place_map.snapshot()
    assert snapshot.stamps_ns.tolist() == [n * 10 ** 9 for n in range(1, 13)]
    # In natural order: 2.jpg comes before 10.jpg.
    assert np.abs(snapshot.descriptors - descriptors).max() < 2e-3


# What hostile ones made


@pytest.fixture
def arrays(full, tmp_path):
    with PlaceMap.open(full) as place_map:
        export_arrays(place_map, tmp_path / 'in')
    return tmp_path / 'in'


class Bomb:

    def __reduce__(self):
        return os.abort, ()  # whoever runs this does not live to tell


def spoil_card(change):
    def spoil(folder):
        values = json.loads((folder / 'map.json').read_text('utf-8'))
        change(values)
        (folder / 'map.json').write_text(json.dumps(values))
    return spoil


def spoil_table(old, new):
    def spoil(folder):
        text = (folder / 'places.csv').read_text('utf-8')
        assert old in text
        (folder / 'places.csv').write_text(text.replace(old, new, 1), encoding='utf-8')
    return spoil


def save(array):
    return lambda folder: np.save(folder / 'descriptors.npy', array)


def header(text):
    """Write an array that claims a shape without holding it."""
    def spoil(folder):
        line = text.encode().ljust(117) + b'\n'
        (folder / 'descriptors.npy').write_bytes(
            b'\x93NUMPY\x01\x00' + len(line).to_bytes(2, 'little') + line)
    return spoil


def link_out(name):
    def spoil(folder):
        shutil.move(folder / name, folder.parent / f'elsewhere-{name}')
        (folder / name).symlink_to(folder.parent / f'elsewhere-{name}')
    return spoil


NAN = np.full((18, DIMENSION), np.nan, np.float32)


@pytest.mark.parametrize('spoil, text', [
    (lambda f: np.save(f / 'descriptors.npy', np.array([Bomb()] * 18), allow_pickle=True),
     'cannot read .*descriptors.npy'),
    (header("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000000), }"),
     'cannot read .*descriptors.npy'),
    (header("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4), }"),
     'descriptors.npy'),
    (header('__import__("os").abort()'), 'cannot read .*descriptors.npy'),
    (save(np.zeros((18, DIMENSION), np.int32)), 'must be an array'),
    (save(np.zeros(18, np.float32)), 'must be an array'),
    (save(np.zeros((18, 7), np.float32)), f'have {DIMENSION} dimensions, .* has 7'),
    (save(NAN), 'not finite, or zero'),
    (save(NAN * 0 + 0), 'not finite, or zero'),
    (save(np.ones((17, DIMENSION), np.float32)), 'one line for each view'),
    (save(np.ones((19, DIMENSION), np.float32)), 'one line for each view'),
    (link_out('descriptors.npy'), 'leads out of its folder'),
    (link_out('places.csv'), 'leads out of its folder'),
    (link_out('map.json'), 'leads out of its folder'),
    (lambda f: (f / 'places.csv').unlink(), 'no file places.csv'),
    (lambda f: (f / 'descriptors.npy').unlink(), 'no file descriptors.npy'),
    (lambda f: (f / 'map.json').unlink(), 'no map.json: say with --network-name'),
    (lambda f: (f / 'map.json').write_text('[' * 10 ** 6), 'does not describe a map'),
    (lambda f: (f / 'map.json').write_text(' ' * (5 * 2 ** 20)), 'map.json is too large'),
    (spoil_card(lambda v: v.update(format='x')), "format 'x'"),
    (spoil_card(lambda v: v.update(descriptor_type='O')), "descriptors of 'O'"),
    (spoil_card(lambda v: v['network'].update(dimension=10 ** 9)), 'have 1000000000 dimensions'),
    (spoil_card(lambda v: v['sessions'][0].update(id_prefix=-1)), 'cannot begin with -1'),
    (spoil_card(lambda v: v['sessions'][0].update(id_prefix=5)), 'is of another session'),
    (spoil_card(lambda v: v['sessions'][0].update(made=2 ** 40)), 'cannot have made'),
    (spoil_card(lambda v: v['sessions'].pop()), 'knows no session'),
    (spoil_card(lambda v: v.update(datum={'latitude_deg': 200, 'longitude_deg': 0})), 'a datum'),
    (spoil_table('stamp_ns', 'stamp'), 'unknown columns stamp'),
    (spoil_table(',x,', ',file,'), 'unknown columns file'),
    (spoil_table(',front,', ',front,x'), 'no whole number'),
    (spoil_table(',front,', ',front,9' + '9' * 19), 'no whole number'),
    (spoil_table(',front,', ',front,1,2,'), 'not as many values'),
    (spoil_table('.', 'nan'), 'line 2: '),
    (spoil_table('front', 'f' * 10 ** 6), 'too large for a table'),
    (lambda f: (f / 'places.csv').write_bytes(b'stamp_ns\n\xff\n'), 'cannot read'),
])
def test_arrays_that_are_refused(arrays, tmp_path, spoil, text):
    spoil(arrays)
    with pytest.raises(VprError, match=text):
        import_arrays(arrays, tmp_path / 'back.vprmap')


@pytest.fixture
def hdf5(rich, tmp_path):
    with PlaceMap.open(rich) as place_map:
        export_hloc(place_map, tmp_path / 'in')
    return tmp_path / 'in'


def spoil_hdf5(change, name='global-feats.h5'):
    def spoil(folder):
        with h5py.File(folder / name, 'r+') as file:
            image = next(iter(file['monday/front']))
            change(file, file[f'monday/front/{image}'])
    return spoil


def replaced(name, **options):
    def change(file, group):
        del group[name]
        group.create_dataset(name, **options)
    return change


def external_link(file, group):
    del group['global_descriptor']
    group['global_descriptor'] = h5py.ExternalLink('/etc/passwd', '/x')


def linked_copy(name, array):
    """Keep the numbers in another file, which is a good one."""
    def change(file, group):
        other = f'{file.filename}.other'
        with h5py.File(other, 'w') as target:
            target['x'] = group[array][()]
        del group[array]
        if name == 'external link':
            group[array] = h5py.ExternalLink(other, '/x')
        elif name == 'virtual':
            with h5py.File(other) as target:
                layout = h5py.VirtualLayout(target['x'].shape, np.float32)
                layout[...] = h5py.VirtualSource(target['x'])
            group.create_virtual_dataset(array, layout)
        else:
            group.create_dataset(array, (8,), np.float32, external=[('/etc/passwd', 0, 32)])
    return change


@pytest.mark.parametrize('spoil, text', [
    (lambda f: (f / 'global-feats.h5').write_bytes(b'no HDF5'), 'as HDF5'),
    (lambda f: (f / 'global-feats.h5').write_bytes((f / 'global-feats.h5').read_bytes()[:5000]),
     'as HDF5'),
    (lambda f: (f / 'global-feats.h5').unlink(), 'no file global-feats.h5'),
    (link_out('global-feats.h5'), 'leads out of its folder'),
    (link_out('feats.h5'), 'leads out of its folder'),
    (spoil_hdf5(replaced('global_descriptor', shape=(10 ** 12,), dtype='f4', chunks=(1024,))),
     'of shape'),
    (spoil_hdf5(replaced('global_descriptor', shape=(8, 1), dtype='f4')), 'of shape'),
    (spoil_hdf5(replaced('global_descriptor', shape=(7,), dtype='f4', fillvalue=0.5)),
     '8 dimensions'),
    (spoil_hdf5(replaced('global_descriptor', shape=(8,), dtype='f4')), 'not finite, or zero'),
    (spoil_hdf5(replaced('global_descriptor', shape=(8,), dtype='i4')), 'floating point'),
    (spoil_hdf5(replaced('global_descriptor', shape=(8,), dtype=h5py.string_dtype())),
     'floating point'),
    (spoil_hdf5(linked_copy('external link', 'global_descriptor')), 'no image'),
    (spoil_hdf5(linked_copy('virtual', 'global_descriptor')), 'in another file'),
    (spoil_hdf5(linked_copy('external', 'global_descriptor')), 'in another file'),
    (spoil_hdf5(linked_copy('external link', 'descriptors'), 'feats.h5'), 'no such array'),
    (spoil_hdf5(replaced('keypoints', shape=(10 ** 10, 2), dtype='f4', chunks=(1024, 2)),
                'feats.h5'), 'of shape'),
    # Little of a file, much of the memory.
    (spoil_hdf5(replaced('global_descriptor', shape=(8,), maxshape=(None,), dtype='f4',
                         chunks=(10 ** 9,), compression='gzip')), 'in pieces of'),
    (spoil_hdf5(replaced('descriptors', shape=(4096, 65_536), dtype='f4', chunks=(64, 64)),
                'feats.h5'), 'of shape .* numbers'),
    (spoil_hdf5(replaced('keypoints', shape=(3, 2), dtype='f4'), 'feats.h5'), 'local features'),
    (spoil_hdf5(lambda file, group: file.create_dataset('a/global_descriptor', (8,), 'f4')),
     'no line for 1 images'),
    (lambda f: (f / 'map.json').unlink(), 'say with --network-name'),
])
def test_hdf5_that_is_refused(hdf5, tmp_path, spoil, text):
    spoil(hdf5)
    with pytest.raises(VprError, match=text):
        import_hloc(hdf5, tmp_path / 'back.vprmap')


def test_an_existing_folder_is_not_written_to(full, tmp_path):
    (tmp_path / 'out').mkdir()
    with PlaceMap.open(full) as place_map:
        for write in (export_folder, export_arrays, export_hloc):
            with pytest.raises(VprError, match='out exists already'):
                write(place_map, tmp_path / 'out')
    assert list((tmp_path / 'out').iterdir()) == []
