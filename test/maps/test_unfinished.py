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

"""A map that is being made: whole in the end, or nothing of it."""

from concurrent.futures import ThreadPoolExecutor
import os
from pathlib import Path
import subprocess
import sys
from threading import Barrier

import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.exchange.confined import unfinished_folder
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.unfinished import unfinished

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize('make', [unfinished, unfinished_folder])
def test_two_who_make_the_same(tmp_path, make):
    out = tmp_path / 'out'
    with make(out) as path:
        if make is unfinished:
            path.write_text('mine')
        else:
            (path / 'file').write_text('mine')
        with pytest.raises(VprError, match='another process is making .*out now'):
            with make(out):
                pass
    assert (out if make is unfinished else out / 'file').read_text() == 'mine'
    assert [file.name for file in tmp_path.iterdir()] == ['out']


def test_what_a_dead_process_left_is_made_again(tmp_path):
    out = tmp_path / 'out'
    (tmp_path / '.out.unfinished').write_text('half')
    (tmp_path / '.out.lock').touch()
    with unfinished(out) as path:
        assert not path.exists()
        path.write_text('whole')
    assert out.read_text() == 'whole'
    assert [file.name for file in tmp_path.iterdir()] == ['out']


def test_a_map_that_does_not_fit_into_one_file_is_not_passed_for_whole(tmp_path):
    """The kernel lets no file grow when the log is to be put into the map."""
    script = """
        import resource, signal, sys
        from pathlib import Path
        import numpy as np
        from vpr_ros.errors import VprError
        from vpr_ros.maps.place_map import NewPlace, PlaceMap
        from vpr_ros.maps.unfinished import unfinished
        from vpr_ros.networks.identity import NetworkIdentity, Preprocessing
        from vpr_ros.types import View

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        view = View('front', np.eye(8, dtype=np.float32)[0], bytes(5000))
        try:
            with unfinished(Path(sys.argv[1])) as path:
                network = NetworkIdentity('test', 'abc', 8, Preprocessing(1, 1))
                with PlaceMap.create(path, network) as place_map:
                    place_map.add_session('monday', source='test')
                    place_map.append('monday', [NewPlace(n, (view,)) for n in range(100)])
                    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, -1))
        except VprError as error:
            print(error)
        """
    out = tmp_path / 'town.vprmap'
    told = subprocess.run(
        [sys.executable, '-c', '\n'.join(line[8:] for line in script.splitlines()), str(out)],
        check=True, capture_output=True, text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})
    assert 'is there room on the disk?' in told.stdout
    assert not list(tmp_path.iterdir())


def test_of_several_who_create_a_map_one_does(tmp_path, identity):
    for attempt in range(10):
        path = tmp_path / f'{attempt}.vprmap'
        together = Barrier(4)

        def create(number, path=path, together=together):
            together.wait()
            try:
                with PlaceMap.create(path, identity) as place_map:
                    place_map.add_session(f'{number}', source='test')
            except VprError:
                return None
            return f'{number}'

        with ThreadPoolExecutor(4) as threads:
            made = [name for name in threads.map(create, range(4)) if name]
        with PlaceMap.open(path) as place_map:
            assert [session.name for session in place_map.sessions()] == made
            assert len(made) == 1
