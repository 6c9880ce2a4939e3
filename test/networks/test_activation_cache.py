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


"""Activation maps kept on disk: whole or not at all, and never those of another image."""

import io
import logging
import pickle

import numpy as np
import pytest
import torch
from vpr_ros.errors import VprError
from vpr_ros.networks.activation_cache import activation_key
from vpr_ros.networks.activation_cache import ActivationCache

SHAPE = (19, 6, 8)
KEY = 'a0' * 32


@pytest.fixture
def maps():
    return np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)


def test_round_trip(maps, tmp_path):
    cache = ActivationCache(tmp_path / 'deeper' / 'cache')
    assert cache.read(KEY, SHAPE) is None
    cache.write(KEY, maps)
    read = ActivationCache(tmp_path / 'deeper' / 'cache').read(KEY, SHAPE)
    np.testing.assert_array_equal(read, maps)
    assert read.dtype == np.uint8
    assert [p.name for p in (tmp_path / 'deeper' / 'cache').iterdir()] == [f'{KEY}.npz']
    assert cache.read('b1' * 32, SHAPE) is None


def packed(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return bytearray(file.getvalue())


def flipped():
    content = packed(maps=np.arange(19 * 48, dtype=np.uint8).reshape(SHAPE))
    content[len(content) // 2] ^= 0x10
    return content


class Shout:
    """A pickle that would be seen to run."""

    def __reduce__(self):
        return print, ('a pickle ran',)


@pytest.mark.parametrize('content', [
    b'', b'PK\x03\x04', packed(maps=np.zeros(SHAPE, np.uint8))[:-30], flipped(),
    pickle.dumps(Shout()), packed(maps=np.array([Shout()], dtype=object)),
    packed(other=np.zeros(SHAPE, np.uint8)), packed(maps=np.zeros((19, 8, 6), np.uint8)),
    packed(maps=np.zeros(SHAPE, np.int8)), packed(maps=np.zeros((18, 6, 8), np.uint8))])
def test_a_damaged_file_is_none_and_is_written_anew(content, maps, tmp_path, capsys):
    cache = ActivationCache(tmp_path)
    (tmp_path / f'{KEY}.npz').write_bytes(content)
    assert cache.read(KEY, SHAPE) is None
    assert capsys.readouterr().out == ''
    cache.write(KEY, maps)
    np.testing.assert_array_equal(cache.read(KEY, SHAPE), maps)


def test_a_file_that_would_unpack_to_more_is_not_unpacked(tmp_path, monkeypatch, caplog):
    (tmp_path / f'{KEY}.npz').write_bytes(packed(maps=np.zeros((19, 600, 800), np.uint8)))
    monkeypatch.setattr(np.lib.npyio.NpzFile, '__getitem__', None)
    assert ActivationCache(tmp_path).read(KEY, SHAPE) is None
    assert 'bytes of maps, expected 912' in caplog.text


@pytest.mark.parametrize('key', ['', '../a0', 'a0/b1', '/a0', 'A0', 'a0.', 'xy'])
def test_nothing_leaves_the_folder(key, maps, tmp_path):
    cache = ActivationCache(tmp_path / 'cache')
    for act in (lambda: cache.write(key, maps), lambda: cache.read(key, SHAPE)):
        with pytest.raises(ValueError, match='hexadecimal digits, got'):
            act()
    assert [p.name for p in tmp_path.rglob('*')] == ['cache']


def test_a_link_in_the_folder_is_replaced_not_followed(maps, tmp_path):
    cache = ActivationCache(tmp_path / 'cache')
    outside = tmp_path / 'outside'
    outside.write_text('mine')
    (tmp_path / 'cache' / f'{KEY}.npz').symlink_to(outside)
    cache.write(KEY, maps)
    assert outside.read_text() == 'mine'
    np.testing.assert_array_equal(cache.read(KEY, SHAPE), maps)


def test_what_fails_half_way_leaves_nothing_and_is_told_once(maps, tmp_path, monkeypatch, caplog):
    cache = ActivationCache(tmp_path)

    def full(file, **_):
        file.write(b'half')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(np, 'savez_compressed', full)
    with caplog.at_level(logging.WARNING):
        cache.write(KEY, maps)
        cache.write(KEY, maps)
    assert list(tmp_path.iterdir()) == []
    assert [r.getMessage().count('No space left') for r in caplog.records] == [1]


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(VprError, match='cannot keep activations in .*file'):
        ActivationCache(tmp_path / 'file')


def test_a_key_is_that_of_pixels_and_segmentation():
    image = torch.rand(3, 4, 6)
    other = image.clone()
    other[2, 3, 5] = torch.nextafter(other[2, 3, 5], torch.tensor(2.0))
    key = activation_key(image, 'a')
    assert key == activation_key(image.clone(), 'a')
    assert key == activation_key(image.flip(2).flip(2), 'a')
    assert len(key) == 64
    keys = {key, activation_key(image, 'b'), activation_key(other, 'a'),
            activation_key(image.reshape(3, 6, 4), 'a')}
    assert len(keys) == 4
