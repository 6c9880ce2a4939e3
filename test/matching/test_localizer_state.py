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

"""What a localizer remembers, in a file."""

import io
import zipfile

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.matching.follower import FollowerState
from vpr_ros.matching.localizer_state import LocalizerState


def state_of(last_ns=5):
    return LocalizerState('world', 7, last_ns, FollowerState('forward', {
        'x': np.array([1.25, 3.0]), 'format': np.array([3]),
        'descriptor': np.ones(4, np.float32)}),
        np.array([3.5, 4.0, 0.1, 2.0, -0.25]))


def rewritten(path, **changes):
    """Write a state with other arrays; None leaves one out."""
    state_of().write(path)
    with np.load(path) as file:
        arrays = dict(file) | changes
    np.savez(path, **{name: a for name, a in arrays.items() if a is not None})


@pytest.mark.parametrize('last_ns', [None, 0, 1_700_000_000_123_456_789])
def test_written_and_read_it_is_the_same(tmp_path, last_ns):
    state = state_of(last_ns)
    state.write(tmp_path / 's')  # whatever its name ends in
    read = LocalizerState.read(tmp_path / 's')
    assert (read.map_id, read.map_revision, read.last_ns) == ('world', 7, last_ns)
    assert read.follower.kind == 'forward'
    assert (read.support == state.support).all()
    assert set(read.follower.arrays) == set(state.follower.arrays)
    for name, wanted in state.follower.arrays.items():
        found = read.follower.arrays[name]
        assert found.dtype == wanted.dtype
        assert found.tobytes() == wanted.tobytes()


@pytest.mark.parametrize('content', [b'', b'PK', b'not a state', b'PK\x05\x06' + bytes(18)])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / 's'
    path.write_bytes(content)
    with pytest.raises(VprError, match='is no saved state of a localizer'):
        LocalizerState.read(path)


def test_no_file_is_refused(tmp_path):
    with pytest.raises(VprError, match='is no saved state of a localizer'):
        LocalizerState.read(tmp_path / 'none')
    with pytest.raises(VprError, match='is no saved state of a localizer'):
        LocalizerState.read(tmp_path)


@pytest.mark.parametrize('part', [0.3, 0.6, 0.9, 0.99])
def test_half_a_file_is_refused(tmp_path, part):
    path = tmp_path / 's'
    state_of().write(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:int(part * len(whole))])
    with pytest.raises(VprError, match='is no saved state of a localizer'):
        LocalizerState.read(path)


@pytest.mark.parametrize('changes', [
    {'map_id': None}, {'format': None}, {'last_ns': None}, {'kind': None},
    {'format': np.array([1, 1])}, {'format': np.array('one')}, {'map_revision': np.array('one')},
    {'map_revision': np.zeros(3)}, {'last_ns': np.array('now')}, {'last_ns': np.array(3)},
    {'last_ns': np.array([np.nan])},
], ids=str)
def test_files_that_lack_something_are_refused(tmp_path, changes):
    rewritten(tmp_path / 's.npz', **changes)
    with pytest.raises(VprError):
        LocalizerState.read(tmp_path / 's.npz')


def test_another_format_is_named(tmp_path):
    rewritten(tmp_path / 's.npz', format=np.array(99))
    with pytest.raises(VprError, match='has format 99, this version reads 2: start anew'):
        LocalizerState.read(tmp_path / 's.npz')


def test_pickles_are_not_opened(tmp_path):
    opened = []

    class Trap:

        def __reduce__(self):
            return opened.append, (1,)

    rewritten(tmp_path / 's.npz')
    with zipfile.ZipFile(tmp_path / 's.npz', 'a') as archive:
        hostile = io.BytesIO()
        np.save(hostile, np.array([Trap()], object), allow_pickle=True)
        archive.writestr('follower.trap.npy', hostile.getvalue())
    opened.clear()
    with pytest.raises(VprError, match='is no saved state of a localizer'):
        LocalizerState.read(tmp_path / 's.npz')
    assert opened == []


def test_a_file_that_unpacks_to_too_much_is_refused_unread(tmp_path):
    with zipfile.ZipFile(tmp_path / 's', 'w', zipfile.ZIP_DEFLATED) as archive:
        with archive.open('follower.x.npy', 'w') as member:
            for _ in range(300):
                member.write(bytes(1 << 20))
    assert (tmp_path / 's').stat().st_size < 1 << 20
    with pytest.raises(VprError, match='more than a state ever has'):
        LocalizerState.read(tmp_path / 's')


def test_an_array_that_claims_to_be_huge_is_refused(tmp_path):
    """Its header says a petabyte, of which none is there."""
    rewritten(tmp_path / 's.npz')
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {'descr': '<f8', 'fortran_order': False, 'shape': (1 << 47,)})
    with zipfile.ZipFile(tmp_path / 's.npz', 'a') as archive:
        archive.writestr('follower.huge.npy', header.getvalue())
    with pytest.raises(VprError):
        LocalizerState.read(tmp_path / 's.npz')
