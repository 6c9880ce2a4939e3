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

"""The two collections of a shared map: the facts they carry, how they are made and recognised."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
import json
import re
from typing import Any

from vpr_ros.errors import VprError
from vpr_ros.maps.datum import Datum
from vpr_ros.maps.fleet.rows import LONGEST
from vpr_ros.maps.fleet.server import Server
from vpr_ros.networks.identity import NetworkIdentity

__all__ = ['FleetFacts', 'make_collections', 'read_facts', 'sessions_of']

_FORMAT = 1
_PROPERTY = 'vpr_ros.fleet'
_NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]{0,199}')
_LARGEST_DIMENSION = 32768  # of Milvus


@dataclass(frozen=True)
class FleetFacts:
    """
    What a shared map is, from its first day on.

    :param network: what describes its places; no other may.
    :param map_id: of the map that it began with.
    :param frame: the name of the frame that its poses are given in.
    :param datum: where on earth the origin of that frame is, when it is known.
    """

    network: NetworkIdentity
    map_id: str
    frame: str = 'map'
    datum: Datum | None = None

    def to_text(self) -> str:
        """Return the facts as JSON."""
        return json.dumps({
            'format': _FORMAT, 'network': self.network.to_json(), 'map_id': self.map_id,
            'frame': self.frame, 'datum': '' if self.datum is None else self.datum.to_text()})

    @classmethod
    def from_text(cls, text: str) -> FleetFacts:
        """Read what :meth:`to_text` wrote; ValueError, KeyError or TypeError otherwise."""
        values = json.loads(text)
        if values['format'] != _FORMAT:
            raise ValueError(f'its format is {values["format"]!r}, this vpr_ros knows {_FORMAT}')
        map_id, frame = values['map_id'], values['frame']
        if not isinstance(map_id, str) or not isinstance(frame, str) or not (
                map_id + frame).isprintable():
            raise ValueError('its map id or frame is no text')
        return cls(NetworkIdentity.from_json(values['network']), map_id, frame,
                   Datum.from_text(values['datum']))


def sessions_of(name: str) -> str:
    """Return the name of the collection that holds the sessions of a shared map."""
    return f'{name}_sessions'


def read_facts(server: Server, name: str) -> FleetFacts | None:
    """Return the facts of a shared map, None where there is none of that name."""
    _check_name(name)
    if not server.call('has_collection', name):
        return None
    told = server.call('describe_collection', name)
    try:
        facts = FleetFacts.from_text(told['properties'][_PROPERTY])
        fields = {field['name']: field for field in told['fields']}
        dimension = fields['descriptor']['params']['dim']
        if dimension != facts.network.dimension:
            raise ValueError(f'descriptors of {dimension!r} dimensions, and a network of '
                             f'{facts.network.dimension}')
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise VprError(f'the collection {name!r} at {server.name} is no fleet map of this vpr_ros '
                       f'({error!r:.300}): choose another name') from error
    return facts


def make_collections(server: Server, name: str, facts: FleetFacts) -> None:
    """
    Make an empty shared map, or what is lacking of one.

    What is there stays: read the facts again to see whose they are.
    """
    _check_name(name)
    if facts.network.dimension > _LARGEST_DIMENSION:
        raise VprError(f'Milvus holds descriptors of up to {_LARGEST_DIMENSION} dimensions, this '
                       f'map has {facts.network.dimension}: make them smaller ("vpr_ros pca")')
    _make(server, sessions_of(name), _session_fields(server), {
        'nothing': {'index_type': 'FLAT', 'metric_type': 'L2'}}, {})
    _make(server, name, _view_fields(server, facts.network.dimension), {
        'descriptor': {'index_type': 'AUTOINDEX', 'metric_type': 'COSINE'},
        'place_id': {'index_type': 'INVERTED'}}, {_PROPERTY: facts.to_text()})


def _make(server: Server, name: str, schema: Any, indexes: Mapping[str, Mapping[str, str]],
          properties: Mapping[str, str]) -> None:
    _unless(lambda: bool(server.call('has_collection', name)),
            lambda: server.call('create_collection', name, schema=schema,
                                consistency_level='Strong', properties=dict(properties)))
    for column, settings in indexes.items():
        wanted = server.milvus.MilvusClient.prepare_index_params()
        wanted.add_index(column, index_name=column, **settings)
        _unless(partial(_has_index, server, name, column),
                partial(server.call, 'create_index', name, wanted))
    server.call('load_collection', name)


def _has_index(server: Server, name: str, column: str) -> bool:
    return column in server.call('list_indexes', name)


def _unless(there: Callable[[], bool], make: Callable[[], object]) -> None:
    """Make what is not there; another process may do so at the same time, or have died at it."""
    if there():
        return
    try:
        make()
    except VprError:
        if not there():
            raise


def _view_fields(server: Server, dimension: int) -> Any:
    """Return the columns of views: one row for each camera that saw a place."""
    schema, kind = _empty_schema(server)
    schema.add_field('key', kind.VARCHAR, is_primary=True, max_length=LONGEST['key'])
    schema.add_field('place_id', kind.INT64)
    schema.add_field('stamp_ns', kind.INT64)
    schema.add_field('camera', kind.VARCHAR, max_length=LONGEST['camera'])
    schema.add_field('posed', kind.BOOL)
    for axis in 'xyz':  # what can be asked for; the whole pose stands in the next
        schema.add_field(axis, kind.DOUBLE)
    schema.add_field('pose', kind.VARCHAR, max_length=LONGEST['pose'])
    schema.add_field('descriptor', kind.FLOAT_VECTOR, dim=dimension)
    return schema


def _session_fields(server: Server) -> Any:
    schema, kind = _empty_schema(server)
    schema.add_field('id_prefix', kind.INT64, is_primary=True)
    for column in ('name', 'source', 'calibrations'):
        schema.add_field(column, kind.VARCHAR, max_length=LONGEST[column])
    schema.add_field('created_ns', kind.INT64)
    schema.add_field('made', kind.INT64)
    schema.add_field('nothing', kind.FLOAT_VECTOR, dim=2)  # Milvus wants one in each collection
    return schema


def _empty_schema(server: Server) -> tuple[Any, Any]:
    schema = server.milvus.MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    return schema, server.milvus.DataType


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise VprError(f'a fleet map cannot be named {name[:100]!r}: take up to 200 letters, '
                       'digits and underscores, of which no digit comes first')
