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

"""A Milvus server of its own, and maps to share on it."""

from collections.abc import Iterator
from pathlib import Path
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from vpr_ros.maps.fleet.fleet_map import FleetMap
from vpr_ros.maps.fleet.transfer import facts_of
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.types import Camera
from vpr_ros.types import Pose
from vpr_ros.types import View

for module in ('pymilvus', 'milvus_lite'):
    pytest.importorskip(module, reason=f"needs {module}: pip install '.[milvus]'")


class MilvusServer:
    """milvus-lite in a process of its own, which can be killed and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder.with_suffix('.log')
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            self.port = free.getsockname()[1]
        self.uri = f'http://127.0.0.1:{self.port}'
        self.process: subprocess.Popen | None = None
        self._restart: threading.Timer | None = None

    def start(self) -> None:
        # One worker: the writers of one collection have to be served one after the other.
        with self.log.open('a') as log:
            self.process = subprocess.Popen(
                [sys.executable, '-m', 'milvus_lite', 'server', '--data-dir', str(self.folder),
                 '--host', '127.0.0.1', '--port', str(self.port), '--max-workers', '1'],
                stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(('127.0.0.1', self.port), 0.2).close()
                return
            except OSError:
                time.sleep(0.05)
        pytest.fail(f'milvus-lite did not start: {self.log.read_text()}')

    def kill(self) -> None:
        """End it without a warning."""
        if self._restart is not None:
            self._restart.join()  # a test that failed may be ahead of it
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(10)

    def kill_for(self, seconds: float) -> None:
        """End it without a warning, and start it again after a while."""
        self.kill()
        self._restart = threading.Timer(seconds, self.start)
        self._restart.start()


@pytest.fixture(scope='session')
def shared_server(tmp_path_factory) -> Iterator[MilvusServer]:
    """Return a server for all tests that leave it alive; each takes names of its own."""
    server = MilvusServer(tmp_path_factory.mktemp('milvus') / 'data')
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_server(tmp_path) -> Iterator[MilvusServer]:
    """Return a server that a test may kill."""
    server = MilvusServer(tmp_path / 'data')
    server.start()
    yield server
    server.kill()


@pytest.fixture
def name(request) -> str:
    """Return the name of a fleet map that no other test uses."""
    return 'f' + ''.join(c if c.isalnum() else '_' for c in request.node.name)[:150]


@pytest.fixture
def make_map(tmp_path, identity, unit):
    """Return a function that makes the map of a robot: n places 1 m apart, one second each."""
    def make(robot, n, *, cameras=('front',), session='monday', posed=True, network=identity,
             datum=None, y=0.0):
        place_map = PlaceMap.create(tmp_path / f'{robot}.vprmap', network, datum=datum,
                                    descriptor_type='float32')
        place_map.add_session(session, source=f'{robot}.mcap')
        for camera in cameras:
            place_map.calibrate(session, Camera(camera, 640, 480, np.diag([500.0, 500.0, 1.0]),
                                                'plumb_bob', np.arange(5.0),
                                                T_base_optical=Pose(np.array([1.0, 0.0, 0.5]))))
        descriptors = unit(n * len(cameras)).reshape(n, len(cameras), 8)
        place_map.append(session, [NewPlace(
            at * 10 ** 9, tuple(map(View, cameras, descriptors[at])),
            Pose(np.array([at, y, 0.0]), covariance=np.eye(6)) if posed else None)
            for at in range(n)])
        return place_map

    return make


@pytest.fixture
def share(shared_server, name):
    """Return a function that opens the fleet map of this test; a map may make it."""
    opened = []

    def open_it(place_map=None, **options):
        options = {'patience_s': 10.0, **options}
        fleet = FleetMap.open(shared_server.uri, name, **options) if place_map is None else (
            FleetMap.create(shared_server.uri, name, facts_of(place_map), **options))
        opened.append(fleet)
        return fleet

    yield open_it
    for fleet in opened:
        fleet.close()
