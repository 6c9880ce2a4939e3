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

"""Servers that are away, hang, restart, or are none."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.fleet.server import Server


def test_what_is_no_address_is_refused(tmp_path):
    with pytest.raises(VprError, match=r'http://host:19530, or a local path that ends in \.db'):
        Server('server:19530')
    with pytest.raises(VprError, match='its folder does not exist'):
        Server(str(tmp_path / 'nowhere' / 'fleet.db'))
    with pytest.raises(ValueError, match='patience'):
        Server('http://127.0.0.1:1', patience_s=0.0)


@pytest.mark.parametrize('module', ['pymilvus', 'milvus_lite'])
def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(VprError, match=rf"need {module}.* pip install 'vpr_ros\[milvus\]'"):
        Server(str(tmp_path / 'fleet.db'))


def test_the_commands_start_without_the_library():
    done = subprocess.run(
        [sys.executable, '-c', 'import sys, vpr_ros.cli.main, vpr_ros.maps.fleet.transfer; '
         'assert not {"pymilvus", "grpc"} & set(sys.modules)'], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_nobody_there_is_said_in_bounded_time_and_without_the_password():
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        uri = f'http://robot:secret@127.0.0.1:{free.getsockname()[1]}'
    start = time.monotonic()
    with pytest.raises(VprError, match='did not answer for 1.5 s.*check that') as told:
        Server(uri, patience_s=1.5).call('list_collections')
    assert 0.5 < time.monotonic() - start < 4.0
    assert 'secret' not in str(told.value)


def test_a_listener_that_is_no_milvus_is_given_up():
    with socket.create_server(('127.0.0.1', 0)) as silent:
        start = time.monotonic()
        with pytest.raises(VprError, match='did not answer'):
            Server(f'http://127.0.0.1:{silent.getsockname()[1]}',
                   patience_s=1.5).call('list_collections')
        assert time.monotonic() - start < 4.0


def test_a_server_that_hangs_is_given_up_and_used_again_when_it_goes_on(own_server):
    server = Server(own_server.uri, patience_s=2.0)
    assert server.call('list_collections') == []
    os.kill(own_server.process.pid, signal.SIGSTOP)
    os.waitpid(own_server.process.pid, os.WUNTRACED)  # until all of its threads have stopped
    start = time.monotonic()
    with pytest.raises(VprError, match='did not answer for 2 s'):
        server.call('list_collections')
    assert time.monotonic() - start < 5.0
    os.kill(own_server.process.pid, signal.SIGCONT)
    assert server.call('list_collections') == []


def test_a_request_outlives_a_restart(own_server):
    server = Server(own_server.uri, patience_s=40.0)
    assert server.call('list_collections') == []
    own_server.kill_for(2.0)
    assert server.call('list_collections') == []


def test_what_is_refused_is_not_repeated(shared_server):
    server = Server(shared_server.uri, patience_s=30.0)
    start = time.monotonic()
    with pytest.raises(VprError, match='refused query: .*nowhere'):
        server.call('query', 'nowhere', filter='x > 1')
    assert time.monotonic() - start < 5.0


def test_a_local_file_is_for_one_process_at_a_time(tmp_path):
    path = tmp_path / 'fleet.db'
    mine = Server(str(path))
    assert mine.call('list_collections') == []
    script = f"""
from vpr_ros.maps.fleet.server import Server
try:
    server = Server({str(path)!r})
    print(server.call('list_collections'))
    server.close()
except Exception as error:
    print(type(error).__name__, error)
"""

    def other():
        return subprocess.run([sys.executable, '-c', script], capture_output=True, text=True,
                              timeout=60).stdout
    told = other()
    assert told.startswith('VprError'), told
    assert 'another process has it open' in told
    assert 'milvus-lite server --data-dir' in told
    mine.close()
    assert other() == '[]\n'
