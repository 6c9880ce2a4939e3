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

"""Sharing a map, as a user types it; on a local file, which milvus-lite serves."""

from collections.abc import Callable
from pathlib import Path
import shutil
import subprocess

import pytest

for module in ('pymilvus', 'milvus_lite'):
    pytest.importorskip(module, reason=f"needs {module}: pip install '.[milvus]'")

Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def vpr_ros(command: Run, tmp_path: Path) -> Run:
    def run(*arguments: object, ok: bool = True) -> str:
        done = command(tmp_path, *arguments)
        assert 'Traceback' not in done.stderr, done.stderr
        assert (done.returncode == 0) == ok, done.stdout + done.stderr
        # Libraries print nothing of their own.
        assert ok == (not done.stderr), done.stderr
        return done.stdout if ok else done.stderr

    return run


@pytest.fixture
def town(vpr_ros: Run, traverses: Path, tmp_path: Path) -> Path:
    for drive in 'morning', 'evening':
        shutil.copytree(traverses / drive, tmp_path / drive)
    vpr_ros('map', 'build', '--images', 'morning', '-o', 'town.vprmap', '--network', 'thumbnail')
    return tmp_path


def test_a_map_is_shared_and_a_part_of_it_localizes_offline(vpr_ros, town):
    at = ('--uri', 'fleet.db')
    assert '12 of 12 places sent, the others were there' in vpr_ros(
        'fleet', 'push', 'town.vprmap', *at)
    assert '0 of 12 places sent, the others were there' in vpr_ros(
        'fleet', 'push', 'town.vprmap', *at)
    said = vpr_ros('fleet', 'info', *at)
    assert 'thumbnail' in said
    assert 'session morning' in said
    assert '12 views' in said

    best = vpr_ros('fleet', 'search', 'evening/004.png', *at, '-k', '3').splitlines()
    assert 'similarity' in best[0]
    assert 'morning' in best[2]
    assert '40.0 0.0 0.0' in best[2]

    assert '5 places of 1 session in' in vpr_ros(
        'fleet', 'pull', 'part.vprmap', *at, '--near', '40', '0', '--radius', '20')
    said = vpr_ros('map', 'info', 'part.vprmap')
    assert '5, 5 with a pose' in said
    vpr_ros('localize', '--images', 'evening', '--map', 'part.vprmap', '--out', 'out.mcap')
    assert '12 places of 1 session in' in vpr_ros(
        'fleet', 'pull', 'all.vprmap', *at, '--session', 'morning')


def test_what_cannot_be_done_is_said_in_one_line(vpr_ros, town):
    at = ('--uri', 'fleet.db')
    assert 'vpr_ros fleet push' in vpr_ros('fleet', 'info', *at, ok=False)
    vpr_ros('fleet', 'push', 'town.vprmap', *at)
    assert "did you mean 'morning'" in vpr_ros(
        'fleet', 'pull', 'x.vprmap', *at, '--session', 'mornin', ok=False)
    assert 'no places there' in vpr_ros(
        'fleet', 'pull', 'x.vprmap', *at, '--near', '900', '0', '--radius', '5', ok=False)
    assert '--radius belong together' in vpr_ros(
        'fleet', 'pull', 'x.vprmap', *at, '--radius', '5', ok=False)
    assert 'exists already' in vpr_ros('fleet', 'pull', 'town.vprmap', *at, ok=False)
    assert 'did not answer for 1 s' in vpr_ros(
        'fleet', 'push', 'town.vprmap', '--uri', 'http://127.0.0.1:9', '--patience', '1',
        ok=False)
    assert not [path.name for path in town.iterdir() if 'x.vprmap' in path.name]


def test_the_places_that_a_map_dropped_leave_the_fleet_when_told(vpr_ros, town):
    from vpr_ros.maps.place_map import PlaceMap

    vpr_ros('fleet', 'push', 'town.vprmap', '--uri', 'fleet.db')
    with PlaceMap.open(town / 'town.vprmap', writeable=True) as place_map:
        place_map.remove(place_map.place_ids()[:2])
    assert '0 of 10 places sent, the others were there; 2 removed' in vpr_ros(
        'fleet', 'push', 'town.vprmap', '--uri', 'fleet.db', '--mirror')
    assert '10 views' in vpr_ros('fleet', 'info', '--uri', 'fleet.db')
