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

"""Whatever is no whole bag is named, with what to do; what is whole of a cut MCAP is read."""

import random
import sqlite3

import numpy as np
import pytest
from vpr_ros.bags.reader import BagReader
from vpr_ros.errors import VprError
from vpr_ros.types import Frame


def refused(path):
    """Return the text of the error that opening and reading ``path`` ends with."""
    with pytest.raises(VprError) as caught:
        with BagReader(path) as bag:
            for _ in bag.messages():
                pass
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_missing(tmp_path):
    assert 'there is no bag' in refused(tmp_path / 'no.mcap')


def test_empty_folder(tmp_path):
    assert 'expected a metadata.yaml' in refused(tmp_path)


@pytest.mark.parametrize('suffix', ['.mcap', '.db3', '.bag'])
@pytest.mark.parametrize('content', [b'', b'Dear robot,\nthis is a letter.\n' * 50,
                                     random.Random(3).randbytes(5000)])
def test_empty_text_and_noise(tmp_path, suffix, content):
    path = tmp_path / f'x{suffix}'
    path.write_bytes(content)
    assert 'expected a' in refused(path)


@pytest.mark.parametrize('magic', [(b'\x89MCAP0\r\n', '.mcap'), (b'#ROSBAG V2.0\n', '.bag'),
                                   (b'SQLite format 3\0', '.db3')])
def test_noise_after_the_right_beginning(tmp_path, magic):
    for seed in range(20):
        path = tmp_path / f'x{magic[1]}'
        path.write_bytes(magic[0] + random.Random(seed).randbytes(3000))
        refused(path)


def test_other_names(tmp_path):
    path = tmp_path / 'film.mp4'
    path.write_bytes(b'1234')
    assert 'no bag by its name' in refused(path)


@pytest.mark.parametrize('text', [
    '', 'no: bag', '- 1', '{', 'rosbag2_bagfile_information: {version: 5}',
    'rosbag2_bagfile_information: {version: 99}',
])
def test_foreign_metadata(tmp_path, text):
    (tmp_path / 'metadata.yaml').write_text(text)
    assert 'reindex' in refused(tmp_path)


def test_metadata_whose_storage_is_gone(write_bag, frames):
    folder = write_bag('sqlite3 folder', frames)
    next(folder.glob('*.db3')).unlink()
    assert 'missing' in refused(folder)


@pytest.fixture(scope='module')
def noisy_frames(make_frames):
    """Return frames big enough for several chunks, that no compression shrinks."""
    pixels = np.random.default_rng(1).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    return [Frame(f.stamp_ns, pixels, calibration=f.calibration, T_odom_base=f.T_odom_base,
                  T_map_base=f.T_map_base) for f in make_frames(12)]


@pytest.mark.parametrize('share', [0.001, 0.1, 0.35, 0.6, 0.9, 0.999])
@pytest.mark.parametrize('kind', ['db3', 'rosbag1'])
def test_cut_bags_are_refused(write_bag, noisy_frames, kind, share):
    path = write_bag(kind, noisy_frames)
    whole = path.read_bytes()
    path.write_bytes(whole[:int(share * len(whole))])
    # SQLite may find all that is asked for in what is left; it must not make anything up.
    try:
        with BagReader(path) as bag:
            found = [m.stamp_ns for m in bag.messages(['/odom'])]
    except VprError as error:
        assert str(path) in str(error)
    else:
        assert kind == 'db3' and found == [frame.stamp_ns for frame in noisy_frames]
    assert 'cannot be' in refused(path)


def test_messages_that_were_promised_but_are_not_there(write_bag, frames, caplog):
    folder = write_bag('sqlite3 folder', frames)
    with sqlite3.connect(next(folder.glob('*.db3'))) as database:
        database.execute(f'DELETE FROM messages WHERE timestamp > {frames[0].stamp_ns}')
    database.close()
    with BagReader(folder) as bag:
        assert len(list(bag.messages(['/odom']))) == 1
        assert 'promises 6 messages on /odom but 1 could be read' in caplog.text
    with sqlite3.connect(next(folder.glob('*.db3'))) as database:
        database.execute('DELETE FROM messages')
    database.close()
    assert 'promises 31 messages' in refused(folder)


def test_log_of_an_unclosed_database(write_bag, frames):
    path = write_bag('db3', frames)
    path.with_name('in.db3-wal').write_bytes(b'pending')
    assert 'wal_checkpoint' in refused(path)


@pytest.mark.parametrize('lost', [1, 8, 37, 300])
def test_an_mcap_that_lost_its_end_loses_no_message(write_bag, noisy_frames, lost, caplog):
    path = write_bag('mcap', noisy_frames)
    whole = path.read_bytes()
    with BagReader(path) as bag:
        topics, times = bag.topics(), (bag.start_ns, bag.end_ns)
    path.write_bytes(whole[:-lost])
    with BagReader(path) as bag:
        assert bag.truncated
        assert bag.topics() == topics
        assert (bag.start_ns, bag.end_ns) == times
        back = list(bag.frames(odometry_topic='/odom'))
    assert [frame.stamp_ns for frame in back] == [frame.stamp_ns for frame in noisy_frames]
    assert np.array_equal(back[-1].image, noisy_frames[-1].image)
    assert 'was not closed by its recorder' in caplog.text


@pytest.mark.parametrize('share', [0.3, 0.5, 0.62, 0.77, 0.9])
def test_a_cut_mcap_is_read_as_far_as_it_is_whole(write_bag, noisy_frames, share):
    path = write_bag('mcap', noisy_frames)
    whole = path.read_bytes()
    path.write_bytes(whole[:int(share * len(whole))])
    with BagReader(path) as bag:
        stamps = [frame.stamp_ns for frame in bag.frames()]
    wanted = [frame.stamp_ns for frame in noisy_frames]
    assert stamps == wanted[:len(stamps)]
    # A chunk of about a megabyte (three images) may be lost, no more.
    assert len(stamps) >= int(share * len(wanted)) - 3


def test_an_mcap_cut_within_the_index_of_its_last_chunk_keeps_the_chunk(write_bag, noisy_frames):
    path = write_bag('mcap', noisy_frames)
    whole = path.read_bytes()
    position, last_chunk_end = 8, 0
    while whole[position] != 0x0F:  # the record that ends the data
        length = int.from_bytes(whole[position + 1:position + 9], 'little') + 9
        if whole[position] == 0x06:
            last_chunk_end = position + length
        position += length
    for cut in (last_chunk_end, last_chunk_end + 20, last_chunk_end + 60):
        path.write_bytes(whole[:cut])
        with BagReader(path) as bag:
            assert [f.stamp_ns for f in bag.frames()] == [f.stamp_ns for f in noisy_frames]


def test_an_mcap_cut_before_its_first_message(write_bag, frames):
    path = write_bag('mcap', frames)
    whole = path.read_bytes()
    for length in (5, 8, 12, 30):
        path.write_bytes(whole[:length])
        refused(path)
    path.write_bytes(whole[:200])
    with BagReader(path) as bag:
        assert bag.message_count == 0 and bag.truncated
        with pytest.raises(VprError, match='holds no images, only: nothing'):
            bag.frames()


def test_a_flipped_byte_in_a_message_is_found(write_bag, frames):
    path = write_bag('mcap', frames)
    whole = bytearray(path.read_bytes())
    place = whole.index(b'rgb8') - 4  # the length of the string
    whole[place:place + 4] = b'\xff\xff\xff\x7f'
    path.write_bytes(whole)
    assert 'read to its end' in refused(path)
