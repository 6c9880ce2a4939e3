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
"""Packed files that are damaged, or made to do harm."""

import io
import json
import os
import pickle
import subprocess
import sys
import tarfile
import zlib

import cv2
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.sources.packing import write_shard
from vpr_ros.training.sources.shards import is_shard
from vpr_ros.training.sources.shards import open_shard


class Grey:

    def __len__(self):
        return 3

    def read(self, index):
        return np.full((30, 40, 3), 60 * (index + 1), np.uint8)

    def label(self, index):
        return f'{index}.png'


@pytest.fixture(scope='module')
def good(tmp_path_factory):
    path = tmp_path_factory.mktemp('good') / 'a.tar'
    write_shard(PlaceImages.of(Grey(), places=[4, 5, 6], region_names=['here']), path)
    return path


def members_of(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def rebuilt(folder, members, change=None):
    """Return an archive of these members, each changed as it is added."""
    path = folder / 'changed.tar'
    with tarfile.open(path, 'w', format=tarfile.USTAR_FORMAT) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if change is not None:
                change(info)
            tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
    return path


def with_head(members, **values):
    head = {**json.loads(members['shard.json']), **values}
    return {**members, 'shard.json': json.dumps(head).encode()}


def with_line(members, name, line, text):
    lines = members[name].decode().splitlines()
    lines[line] = text
    return {**members, name: '\n'.join(lines).encode() + b'\n'}


def with_image(members, number, data):
    """Return members whose image was replaced, with the right check sum."""
    name = f'images/{number:07d}.jpg'
    changed = with_line(members, 'images.csv', number + 1,
                        f'{name},{number}.png,{zlib.crc32(data)}')
    return {**changed, name: data}


def test_what_was_rebuilt_unchanged_is_read(good, tmp_path):
    path = rebuilt(tmp_path, members_of(good))
    packed = open_shard(path)
    assert [int(packed.read(row)[0].mean().round()) for row in range(3)] == [60, 120, 180]
    assert packed.places.tolist() == [4, 5, 6]
    assert is_shard(path)


def test_other_files_are_no_shards(good, tmp_path):
    assert is_shard(good)
    assert not is_shard(tmp_path)
    assert not is_shard(tmp_path / 'none')
    assert not is_shard(rebuilt(tmp_path, {'other.json': b'{}'}))
    for data in (b'', b'shard.json', b'{}'):
        (tmp_path / 'x').write_bytes(data)
        assert not is_shard(tmp_path / 'x')
        with pytest.raises(VprError, match='not a file of packed training images'):
            open_shard(tmp_path / 'x')
    for path in (tmp_path, tmp_path / 'none'):
        with pytest.raises(VprError, match='cannot read packed images from'):
            open_shard(path)


def test_every_file_that_is_cut_off_is_told_from_a_whole_one(good, tmp_path):
    data = good.read_bytes()
    whole = data.rindex(b'images/0000002.jpg,')  # the last line of the last member
    path = tmp_path / 'cut.tar'
    for length in [*range(0, whole, 97), whole]:
        path.write_bytes(data[:length])
        with pytest.raises(VprError, match='copy or pack it again'):
            open_shard(path)


def test_any_byte_that_is_changed_is_harmless(good, tmp_path):
    """Either it is refused, or what is read is a table and images of their size."""
    data = good.read_bytes()
    path = tmp_path / 'bad.tar'
    rng = np.random.default_rng(0)
    refused = 0
    for at in rng.choice(len(data), 700, replace=False):
        changed = bytearray(data)
        changed[at] ^= int(rng.integers(1, 256))
        path.write_bytes(changed)
        try:
            packed = open_shard(path)
            for row in range(len(packed)):
                assert packed.read(row)[0].shape[2] == 3
        except VprError as error:
            assert str(path) in str(error)
            refused += 1
    assert refused > 150


def test_images_that_were_damaged_are_refused(good, tmp_path):
    data = bytearray(good.read_bytes())
    members = members_of(good)
    at = data.index(members['images/0000001.jpg'])
    data[at + len(members['images/0000001.jpg']) // 2] ^= 1
    path = tmp_path / 'bad.tar'
    path.write_bytes(data)
    packed = open_shard(path)
    packed.read(0)
    packed.read(2)
    with pytest.raises(VprError, match=r'image 1 \(1\.png\) of .*bad\.tar is damaged'):
        packed.read(1)
    with pytest.raises(IndexError, match='images 0 to 2, asked for -1'):
        packed.source.read(-1)


def jpeg(height, width):
    return cv2.imencode('.jpg', np.zeros((height, width, 3), np.uint8))[1].tobytes()


def bomb():
    """Return a small JPEG that says it has 65500 x 65500 pixels."""
    data = bytearray(jpeg(8, 8))
    at = data.index(b'\xff\xc0')
    data[at + 5:at + 9] = (65500).to_bytes(2, 'big') * 2
    return bytes(data)


@pytest.mark.parametrize(('data', 'came'), [
    (bomb(), '65500 x 65500 pixels'), (jpeg(241, 8), '8 x 241'), (jpeg(8, 321), '321 x 8'),
    (b'', 'something else'), (b'\xff\xd8', 'something else'),
    (cv2.imencode('.png', np.zeros((8, 8, 3), np.uint8))[1].tobytes(), 'something else'),
    (b'\xff\xd8' + b'\xff\xe0\x00\x00' * 99, 'something else')])
def test_images_other_than_declared_are_not_decoded(good, tmp_path, data, came):
    packed = open_shard(rebuilt(tmp_path, with_image(members_of(good), 1, data)))
    packed.read(0)
    with pytest.raises(VprError, match=f'JPEG of at most 320 x 240 pixels, got {came}'):
        packed.read(1)


def test_a_jpeg_without_an_end_is_no_image(good, tmp_path):
    data = jpeg(8, 8)
    packed = open_shard(rebuilt(tmp_path, with_image(
        members_of(good), 1, data[:data.index(b'\xff\xda')])))
    with pytest.raises(VprError, match='cannot be decoded'):
        packed.read(1)


def test_a_file_that_is_replaced_while_it_is_used(good, tmp_path):
    path = tmp_path / 'a.tar'
    path.write_bytes(good.read_bytes())
    early, late = open_shard(path), open_shard(path)
    early.read(0)
    path.unlink()
    write_shard(PlaceImages.of(Grey(), frames=[2, 1, 0]), path)
    assert early.read(0)[0].mean() == 60  # still the file that it opened
    with pytest.raises(VprError, match='not the file it was when it was opened'):
        late.read(0)
    path.unlink()
    with pytest.raises(VprError, match='cannot read image 0'):
        pickle.loads(pickle.dumps(early)).read(0)


@pytest.mark.parametrize(('values', 'said'), [
    ({'version': 2}, 'of version 2 of packed images, this vpr_ros reads version 1: update'),
    ({'version': None}, 'of version None'), ({'format': 'other'}, 'must say that the format is'),
    ({'unit': 'miles'}, "one of .*got 'miles'"), ({'unit': 3}, 'unit in shard.json must be'),
    ({'regions': 'here'}, 'regions a list'), ({'regions': [1]}, 'regions a list'),
    ({'height': 0}, 'height in shard.json must be a whole number from 1 to 8192, got 0'),
    ({'width': 10 ** 9}, 'width in shard.json'), ({'width': 320.0}, 'got 320.0'),
    ({'examples': 10 ** 12}, 'examples in shard.json'), ({'examples': -1}, 'examples in'),
    ({'examples': 2}, 'must have 2 examples, got 3'),
    ({'examples': 10 ** 8}, 'must have 100000000 examples, got 3'),
    ({'images': 10 ** 8}, "expected images/0000003.jpg .* got 'images.csv'"),
    ({'images': 2}, "expected images.csv .* got 'images/0000002.jpg'"),
    ({'length': 10 ** 8}, r'must have 100000000 image\(s\), got 1'), ({'length': True}, 'length'),
    ({'height': 1, 'width': 1, 'examples': None}, 'examples in shard.json .* got None')])
def test_heads_that_cannot_be(good, tmp_path, values, said):
    with pytest.raises(VprError, match=said):
        open_shard(rebuilt(tmp_path, with_head(members_of(good), **values)))


@pytest.mark.parametrize('text', [
    b'', b'[]', b'{', b'"' + b'\xff"', b'[' * 100_000, b'{"version": ' + b'9' * 5000 + b'}'])
def test_heads_that_are_no_json(good, tmp_path, text):
    with pytest.raises(VprError, match='shard.json'):
        open_shard(rebuilt(tmp_path, {**members_of(good), 'shard.json': text}))


@pytest.mark.parametrize(('line', 'said'), [
    ('0,0,0,4,,,,0.0,0.0,1.0', 'line 2 of examples.csv must hold 11 values, got 10'),
    ('', 'must hold 11 values, got 0'), ('x,0,0,4,,,,0.0,0.0,1.0,1.0', 'example 0 in'),
    ('0 1,0,0,4,,,,0.0,0.0,1.0,1.0', r'must have 1 image\(s\), got 2'),
    ('3,0,0,4,,,,0.0,0.0,1.0,1.0', 'images 0 to 2, asked for 0 to 3|asked for 1 to 3'),
    ('-1,0,0,4,,,,0.0,0.0,1.0,1.0', 'asked for -1'),
    ('0,1,0,4,,,,0.0,0.0,1.0,1.0', 'names of 1 regions, but one has the number 1'),
    ('0,0,0,99999999999999999999,,,,0.0,0.0,1.0,1.0', 'does not fit 64 bits'),
    ('0,0,0,4,,east,,0.0,0.0,1.0,1.0', 'example 0 in examples.csv'),
    ('0,0,0,4,,,,0.5,0.0,1.0,1.0', 'boxes are'), ('0,0,0,4,,,,,0.0,1.0,1.0', 'boxes are'),
    ('0,0,0,4,,,,-1e300,0.0,1.0,1.0', 'boxes are'), ('0,0,0,4,,,,0.0,0.0,inf,1.0', 'boxes are'),
    ('"0', 'of examples.csv')])
def test_examples_that_cannot_be(good, tmp_path, line, said):
    with pytest.raises(VprError, match=said):
        open_shard(rebuilt(tmp_path, with_line(members_of(good), 'examples.csv', 1, line)))


@pytest.mark.parametrize(('line', 'said'), [
    ('../../etc/passwd,0.png,1', 'must hold images/0000000.jpg'),
    ('images/0000001.jpg,0.png,1', 'must hold images/0000000.jpg'),
    ('images/0000000.jpg,0.png,-1', "got .* '-1'"), ('images/0000000.jpg,0.png,', 'CRC-32'),
    ('images/0000000.jpg,0.png,' + '9' * 5000, 'CRC-32')])
def test_names_that_cannot_be(good, tmp_path, line, said):
    with pytest.raises(VprError, match=said):
        open_shard(rebuilt(tmp_path, with_line(members_of(good), 'images.csv', 1, line)))


def test_tables_with_too_few_lines(good, tmp_path):
    members = members_of(good)
    for name, said in (('images.csv', 'must have 3 images, got 2'),
                       ('examples.csv', 'must have 3 examples, got 2')):
        fewer = members[name].rsplit(b'\n', 2)[0] + b'\n'
        with pytest.raises(VprError, match=said):
            open_shard(rebuilt(tmp_path, {**members, name: fewer}))
    with pytest.raises(VprError, match='must begin with file,label,crc32'):
        open_shard(rebuilt(tmp_path, with_line(members, 'images.csv', 0, 'file,name,crc32')))


def test_members_that_are_missing_more_or_elsewhere(good, tmp_path):
    members = members_of(good)
    names = list(members)
    for name in names[1:]:
        fewer = {n: d for n, d in members.items() if n != name}
        with pytest.raises(VprError, match=f'expected {name}|ends before {name}'):
            open_shard(rebuilt(tmp_path, fewer))
    with pytest.raises(VprError, match="but 'more' follows"):
        open_shard(rebuilt(tmp_path, {**members, 'more': b''}))
    swapped = {n: members[n] for n in [*names[:2], *reversed(names[2:])]}
    with pytest.raises(VprError, match='expected images/0000000.jpg'):
        open_shard(rebuilt(tmp_path, swapped))

    def duplicate(info):
        if info.name == 'images/0000001.jpg':
            info.name = 'images/0000000.jpg'

    def escape(info):
        if info.name == 'images/0000001.jpg':
            info.name = '../../images/0000001.jpg'

    def link(info):
        if info.name == 'images/0000001.jpg':
            info.type, info.linkname, info.size = tarfile.SYMTYPE, '/etc/passwd', 0

    for change, said in ((duplicate, "got 'images/0000000.jpg'"), (escape, r"got '\.\./\.\./im"),
                         (link, 'is no plain file')):
        with pytest.raises(VprError, match=said):
            open_shard(rebuilt(tmp_path, members, change))


def sized(data, name, size):
    """Return the archive with another size in a header, and the check sum of that."""
    at = data.index(name.encode() + b'\0')
    header = bytearray(data[at:at + 512])
    header[124:136] = size
    header[148:156] = b' ' * 8
    header[148:156] = b'%06o\0 ' % sum(header)
    return data[:at] + bytes(header) + data[at + 512:]


@pytest.mark.parametrize('size', [
    b'77777777777\0', b'\x80' + b'\xff' * 11, b'\xff' * 12, b'-0000000001\0', b' ' * 12,
    b'00000000x00\0'])
def test_sizes_that_are_not_there(good, tmp_path, size):
    path = tmp_path / 'bad.tar'
    for name in members_of(good):
        path.write_bytes(sized(good.read_bytes(), name, size))
        with pytest.raises(VprError, match='cut off|expected a member of a tar archive'):
            open_shard(path)


_MEMORY = """
from pathlib import Path
import resource
import sys
from vpr_ros.errors import VprError
from vpr_ros.training.sources.shards import open_shard
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    open_shard(Path(sys.argv[1]))
except VprError as error:
    print(error, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_file_with_holes_takes_no_memory(good, tmp_path):
    """A file of a few bytes on the disk may declare, and have, an image of 4 GB."""
    path = tmp_path / 'holes.tar'
    for name in ('shard.json', 'images/0000001.jpg'):
        data = sized(good.read_bytes(), name, b'%011o\0' % 2 ** 32)
        path.write_bytes(data)
        os.truncate(path, 2 ** 32 + len(data))
        said = subprocess.run(
            [sys.executable, '-c', _MEMORY, path], text=True, capture_output=True,
            env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}).stdout
        assert 'has 4294967296 bytes, expected at most' in said
        assert int(said.split()[-1]) < 20_000  # kilobytes
