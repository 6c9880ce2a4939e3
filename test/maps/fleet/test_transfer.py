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

"""Uploads that break off, several writers at once, and taking a part home."""

from dataclasses import replace
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.datum import Datum
from vpr_ros.maps.fleet import fleet_map as module
from vpr_ros.maps.fleet.fleet_map import FleetMap
from vpr_ros.maps.fleet.transfer import download
from vpr_ros.maps.fleet.transfer import facts_of
from vpr_ros.maps.fleet.transfer import remove_dropped
from vpr_ros.maps.fleet.transfer import upload
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.types import Pose
from vpr_ros.types import View

ROOT = Path(__file__).resolve().parents[3]

# A robot in a process of its own: uploads its map in small requests, and tells after each.
ROBOT = """
import sys
from pathlib import Path
from vpr_ros.maps.fleet import fleet_map
from vpr_ros.maps.fleet.fleet_map import FleetMap
from vpr_ros.maps.fleet.transfer import facts_of, upload
from vpr_ros.maps.place_map import PlaceMap

fleet_map._LARGEST_BATCH = 5
path, uri, name = sys.argv[1:]
with PlaceMap.open(Path(path)) as place_map, FleetMap.create(
        uri, name, facts_of(place_map), patience_s=60.0) as fleet:
    snapshot = place_map.snapshot()
    accepted = 0
    for compared, sent in upload(place_map, fleet, same_frame=True):
        # What was accepted this moment is found this moment, whoever else writes.
        accepted += compared
        last = accepted - 1
        found = fleet.search(snapshot.descriptors[last], 1).place_ids[0]
        assert found == snapshot.place_ids[last], (found, snapshot.place_ids[last])
        print(accepted, sent, flush=True)
"""


def start_robot(place_map: PlaceMap, uri: str, name: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, '-c', ROBOT, str(place_map.path), uri, name], stdout=subprocess.PIPE,
        text=True, env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(module, '_LARGEST_BATCH', 5)


def sent(place_map, fleet, **options):
    return sum(count for _, count in upload(place_map, fleet, **options))


def is_whole(fleet, *place_maps):
    """Whether all places of these maps are there, each exactly once, and nothing else."""
    ids = sorted(place_id for place_map in place_maps for place_id in place_map.place_ids())
    # Rows as they are, before anything makes them unique.
    rows = fleet._server.call('query', fleet.name, filter='place_id >= 0', limit=16384,
                              output_fields=['place_id'], consistency_level='Strong')
    return sorted(row['place_id'] for row in rows) == ids and fleet.count_views() == len(ids) and (
        all(fleet.search(place_map.place(place_id).views[0].descriptor, 1).place_ids[0] == place_id
            for place_map in place_maps for place_id in place_map.place_ids()[::7]))


def test_what_is_there_is_not_sent_again(make_map, share, small_batches):
    place_map = make_map('a', 23)
    fleet = share(place_map)
    assert list(upload(place_map, fleet)) == [(5, 5)] * 4 + [(3, 3)]
    assert sent(place_map, fleet) == 0
    place_map.append('monday', [NewPlace(10 ** 12, (View('front', np.eye(8)[0]),))])
    assert sent(place_map, fleet) == 1
    assert is_whole(fleet, place_map)


def test_an_upload_goes_on_after_the_server_was_killed(own_server, make_map, small_batches):
    place_map = make_map('a', 60)
    with FleetMap.create(own_server.uri, 'town', facts_of(place_map), patience_s=60.0) as fleet:
        steps = upload(place_map, fleet)
        for _ in range(4):
            next(steps)
        own_server.kill_for(2.0)
        assert sum(count for _, count in steps) == 40
        assert is_whole(fleet, place_map)


def test_an_upload_goes_on_where_one_gave_up(own_server, make_map, small_batches):
    place_map = make_map('a', 60)
    with FleetMap.create(own_server.uri, 'town', facts_of(place_map), patience_s=1.0) as fleet:
        steps = upload(place_map, fleet)
        for _ in range(4):
            next(steps)
        own_server.kill()
        with pytest.raises(VprError, match='an upload goes on with what the server lacks'):
            next(steps)
    # Meanwhile the robot drives on, and nothing of that needs the server.
    place_map.append('monday', [NewPlace(10 ** 12, (View('front', np.eye(8)[0]),))])
    own_server.start()
    with FleetMap.create(own_server.uri, 'town', facts_of(place_map)) as fleet:
        assert sent(place_map, fleet) == 41
        assert is_whole(fleet, place_map)


@pytest.mark.parametrize('after', [1, 6])
def test_nothing_is_lost_or_doubled_when_the_robot_is_killed(
        shared_server, share, name, make_map, after):
    place_map = make_map('a', 60)
    robot = start_robot(place_map, shared_server.uri, name)
    for _ in range(after):
        assert robot.stdout.readline()
    robot.send_signal(signal.SIGKILL)
    robot.communicate(timeout=30)
    fleet = share()
    assert len(fleet.place_ids()) >= 5 * after
    assert sent(place_map, fleet) <= 60 - 5 * after
    assert is_whole(fleet, place_map)


def test_several_robots_write_and_search_at_once(shared_server, share, name, make_map):
    place_maps = [make_map(f'robot{n}', 50) for n in range(4)]
    robots = [start_robot(place_map, shared_server.uri, name) for place_map in place_maps]
    told = [robot.communicate(timeout=180)[0].splitlines() for robot in robots]
    assert [robot.returncode for robot in robots] == [0] * 4
    assert [lines[-1] for lines in told] == ['50 5'] * 4
    fleet = share()
    assert is_whole(fleet, *place_maps)
    assert sorted(s.source for s in fleet.sessions()) == [f'robot{n}.mcap' for n in range(4)]


def test_robots_outlive_the_death_of_the_server_together(own_server, make_map):
    place_maps = [make_map(f'robot{n}', 60) for n in range(3)]
    robots = [start_robot(place_map, own_server.uri, 'town') for place_map in place_maps]
    for _ in range(3):
        for robot in robots:
            assert robot.stdout.readline()
        own_server.kill()
        assert None in [robot.poll() for robot in robots]  # somebody was not through
        time.sleep(0.5)
        own_server.start()
    assert [robot.wait(120) for robot in robots] == [0] * 3
    with FleetMap.open(own_server.uri, 'town') as fleet:
        assert is_whole(fleet, *place_maps)


def test_places_that_moved_or_left_are_brought_up_to_date(make_map, share, small_batches):
    place_map = make_map('a', 20)
    fleet = share(place_map)
    sent(place_map, fleet)
    ids = place_map.place_ids()
    place_map.update_poses({ids[3]: Pose.from_xy_yaw(500.0, 0.0, 0.0), ids[11]: None})
    assert sent(place_map, fleet) == 2
    assert fleet.place_ids(near=(500.0, 0.0), radius_m=1.0) == [ids[3]]
    place_map.remove(ids[:2])
    assert sent(place_map, fleet) == 0
    assert remove_dropped(place_map, fleet) == 2
    assert is_whole(fleet, place_map)


def test_only_the_sessions_that_were_named_are_sent(make_map, share):
    place_map = make_map('a', 4)
    place_map.add_session('tuesday', source='b.mcap')
    place_map.append('tuesday', [NewPlace(1, (View('front', np.eye(8)[1]),))])
    fleet = share(place_map)
    with pytest.raises(VprError, match="unknown session 'tusday'; did you mean 'tuesday'"):
        sent(place_map, fleet, sessions=['tusday'])
    assert sent(place_map, fleet, sessions=['tuesday']) == 1
    assert [s.name for s in fleet.sessions()] == ['tuesday']
    assert remove_dropped(place_map, fleet) == 0


def test_another_network_is_refused(make_map, share, identity, tmp_path):
    fleet = share(make_map('a', 2))
    other = make_map('b', 2, network=replace(identity, weights_hash='other'))
    with pytest.raises(VprError, match='weights_hash abc123 in the fleet map, other in'):
        sent(other, fleet)
    assert fleet.sessions() == []
    with pytest.raises(VprError, match='another network'):
        list(download(fleet, other, []))


def test_copies_of_a_map_that_went_apart_do_not_overwrite_each_other(make_map, share, tmp_path):
    mine = make_map('a', 3)
    mine.close()
    shutil.copy(mine.path, tmp_path / 'copy.vprmap')
    with PlaceMap.open(mine.path, writeable=True) as mine, PlaceMap.open(
            tmp_path / 'copy.vprmap', writeable=True) as copy:
        mine.append('monday', [NewPlace(100, (View('front', np.eye(8)[0]),))])
        copy.append('monday', [NewPlace(200, (View('front', np.eye(8)[1]),))])
        fleet = share(mine)
        sent(mine, fleet)
        with pytest.raises(VprError, match='another copy of it: place .* 200 ns here and at 100'):
            sent(copy, fleet)
        assert is_whole(fleet, mine)


def test_poses_enter_the_frame_of_the_fleet_map(make_map, share):
    first = make_map('a', 2, datum=Datum(47.0, 8.0, 400.0))
    fleet = share(first)
    sent(first, fleet)
    second = make_map('b', 2, datum=Datum(47.001, 8.0, 400.0), session='b')
    sent(second, fleet)
    place, = fleet.places(second.place_ids()[:1])
    assert place.T_map_base.position[:2] == pytest.approx([0.0, 111.2], abs=0.1)
    assert sent(second, fleet) == 0
    third = make_map('c', 2, session='c')
    with pytest.raises(VprError, match='has no datum: give --same-frame'):
        sent(third, fleet)
    assert sent(third, fleet, same_frame=True) == 2
    assert sent(make_map('d', 2, session='d', posed=False), fleet) == 2


@pytest.mark.usefixtures('small_batches')
def test_a_part_comes_home_with_all_localizing_needs(make_map, share, tmp_path, identity):
    first, second = make_map('a', 30), make_map('b', 30, cameras=('front', 'rear'), y=3.0)
    fleet = share(first)
    sent(first, fleet)
    sent(second, fleet, same_frame=True)
    wanted = fleet.place_ids(near=(10.0, 0.0), radius_m=4.0)
    with PlaceMap.create(tmp_path / 'part.vprmap', identity, descriptor_type='float32') as part:
        assert sum(download(fleet, part, wanted)) == len(wanted)
        assert sorted(part.place_ids()) == wanted == sorted(
            first.place_ids()[6:15] + second.place_ids()[8:13])
        by_source = {info.source: info for info in part.sessions()}
        assert {info.name for info in by_source.values()} == {'monday', 'monday (2)'}
        for place_map in (first, second):
            info, = place_map.sessions()
            there = by_source[info.source]
            assert (there.id_prefix, there.created_ns, there.made) == (
                info.id_prefix, info.created_ns, info.made)
            here, there = place_map.calibrations('monday'), part.calibrations(there.name)
            assert [camera.name for camera in there] == [camera.name for camera in here]
            assert there[0].distortion.tolist() == here[0].distortion.tolist()
            assert there[0].T_base_optical.position.tolist() == [1.0, 0.0, 0.5]
        place, = fleet.places([second.place_ids()[9]])
        there = part.place(place.id)
        assert there.stamp_ns == 9 * 10 ** 9
        assert there.T_map_base.covariance.tolist() == np.eye(6).tolist()
        np.testing.assert_allclose(there.views[1].descriptor, place.views[1].descriptor,
                                   atol=1e-6)
        # Again, with more around it: what is there stays, what is gone meanwhile does not come.
        more = fleet.place_ids(near=(10.0, 0.0), radius_m=6.0)
        fleet.remove(more[:1])
        list(download(fleet, part, more))
        assert set(part.place_ids()) == set(more[1:]) | set(wanted)
