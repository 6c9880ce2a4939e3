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

"""Which files of a cache are read, and how they come to be."""

import os
from pathlib import Path

import pytest
from vpr_ros.maps.index.cache_folder import CacheFolder
from vpr_ros.maps.index.cache_folder import Facts
from vpr_ros.maps.index.cache_folder import is_ours
from vpr_ros.maps.index.cache_folder import read_facts
from vpr_ros.maps.index.cache_folder import write_facts
from vpr_ros.maps.index.cache_folder import write_whole


class Told(Facts):
    number: int


@pytest.fixture
def folder(cache):
    return CacheFolder('1a2b-3c').make('f00d')


def test_where_it_is(cache, tmp_path, monkeypatch):
    assert CacheFolder('1a2b').of('f00d') == cache / 'vpr_ros' / 'maps' / '1a2b' / 'f00d'
    monkeypatch.setenv('HOME', str(tmp_path))
    for unset in ('', 'relative/path'):
        monkeypatch.setenv('XDG_CACHE_HOME', unset)
        assert CacheFolder('1a2b').path == tmp_path / '.cache' / 'vpr_ros' / 'maps' / '1a2b'


@pytest.mark.parametrize('name', ['..', '../../..', '/etc', 'a/b', '', 'x' * 500, 'a\0b', 'ä'])
def test_a_name_of_a_stranger_stays_inside(cache, name):
    root = cache / 'vpr_ros' / 'maps'
    assert CacheFolder(name).path.parent == root
    made = CacheFolder(name).make(name)
    assert made.resolve().parent.parent == root.resolve()
    assert CacheFolder(name).others('f00d') == [made]


def test_only_this_user_can_write_it(folder):
    assert folder.stat().st_mode & 0o777 == 0o700
    file = folder / 'a'
    write_whole(file, lambda opened: opened.write(b'abc'))
    assert file.stat().st_mode & 0o777 == 0o600
    assert is_ours(file)
    assert is_ours(file, 3)
    assert not is_ours(file, 4)
    assert not is_ours(folder / 'b')
    for writeable in (file, folder):
        for mode in (0o720, 0o702):
            writeable.chmod(mode)
            assert not is_ours(file), (writeable, oct(mode))
        writeable.chmod(0o700)
    assert is_ours(file)


def test_a_link_or_a_folder_is_no_file_of_ours(folder, tmp_path):
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.write_bytes(b'abc')
    (folder / 'link').symlink_to(elsewhere)
    assert not is_ours(folder / 'link')
    (folder / 'inner').mkdir()
    assert not is_ours(folder / 'inner')


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can give files away')
def test_a_file_of_somebody_else(folder):
    file = folder / 'a'
    file.write_bytes(b'abc')
    file.chmod(0o600)
    os.chown(file, 12345, -1)
    assert not is_ours(file)


def test_what_is_not_whole_does_not_appear(folder):
    def fail(opened):
        opened.write(b'half')
        raise OSError('disk full')

    write_whole(folder / 'a', lambda opened: opened.write(b'old'))
    with pytest.raises(OSError, match='disk full'):
        write_whole(folder / 'a', fail)
    assert [path.name for path in folder.iterdir()] == ['a']
    assert (folder / 'a').read_bytes() == b'old'


def test_what_a_dead_process_left_goes_after_a_day(folder):
    old, new = folder / 'a.1.part', folder / 'a.2.part'
    for left in (old, new):
        left.touch()
    os.utime(old, (0, 0))
    write_whole(folder / 'b', lambda opened: opened.write(b''))
    assert sorted(path.name for path in folder.iterdir()) == ['a.2.part', 'b']


def test_facts(folder):
    file = folder / 'told.json'
    assert read_facts(file, Told, 1) is None
    write_facts(file, Told(version=1, number=7))
    assert read_facts(file, Told, 1) == Told(version=1, number=7)
    assert read_facts(file, Told, 2) is None
    for text in ('', '{', '[]', '{"version": 1}', '{"version": 1, "number": "7"}', '[' * 10_000,
                 '{"version": 1, "number": 7, "more": 1}', '{"version": 1, "number": 7.5}',
                 '{"version": 1, "number": NaN}', '\0', ' ' * 2 ** 21):
        Path(file).write_text(text, encoding='utf-8')
        assert read_facts(file, Told, 1) is None, text[:50]
