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

"""A map seen by several at once, and by those who die."""

import os
from pathlib import Path
import random
import signal
import subprocess
import sys
import textwrap
import time

import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.place_map import PlaceMap

ROOT = Path(__file__).resolve().parents[2]

# What the processes that get killed have in common.
BEGIN = """
import os, signal, sys
from pathlib import Path
import numpy as np
from vpr_ros.maps.place_map import NewPlace, PlaceMap
from vpr_ros.types import View

def place(stamp_ns):
    descriptor = np.zeros(8, np.float32)
    descriptor[stamp_ns % 8] = 1.0
    return NewPlace(stamp_ns, (View('front', descriptor, b'x' * 5000),))

place_map = PlaceMap.open(Path(sys.argv[1]), writeable=True)
"""


def start(script, path):
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    return subprocess.Popen([sys.executable, '-c', BEGIN + textwrap.dedent(script), str(path)],
                            stdout=subprocess.PIPE, text=True, env=environment)


def stamps(path):
    with PlaceMap.open(path) as place_map:
        snapshot = place_map.snapshot()
        return snapshot.stamps_ns.tolist(), snapshot.revision


def is_folded(path, new_place):
    """Whether the next writer leaves one file, with everything in it."""
    with PlaceMap.open(path, writeable=True) as place_map:
        place_map.append('monday', [new_place(10 ** 6)])
    return [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize('death', ['os._exit(1)', 'os.kill(os.getpid(), signal.SIGKILL)'])
def test_what_append_returned_survives_death(saved, new_place, death):
    process = start(f"""
        place_map.append('monday', [place(100), place(200)])
        place_map.append('monday', [place(300)])
        {death}
        """, saved)
    process.communicate(timeout=60)
    assert process.returncode in (1, -signal.SIGKILL)
    assert stamps(saved) == ([10, 20, 30, 100, 200, 300], 4)
    assert is_folded(saved, new_place)
    assert stamps(saved) == ([10, 20, 30, 100, 200, 300, 10 ** 6], 5)


def test_death_amid_an_append_leaves_the_previous_revision(saved, new_place):
    process = start("""
        class Deadly(tuple):
            def __iter__(self):
                # The first places are in the open transaction already.
                if place_map._connection.in_transaction:
                    inside = place_map._connection.execute('SELECT count(*) FROM place')
                    print(inside.fetchone()[0], flush=True)
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().__iter__()

        deadly = place(9)
        places = [place(n) for n in range(100, 600)]
        places.append(NewPlace(9, Deadly(deadly.views)))
        place_map.append('monday', [place(100)])
        place_map.append('monday', places)
        """, saved)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert output.split() == ['504']  # 4 before, 500 of this append
    assert stamps(saved) == ([10, 20, 30, 100], 3)
    assert is_folded(saved, new_place)


def test_killed_at_any_moment_nothing_that_was_told_is_lost(saved, new_place):
    rng = random.Random(0)
    told = 3
    for _ in range(4):
        process = start(f"""
            print('ready', flush=True)
            for n in range({told}, 10 ** 6):
                place_map.append('monday', [place(1000 + n)])
                print(n + 1, flush=True)
            """, saved)
        assert process.stdout.readline() == 'ready\n'
        time.sleep(rng.uniform(0.0, 0.15))
        process.kill()
        output = process.stdout.read()  # "communicate" would lose what came along with "ready"
        process.wait(timeout=60)
        # The last line may be cut off: then it was not told.
        whole = output[:output.rfind('\n') + 1].split()
        told = int(whole[-1]) if whole else told
        with PlaceMap.open(saved) as place_map:
            snapshot = place_map.snapshot()
        # One more may have been committed than could be told.
        assert len(snapshot) in (told, told + 1)
        told = len(snapshot)
        assert snapshot.revision == 2 + told - 3
        assert snapshot.stamps_ns.tolist() == [10, 20, 30, *range(1003, 1000 + told)]
        assert snapshot.descriptors.shape == (told, 8)
    assert told > 3
    assert is_folded(saved, new_place)


def test_reading_while_another_appends(saved, new_place):
    with PlaceMap.open(saved, writeable=True) as writer, PlaceMap.open(saved) as reader:
        for n in range(1, 20):
            writer.append('monday', [new_place(100 * n), new_place(100 * n + 1)])
            snapshot = reader.snapshot()
            assert snapshot.revision == writer.revision == reader.revision == 2 + n
            assert len(snapshot) == len(snapshot.descriptors) == len(reader) == 3 + 2 * n


def test_snapshots_of_another_process_are_whole(saved):
    process = start("""
        for n in range(150):
            place_map.append('monday', [place(1000 + n)] * 3)
        place_map.close()
        """, saved)
    revisions = set()
    while process.poll() is None:
        with PlaceMap.open(saved) as place_map:
            snapshot = place_map.snapshot()
        assert len(snapshot) == len(snapshot.descriptors) == 3 + 3 * (snapshot.revision - 2)
        revisions.add(snapshot.revision)
    assert process.returncode == 0
    assert len(revisions) > 1
    assert stamps(saved)[1] == 152
    # Whoever reads at that moment can keep the log from being removed, never from being folded.
    log = saved.with_name(f'{saved.name}-wal')
    assert not log.exists() or log.stat().st_size == 0


def test_closing_puts_all_into_the_file_though_a_reader_stays(saved, new_place):
    reader = PlaceMap.open(saved)
    assert len(reader) == 3
    with PlaceMap.open(saved, writeable=True) as writer:
        writer.append('monday', [new_place(100)])
    copy = saved.parent / 'copied' / 'town.vprmap'
    copy.parent.mkdir()
    copy.write_bytes(saved.read_bytes())  # as users do: the one file
    assert stamps(copy) == ([10, 20, 30, 100], 3)
    assert len(reader) == 4
    reader.close()


def test_a_second_writer_waits_its_turn_and_then_says_so(saved, new_place):
    with PlaceMap.open(saved, writeable=True) as first:
        with PlaceMap.open(saved, writeable=True) as second:
            second._connection.execute('PRAGMA busy_timeout = 50')
            first.append('monday', [new_place(100)])
            second.append('monday', [new_place(200)])
            with first._change():
                with pytest.raises(VprError, match='cannot change the map .*locked'):
                    second.append('monday', [new_place(300)])
            second.append('monday', [new_place(400)])
            assert first.snapshot().stamps_ns.tolist() == [10, 20, 30, 100, 200, 400]
    assert [file.name for file in saved.parent.iterdir()] == [saved.name]


def test_a_writer_that_a_reader_keeps_out_is_told_that_and_of_no_damage(saved):
    with PlaceMap.open(saved) as reader, reader.one_state():
        assert len(reader) == 3
        with pytest.raises(VprError, match='is in use by another process'):
            PlaceMap.open(saved, writeable=True)
    PlaceMap.open(saved, writeable=True).close()
