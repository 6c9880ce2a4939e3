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
"""Packing training images, and reading them again."""

from dataclasses import fields
from dataclasses import replace
import os
import pickle
import tarfile

import cv2
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.sources.packing import write_shard
from vpr_ros.training.sources.registry import open_images
from vpr_ros.training.sources.shards import is_shard
from vpr_ros.training.sources.shards import open_shard


class Pictures:
    """Images that are made when they are read; ``asked`` counts how often each was."""

    def __init__(self, count, size=(60, 80)):
        self.count = count
        self.size = size
        self.asked = [0] * count

    def __len__(self):
        return self.count

    def read(self, index):
        self.asked[index] += 1
        coarse = np.random.default_rng(index).integers(0, 256, (6, 8, 3), np.uint8)
        return cv2.resize(coarse, self.size[::-1], interpolation=cv2.INTER_CUBIC)

    def label(self, index):
        return f'day, 1/"{index}"\né\udcff.png'


COLUMNS = [f.name for f in fields(PlaceImages) if f.name not in ('source', 'region_names')]


def drives(count=24):
    """Return windows of images of two regions, at positions of all digits."""
    rng = np.random.default_rng(0)
    rows = rng.permutation(np.repeat(np.arange(3, count), 2))
    table = PlaceImages.of(
        Pictures(count), frames=rows, regions=rows % 2, traverses=rows // 5,
        places=np.where(rows < 8, -1, rows), positions=rng.normal(size=(len(rows), 2)) * 1e7,
        headings=np.where(rows % 3, rng.normal(size=len(rows)), np.nan),
        boxes=np.stack([rng.random(len(rows)) * 0.3, np.full(len(rows), 0.1),
                        np.full(len(rows), 1 / 3), np.full(len(rows), 0.9)], axis=1),
        unit='frames', region_names=['Köln, Süd', 'a "town"'])
    positions = table.positions.copy()
    positions[4] = np.nan
    positions[5] = (-0.0, 5e-324)
    return replace(table, positions=positions)


def test_what_comes_out_is_what_went_in(tmp_path):
    table = drives()
    summary = write_shard(table, tmp_path / 'a.tar', quality=95)
    packed = open_shard(tmp_path / 'a.tar')
    for name in set(COLUMNS) - {'frames', 'unit'}:
        given, got = getattr(table, name), getattr(packed, name)
        assert got.dtype == given.dtype
        assert got.tobytes() == given.tobytes(), name  # to the bit, NaN and -0 as well
    assert packed.unit == 'frames'
    assert packed.region_names == table.region_names
    assert summary.examples == len(packed) == 42
    assert summary.images == len(packed.source) == 21  # three are of no example
    assert summary.size_bytes == (tmp_path / 'a.tar').stat().st_size
    for example in range(len(table)):
        seen, wanted = packed.read(example)[0], table.read(example)[0]
        assert np.abs(seen.astype(int) - wanted).mean() < 4.0
        assert packed.label(example) == table.label(example).replace('\udcff', '\\udcff')
    assert table.source.asked[:3] == [0, 0, 0]


def test_sequences_share_their_images(tmp_path):
    table = PlaceImages.of(Pictures(9), positions=np.arange(18.0).reshape(9, 2)).sequences(4)
    table.source.asked = [0] * 9
    summary = write_shard(table, tmp_path / 'a.tar')
    assert (summary.examples, summary.images) == (6, 9)
    assert table.source.asked == [1] * 9
    packed = open_shard(tmp_path / 'a.tar')
    np.testing.assert_array_equal(packed.frames, table.frames)
    assert [image.shape for image in packed.read(5)] == [(60, 80, 3)] * 4


def test_the_same_table_makes_the_same_bytes(tmp_path):
    for name in ('a.tar', 'b.tar'):
        write_shard(drives(), tmp_path / name)
    assert (tmp_path / 'a.tar').read_bytes() == (tmp_path / 'b.tar').read_bytes()
    with tarfile.open(tmp_path / 'a.tar', 'r:') as tar:  # an archive as any other
        names = tar.getnames()
        assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in tar} == {(0, 0, 0, '', 0o644)}
    assert names[:3] == ['shard.json', 'examples.csv', 'images/0000000.jpg']
    assert names[-1] == 'images.csv'


@pytest.mark.parametrize(('given', 'stored'), [
    ((60, 80), (60, 80)), ((480, 640), (240, 320)), ((500, 400), (240, 192)),
    ((100, 1000), (32, 320)), ((2000, 3), (240, 1))])
def test_images_shrink_to_fit_and_never_grow(tmp_path, given, stored):
    write_shard(PlaceImages.of(Pictures(2, given)), tmp_path / 'a.tar')
    assert open_shard(tmp_path / 'a.tar').read(1)[0].shape == (*stored, 3)


def test_images_are_read_from_anywhere(tmp_path, monkeypatch):
    write_shard(drives(), tmp_path / 'a.tar')
    monkeypatch.chdir(tmp_path)
    packed = open_shard((tmp_path / 'a.tar').relative_to(tmp_path))
    monkeypatch.chdir('/')
    wanted = [packed.read(row)[0] for row in range(len(packed))]
    other = pickle.loads(pickle.dumps(packed))
    assert other.source._descriptor is None
    for row in reversed(range(len(packed))):
        np.testing.assert_array_equal(other.read(row)[0], wanted[row])
    # A forked process reads at the same time as this one, of the same open file.
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        alike = all(np.array_equal(packed.read(row)[0], wanted[row])
                    for _ in range(20) for row in range(len(packed)))
        os.write(writer, b'same' if alike else b'not')
        os._exit(0)
    for _ in range(20):
        for row in range(len(packed)):
            np.testing.assert_array_equal(packed.read(row)[0], wanted[row])
    os.waitpid(child, 0)
    assert os.read(reader, 9) == b'same'
    for end in (reader, writer):
        os.close(end)


def test_files_are_closed(tmp_path):
    write_shard(drives(), tmp_path / 'a.tar')
    before = len(os.listdir('/proc/self/fd'))
    for _ in range(5):
        packed = open_shard(tmp_path / 'a.tar')
        packed.read(0)
        assert len(os.listdir('/proc/self/fd')) == before + 1
        del packed
    assert len(os.listdir('/proc/self/fd')) == before


def test_a_limit_lowers_the_quality_as_little_as_it_must(tmp_path):
    table = PlaceImages.of(Pictures(40, (120, 160)))
    sizes = {quality: write_shard(table, tmp_path / 'a.tar', quality=quality).size_bytes
             for quality in (90, 70, 50)}
    assert sizes[90] > sizes[70] > sizes[50]
    told: list[int] = []
    for quality in (90, 70, 50):
        told.clear()
        # What surrounds the images is estimated with a block of the archive to spare.
        limit = sizes[quality] + 3 * tarfile.RECORDSIZE // 2
        summary = write_shard(table, tmp_path / 'b.tar', quality=90, limit_bytes=limit,
                              progress=lambda: told.append(1))
        assert quality <= summary.quality <= quality + 15
        assert summary.size_bytes == (tmp_path / 'b.tar').stat().st_size <= limit
        assert len(told) == 40
        assert len(open_shard(tmp_path / 'b.tar')) == 40
    write_shard(table, tmp_path / 'b.tar', quality=30)  # by request it may be lower
    assert (tmp_path / 'b.tar').stat().st_size < sizes[50]


def test_a_sample_that_misleads_costs_a_second_try_and_nothing_else(tmp_path):
    class Odd(Pictures):

        def read(self, index):
            image = super().read(index)
            if index in self.large:
                image = np.random.default_rng(index).integers(0, 256, image.shape, np.uint8)
            return image

    source = Odd(700, (40, 60))
    looked_at = set(np.linspace(0, 699, 256).astype(int).tolist())
    source.large = sorted(set(range(700)) - looked_at)[::6]
    table = PlaceImages.of(source)
    free = write_shard(table, tmp_path / 'a.tar').size_bytes
    told = []
    summary = write_shard(table, tmp_path / 'b.tar', limit_bytes=free - 60_000,
                          progress=lambda: told.append(1))
    assert summary.quality < 85
    assert summary.size_bytes <= free - 60_000
    assert len(told) == 700
    assert len(open_shard(tmp_path / 'b.tar')) == 700


def test_what_does_not_fit_is_refused_before_it_is_written(tmp_path):
    table = PlaceImages.of(Pictures(40, (120, 160)))
    (tmp_path / 'a.tar').write_text('what was there')
    with pytest.raises(VprError, match=r'40 images of at most 320 x 240 pixels take about 0\.\d '
                       r'MB even at quality 50, and the limit is 0\.1 MB, which about (\d+) would '
                       'fit in: choose a smaller size') as error:
        write_shard(table, tmp_path / 'a.tar', limit_bytes=60_000)
    assert (tmp_path / 'a.tar').read_text() == 'what was there'
    assert [path.name for path in tmp_path.iterdir()] == ['a.tar']
    fit = int(str(error.value).split('which about ')[1].split()[0])
    assert 0 < fit < 40
    packed = write_shard(table.select(np.arange(fit)), tmp_path / 'a.tar', limit_bytes=60_000)
    assert (packed.images, packed.quality < 85) == (fit, True)
    with pytest.raises(VprError, match='about 0 would fit'):
        write_shard(table, tmp_path / 'a.tar', limit_bytes=100)


@pytest.mark.parametrize(('options', 'said'), [
    ({'size': (0, 320)}, '1 to 8192 pixels'), ({'size': (9000, 9)}, '1 to 8192 pixels'),
    ({'quality': 0}, 'quality of 1 to 100'), ({'quality': 101}, 'quality of 1 to 100')])
def test_sizes_that_cannot_be(tmp_path, options, said):
    with pytest.raises(VprError, match=said):
        write_shard(drives(), tmp_path / 'a.tar', **options)
    with pytest.raises(VprError, match='no examples'):
        write_shard(drives().select([]), tmp_path / 'a.tar')
    with pytest.raises(VprError, match='cannot write'):
        write_shard(drives(), tmp_path / 'none' / 'a.tar')


def test_an_image_that_cannot_be_read_leaves_what_was_there(tmp_path):
    class Broken(Pictures):

        def read(self, index):
            if index == 7:
                raise VprError('image 7 is gone')
            return super().read(index)

    write_shard(drives(), tmp_path / 'a.tar')
    before = (tmp_path / 'a.tar').read_bytes()
    with pytest.raises(VprError, match='image 7 is gone'):
        write_shard(PlaceImages.of(Broken(9)), tmp_path / 'a.tar')
    assert (tmp_path / 'a.tar').read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ['a.tar']


def test_real_cameras_fit_in_sixty_megabytes(shared_data, tmp_path):
    folder = shared_data / 'train'
    table = open_images(f'{folder}/tilde_webcams,{folder}/sped_thumb')
    summary = write_shard(table, tmp_path / 'a.tar', limit_bytes=60_000_000)
    # That is a third of all that are there, in a sixth of the room.
    assert summary.quality == 85
    assert summary.size_bytes < 10_000_000
    assert is_shard(tmp_path / 'a.tar')
    packed = open_shard(tmp_path / 'a.tar')
    for name in (name for name in COLUMNS[1:] if name != 'parts'):
        np.testing.assert_array_equal(getattr(packed, name), getattr(table, name))
    assert table.parts.max() == 1 and not packed.parts.any()  # one file is one source
    for row in range(0, len(table), 200):
        seen, wanted = packed.read(row)[0], table.read(row)[0]
        wanted = cv2.resize(wanted, seen.shape[1::-1], interpolation=cv2.INTER_AREA)
        assert np.abs(seen.astype(int) - wanted).mean() < 6.0
