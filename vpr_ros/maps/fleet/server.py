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

"""A Milvus server, reached with bounded patience and distrust."""

from __future__ import annotations

from collections.abc import Mapping
import logging
from pathlib import Path
import time
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

from vpr_ros.errors import VprError

__all__ = ['Server']

_SCHEMES = ('http://', 'https://', 'tcp://', 'unix:')
_LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
_CHANNEL: Mapping[str | bytes, int] = MappingProxyType({
    # In bytes, as the library spells the key that it allows any size with.
    b'grpc.max_receive_message_length': _LARGEST_ANSWER_BYTES,
    # Channels of a process share how long they wait before they try an address again, up to two
    # minutes: a new channel would not notice that the server is back.
    'grpc.use_local_subchannel_pool': 1,
})
# Of gRPC, and of Milvus.
_PASSING = ('UNAVAILABLE', 'DEADLINE_EXCEEDED')
_CONNECT_FAILED, _COLLECTION_NOT_LOADED = 2, 101
_LOADING_S = 600.0


class Server:
    """
    A Milvus server, or a local file that milvus-lite serves from this process.

    Requests that change something are only such that may be repeated: one whose answer was lost is
    sent again. Use it in one thread.

    :param uri: http://host:19530 or https://host, with /database where it is not the default one;
        or a local path that ends in .db.
    :param token: 'user:password' or an API key, empty where the server asks for none.
    :param patience_s: for how long a request is repeated while the server does not answer.
    """

    def __init__(self, uri: str, *, token: str = '', patience_s: float = 30.0) -> None:
        if not patience_s > 0.0:
            raise ValueError(f'patience must be positive, got {patience_s}')
        self._uri = uri
        self._token = token
        self._patience_s = patience_s
        self._local = not uri.startswith(_SCHEMES)
        self._client: Any = None
        if self._local:
            self._check_file(Path(uri))
        try:
            import pymilvus  # type: ignore[import-untyped]
            if self._local:
                import milvus_lite  # type: ignore[import-untyped]  # noqa: F401
        except ImportError as error:
            raise VprError(f'fleet maps need {error.name}, which is not installed: '
                           "pip install 'vpr_ros[milvus]'") from error
        # They print every error with a traceback; here each becomes a VprError.
        for name in ('pymilvus', 'milvus_lite', 'grpc'):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self.milvus = pymilvus
        self.name = uri if self._local or uri.startswith('unix:') else _without_secrets(uri)

    @staticmethod
    def _check_file(path: Path) -> None:
        if path.suffix != '.db':
            raise VprError(f'{path} is no place for a fleet map: give the address of a Milvus '
                           'server, as in http://host:19530, or a local path that ends in .db')
        if not path.parent.is_dir():
            raise VprError(f'cannot open {path}: its folder does not exist')

    def close(self) -> None:
        """Hang up; a local file is free for other processes then."""
        self._hang_up()
        if self._local:
            from milvus_lite import server_manager

            server_manager.server_manager_instance.release_server(self._uri)

    def call(self, method: str, *arguments: Any, wait_s: float | None = None,
             **options: Any) -> Any:
        """
        Call a method of ``pymilvus.MilvusClient``; VprError where it is of no avail.

        :param wait_s: how long the answer may take, where that is more than patience.
        """
        patience_s = max(self._patience_s, wait_s or 0.0)
        deadline = time.monotonic() + patience_s
        pause_s = 0.1
        while True:
            # A server that hangs may be back after a restart: a try does not get all of the time.
            timeout = wait_s or max(0.1, min(self._patience_s / 3, deadline - time.monotonic()))
            try:
                client = self._connected(timeout)
                return getattr(client, method)(*arguments, timeout=timeout, **options)
            except VprError:
                raise
            except Exception as error:  # the answer is foreign: the library may stumble anywhere
                if getattr(error, 'code', None) == _COLLECTION_NOT_LOADED and (
                        method != 'load_collection' and time.monotonic() < deadline):
                    # As after a restart of milvus-lite.
                    self.call('load_collection', arguments[0], wait_s=_LOADING_S)
                    continue
                if not self._may_pass(error):
                    raise VprError(f'{self.name} refused {method}: {_told(error)}') from error
                self._hang_up()
                if time.monotonic() + pause_s > deadline:
                    raise VprError(
                        f'{self.name} did not answer for {patience_s:g} s ({_told(error)}): check '
                        'that the server runs and that the network reaches it, then do this '
                        'again; an upload goes on with what the server lacks') from error
            time.sleep(pause_s)
            pause_s = min(2 * pause_s, 3.0)

    def _connected(self, timeout: float) -> Any:
        if self._client is None:
            # The library's own cache of connections would keep one that does not recover.
            try:
                self._client = self.milvus.MilvusClient(
                    self._uri, token=self._token, timeout=timeout, dedicated=True,
                    grpc_options=dict(_CHANNEL))
            except self.milvus.exceptions.ConnectionConfigException as error:
                if not self._local:
                    raise
                raise VprError(
                    f'cannot open {self._uri}: it is no database of milvus-lite, or another '
                    'process has it open; for several, run "milvus-lite server --data-dir '
                    f'{self._uri} --host 127.0.0.1 --max-workers 1" and give them its '
                    'address') from error
        return self._client

    def _hang_up(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _may_pass(self, error: Exception) -> bool:
        """Tell whether the same request may succeed a little later."""
        if (status := _status(error)) is not None:
            return status.code().name in _PASSING
        return bool(getattr(error, 'retriable', False)
                    or getattr(error, 'code', None) == _CONNECT_FAILED)


def _without_secrets(uri: str) -> str:
    parts = urlsplit(uri)
    return f'{parts.scheme}://{parts.netloc.rpartition("@")[2]}{parts.path}'


def _status(error: BaseException) -> Any:
    """Return the error of gRPC that an error of pymilvus stands for, None where there is none."""
    import grpc  # type: ignore[import-untyped]

    seen: set[int] = set()
    todo: list[BaseException | None] = [error]
    while todo:
        at = todo.pop(0)
        if at is None or id(at) in seen:  # pymilvus raises errors from themselves
            continue
        if isinstance(at, grpc.RpcError):
            return at
        seen.add(id(at))
        todo += [at.__cause__, at.__context__]
    return None


def _told(error: Exception) -> str:
    """Return what an error says, in one line of bearable length."""
    status = _status(error)
    text = status.details() if status else getattr(error, 'message', '') or str(error)
    return ' '.join(str(text).split())[:300] or type(error).__name__
