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

"""New poses for a map, from files."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner
from vpr_ros.cli.main import app
from vpr_ros.errors import VprError
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.types import Pose
from vpr_ros.types import View

MAP = Path('town.vprmap')


@pytest.fixture
def poses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return what runs the command on a map of two traverses of five places, one a second."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('COLUMNS', '200')
    identity = NetworkIdentity('test', 'abc123', 2, Preprocessing(32, 64))
    with PlaceMap.create(MAP, identity) as place_map:
        for session in 'monday', 'tuesday':
            place_map.add_session(session, source='')
            place_map.append(session, [
                NewPlace((n + 1) * 10 ** 9, (View('front', [1.0, 0.0]),), Pose.identity())
                for n in range(5)])

    def run(*arguments: object) -> str:
        done = CliRunner().invoke(app, ['map', 'poses', str(MAP), *map(str, arguments)])
        if done.exception is not None:
            raise done.exception
        return ' '.join(done.output.split())

    return run


def xs(session: str) -> list[float | None]:
    with PlaceMap.open(MAP) as place_map:
        return [None if p.T_map_base is None else p.T_map_base.position[0]
                for p in place_map.places(session)]


def test_a_trajectory_moves_one_traverse(poses):
    Path('tum.txt').write_text('1 10 0 0 0 0 0 1\n2.5 25 0 0 0 0 0 1\n3 30 0 0 0 0 0 1\n')
    given = '--session', 'tuesday', '--trajectory', 'tum.txt'
    said = poses(*given, '--dry-run')
    assert '3 places would get a pose, 2 keep theirs, 0 would lose theirs' in said
    assert xs('tuesday') == [0.0] * 5
    said = poses(*given)
    assert '3 places got a pose, 2 keep theirs, 0 lost theirs' in said
    assert '3 had one: moved by 20.00 m (median), 30.00 m at most' in said
    assert xs('tuesday') == [10.0, 20.0, 30.0, 0.0, 0.0]
    assert xs('monday') == [0.0] * 5
    assert '2 lost theirs' in poses(*given, '--forget')
    assert xs('tuesday') == [10.0, 20.0, 30.0, None, None]
    poses(*given, '--gap', '0.6')
    assert xs('tuesday')[1] == 20.0  # kept: 1 to 2.5 s is a gap now


def test_poses_by_id(poses):
    with PlaceMap.open(MAP) as place_map:
        first, last = place_map.place_ids()[0], place_map.place_ids()[-1]
    Path('new.csv').write_text(
        f'id,x,y,z,qx,qy,qz,qw\n{last},7,0,0,0,0,0,1\n{first},8,0,0,0,0,0,1\n')
    assert '2 places got a pose, 8 keep theirs' in poses('--by-id', 'new.csv')
    assert (xs('monday'), xs('tuesday')) == ([8.0, 0, 0, 0, 0], [0, 0, 0, 0, 7.0])
    with pytest.raises(VprError, match=f'1 of 2 ids are no places .*: {last}'):
        poses('--by-id', 'new.csv', '--session', 'monday')


@pytest.mark.parametrize(('arguments', 'said'), [
    ([], 'name one source of poses'),
    (['--by-id', 'ids.csv', '--trajectory', 'tum.txt'], 'name one source of poses'),
    (['--trajectory', 'tum.txt'], r'--session \(monday, tuesday\)'),
    (['--trajectory', 'tum.txt', '--session', 'sunday'],
     r"unknown session 'sunday'; did you mean 'monday'\?"),
    (['--trajectory', 'none.txt', '--session', 'monday'], 'cannot read none.txt'),
    (['--trajectory', 'tum.txt', '--session', 'monday'], 'knows none of the places'),
    (['--by-id', 'ids.csv'], 'line 3: place 5 is there twice'),
    (['--by-id', 'stamps.csv'], 'expected the columns id, x'),
])
def test_what_the_user_can_put_right_changes_nothing(poses, arguments, said):
    Path('tum.txt').write_text('100 10 0 0 0 0 0 1\n')
    Path('ids.csv').write_text('id,x,y\n5,1,1\n5,1,2\n')
    Path('stamps.csv').write_text('stamp_ns,x,y\n5,1,1\n')
    with PlaceMap.open(MAP) as place_map:
        state = place_map.state
    with pytest.raises(VprError, match=said):
        poses(*arguments)
    with PlaceMap.open(MAP) as place_map:
        assert place_map.state == state
