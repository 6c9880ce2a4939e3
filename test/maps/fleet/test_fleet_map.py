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

"""Searching and changing a shared map, and answers that cannot be trusted."""

from concurrent import futures
from dataclasses import replace

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.maps.fleet import fleet_map as module
from vpr_ros.maps.fleet.collections import FleetFacts
from vpr_ros.maps.fleet.collections import make_collections
from vpr_ros.maps.fleet.fleet_map import FleetMap
from vpr_ros.maps.fleet.rows import FleetSession
from vpr_ros.maps.fleet.server import Server
from vpr_ros.maps.fleet.transfer import facts_of
from vpr_ros.maps.fleet.transfer import upload
from vpr_ros.maps.index.flat_index import FlatIndex
from vpr_ros.types import Pose


@pytest.fixture
def town(make_map, share):
    """Return a map of 60 places seen by two cameras, and the fleet map that has them."""
    place_map = make_map('a', 60, cameras=('front', 'rear'))
    fleet = share(place_map)
    list(upload(place_map, fleet))
    return place_map, fleet


def test_it_answers_as_the_exact_index_of_the_map_does(town, unit):
    place_map, fleet = town
    snapshot = place_map.snapshot()
    exact = FlatIndex(snapshot)
    for query in (*unit(20), snapshot.descriptors[31]):
        for k in (1, 5, 60, 100):
            wanted, got = exact.search(query, k), fleet.search(query, k)
            assert got.place_ids.dtype == np.int64
            assert got.place_ids.tolist() == wanted.place_ids.tolist()
            np.testing.assert_allclose(got.similarities, wanted.similarities, atol=1e-5)
            assert [fleet.cameras[c] for c in got.cameras] == [
                snapshot.cameras[c] for c in wanted.cameras]


def test_a_place_of_many_cameras_does_not_crowd_out_others(make_map, share):
    place_map = make_map('a', 12, cameras=tuple(f'camera{n}' for n in range(9)))
    fleet = share(place_map)
    list(upload(place_map, fleet))
    snapshot = place_map.snapshot()
    found = fleet.search(snapshot.descriptors[0], 10)
    assert len(set(found.place_ids.tolist())) == 10
    assert found.place_ids.tolist() == FlatIndex(snapshot).search(
        snapshot.descriptors[0], 10).place_ids.tolist()


def test_an_empty_map_has_no_answers(make_map, share, unit):
    fleet = share(make_map('a', 0))
    assert len(fleet.search(unit(1)[0], 3).place_ids) == 0
    assert fleet.count_views() == 0
    assert fleet.sessions() == []
    assert fleet.place_ids() == []
    assert fleet.places([7]) == []


def test_queries_that_are_none_are_refused(town, unit):
    _, fleet = town
    with pytest.raises(ValueError, match=r'shape \(8,\), got \(3,\)'):
        fleet.search(np.zeros(3, np.float32), 1)
    with pytest.raises(ValueError, match='finite'):
        fleet.search(np.full(8, np.nan, np.float32), 1)
    with pytest.raises(ValueError, match='k must be'):
        fleet.search(unit(1)[0], 0)
    with pytest.raises(ValueError, match='finite'):
        fleet.place_ids(near=(np.nan, 0.0), radius_m=1.0)


def test_places_come_back_whole_and_in_order(town):
    place_map, fleet = town
    ids = place_map.place_ids()
    wanted = [ids[40], ids[3], 12345, ids[40]]
    places = fleet.places(wanted)
    assert [place.id for place in places] == [ids[40], ids[3], ids[40]]
    for place in places:
        here = place_map.place(place.id)
        assert (place.stamp_ns, place.session) == (here.stamp_ns, here.session)
        assert place.T_map_base.position.tolist() == here.T_map_base.position.tolist()
        assert place.T_map_base.covariance.tolist() == here.T_map_base.covariance.tolist()
        assert [view.camera for view in place.views] == ['front', 'rear']
        for got, view in zip(place.views, here.views, strict=True):
            np.testing.assert_allclose(got.descriptor, view.descriptor, atol=1e-6)


@pytest.mark.parametrize('most', [5, 16384])
def test_places_are_listed_whole_and_by_position(town, monkeypatch, most):
    monkeypatch.setattr(module, '_MOST_ROWS', most)  # full answers are asked for in parts
    place_map, fleet = town
    ids = place_map.place_ids()
    session, = fleet.sessions()
    assert session.name == 'monday'
    assert [camera.name for camera in session.calibrations] == ['front', 'rear']
    assert fleet.place_ids() == ids
    assert fleet.place_ids(session) == ids
    assert fleet.place_ids(replace(session, id_prefix=5)) == []
    assert fleet.place_ids(near=(30.0, 4.0), radius_m=5.0) == ids[27:34]
    assert fleet.place_ids(session, near=(-10.0, 0.0), radius_m=5.0) == []


def test_what_is_removed_is_gone_at_once(town):
    place_map, fleet = town
    ids = place_map.place_ids()
    query = place_map.place(ids[8]).views[0].descriptor
    assert fleet.search(query, 1).place_ids.tolist() == [ids[8]]
    assert fleet.remove([ids[8], ids[9], 12345]) == 2
    assert ids[8] not in fleet.search(query, 60).place_ids
    assert fleet.remove([ids[8]]) == 0
    assert fleet.count_views() == 2 * 58


def test_poses_move_and_nothing_else(town):
    place_map, fleet = town
    ids = place_map.place_ids()
    fleet.update_poses({ids[1]: Pose.from_xy_yaw(500.0, 1.0, 0.5), ids[2]: None})
    first, second = fleet.places(ids[1:3])
    assert first.T_map_base.position.tolist() == [500.0, 1.0, 0.0]
    assert first.T_map_base.covariance is None
    assert second.T_map_base is None
    np.testing.assert_allclose(first.views[1].descriptor,
                               place_map.place(ids[1]).views[1].descriptor, atol=1e-6)
    assert fleet.place_ids(near=(500.0, 0.0), radius_m=2.0) == [ids[1]]
    assert fleet.count_views() == 120
    with pytest.raises(VprError, match='no place 12345 to move'):
        fleet.update_poses({ids[3]: None, 12345: None})
    assert fleet.places([ids[3]])[0].T_map_base is not None


def test_there_is_a_map_once_somebody_made_it(share, make_map):
    with pytest.raises(VprError, match='has no fleet map .*vpr_ros fleet push'):
        share()
    place_map = make_map('a', 1)
    assert share(place_map).facts == facts_of(place_map)
    assert share().facts == facts_of(place_map)
    # Who comes second finds the map as the first one made it.
    assert share(make_map('b', 1)).facts == facts_of(place_map)


@pytest.mark.parametrize('requests', range(1, 9))
def test_a_map_half_made_is_finished_by_the_next(share, make_map, shared_server, name, requests):
    class Dying(Server):

        def call(self, method, *arguments, **options):
            nonlocal requests
            if method.startswith(('create', 'load')):
                requests -= 1
                if requests == 0:
                    raise KeyboardInterrupt
            return super().call(method, *arguments, **options)

    place_map = make_map('a', 1)
    try:
        make_collections(Dying(shared_server.uri), name, facts_of(place_map))
        assert requests == 1  # it takes seven
    except KeyboardInterrupt:
        pass
    fleet = share(place_map)
    list(upload(place_map, fleet))
    assert len(fleet.places(place_map.place_ids())) == 1
    assert set(fleet._server.call('list_indexes', name)) == {'descriptor', 'place_id'}


@pytest.mark.parametrize('bad', ['', '1st', 'a-b', 'x' * 300, 'ü'])
def test_names_that_milvus_refuses_are_told(shared_server, bad):
    with pytest.raises(VprError, match='cannot be named'):
        FleetMap.open(shared_server.uri, bad)


def test_another_collection_is_no_fleet_map_and_is_left_alone(shared_server, name, make_map):
    server = Server(shared_server.uri)
    server.call('create_collection', name, dimension=8)
    with pytest.raises(VprError, match='is no fleet map .*choose another name'):
        FleetMap.open(shared_server.uri, name)
    with pytest.raises(VprError, match='is no fleet map .*choose another name'):
        FleetMap.create(shared_server.uri, name, facts_of(make_map('a', 1)))
    assert server.call('list_indexes', name) == ['vector']
    assert f'{name}_sessions' not in server.call('list_collections')


def test_descriptors_that_milvus_cannot_hold_are_told(shared_server, name, identity):
    with pytest.raises(VprError, match='up to 32768 dimensions.*vpr_ros pca'):
        FleetMap.create(shared_server.uri, name,
                        FleetFacts(replace(identity, dimension=40000), 'x'))


def foreign_row(town, **changes):
    """Write a row as another program could."""
    place_map, fleet = town
    place_id = place_map.place_ids()[0]
    rows = fleet._server.call('query', fleet.name, filter=f'place_id == {place_id}')
    fleet._server.call('upsert', fleet.name, [{**rows[0], **changes}])
    return place_id


@pytest.mark.parametrize(('changes', 'told'), [
    ({'pose': 'no base64'}, 'base64|padding|Error'),
    ({'pose': 'AAAA'}, 'a pose of 3 bytes'),
    ({'camera': 'front\x1b[2J'}, 'camera'),
    ({'camera': ''}, 'camera'),
    ({'descriptor': [100.0] * 8}, 'norm'),
    ({'camera': 'rear'}, 'two views of one camera'),
])
def test_rows_of_strangers_are_refused(town, changes, told):
    _, fleet = town
    place_id = foreign_row(town, **changes)
    with pytest.raises(VprError, match=f'cannot be: .*({told})'):
        fleet.places([place_id])


def test_a_place_under_an_id_that_is_none_is_refused(town):
    place_map, fleet = town
    no_place = place_map.place_ids()[0] >> 23 << 23
    foreign_row(town, key='x', place_id=no_place)
    with pytest.raises(VprError, match=f'{no_place} is no id of a place'):
        fleet.places([no_place])


def test_a_place_of_no_session_is_told(town, unit):
    _, fleet = town
    descriptor = unit(1)[0]
    foreign_row(town, key='x', place_id=7, descriptor=descriptor.tolist())
    assert fleet.search(descriptor, 1).place_ids.tolist() == [7]
    with pytest.raises(VprError, match='the session of place 7 is missing'):
        fleet.places([7])


def test_two_sessions_of_the_same_ids_are_refused(share, make_map):
    fleet = share(make_map('a', 0))
    session = FleetSession(77, 'monday', 'a', 1000, 0)
    fleet.write_session(session)
    fleet.write_session(replace(session, made=5))
    with pytest.raises(VprError, match='has the same ids as session'):
        fleet.write_session(replace(session, created_ns=1001))


@pytest.fixture
def liar(tmp_path, make_map):
    """Return a fleet map whose server answers as ``answers`` say, by the name of the request."""
    import grpc
    from milvus_lite.adapter.grpc.servicer import MilvusServicer
    from milvus_lite.db import MilvusLite
    from pymilvus.grpc_gen import milvus_pb2_grpc

    answers = {}

    class Liar(MilvusServicer):

        def Query(self, request, context):  # noqa: N802 (a name of gRPC)
            return answers.get('Query', lambda right: right)(super().Query(request, context))

        def Search(self, request, context):  # noqa: N802
            return answers.get('Search', lambda right: right)(super().Search(request, context))

    db = MilvusLite(str(tmp_path / 'liar'))
    server = grpc.server(futures.ThreadPoolExecutor(1), options=[
        ('grpc.max_send_message_length', -1)])
    milvus_pb2_grpc.add_MilvusServiceServicer_to_server(Liar(db), server)
    port = server.add_insecure_port('127.0.0.1:0')
    server.start()
    place_map = make_map('a', 20)
    with FleetMap.create(f'http://127.0.0.1:{port}', 'lies', facts_of(place_map),
                         patience_s=5.0) as fleet:
        list(upload(place_map, fleet))
        yield fleet, place_map, answers
    server.stop(0)
    db.close()


def test_an_answer_too_large_for_memory_is_not_read(liar, unit):
    fleet, _, answers = liar

    def swollen(answer):
        answer.results.output_fields.append('x' * (80 << 20))
        return answer

    answers['Search'] = swollen
    with pytest.raises(VprError, match='larger than max'):
        fleet.search(unit(1)[0], 3)


def test_more_answers_than_asked_for_are_refused(liar, unit, monkeypatch):
    fleet, _, answers = liar
    kept = []

    def keep(answer):
        kept.append(answer)
        return answer

    answers['Search'] = keep
    fleet.search(unit(1)[0], 10)
    answers['Search'] = lambda answer: kept[0]
    with pytest.raises(VprError, match='10 answers instead of 2'):
        fleet.search(unit(1)[0], 2)
    kept.clear()
    answers['Query'] = keep
    fleet.place_ids()
    answers['Query'] = lambda answer: kept[0]
    with pytest.raises(VprError, match='was not asked for'):
        fleet.places([1])
    monkeypatch.setattr(module, '_MOST_ROWS', 10)
    with pytest.raises(VprError, match='20 rows instead of 10'):
        fleet.place_ids()


def test_a_list_without_end_is_given_up(liar, monkeypatch):
    fleet, _, answers = liar
    kept = []
    answers['Query'] = lambda answer: kept.append(answer) or answer
    fleet.place_ids()
    monkeypatch.setattr(module, '_MOST_ROWS', 20)  # as many as it sends, again and again
    answers['Query'] = lambda answer: kept[0]
    with pytest.raises(VprError, match='cannot be'):
        fleet.place_ids()


@pytest.mark.parametrize('score', [np.nan, 7.0])
def test_similarities_that_cannot_be_are_refused(liar, unit, score):
    fleet, _, answers = liar

    def wrong(answer):
        answer.results.scores[0] = score
        return answer

    answers['Search'] = wrong
    with pytest.raises(VprError, match='a similarity of'):
        fleet.search(unit(1)[0], 3)


def test_answers_of_another_shape_are_refused(liar, unit):
    fleet, place_map, answers = liar

    def empty(answer):
        del answer.fields_data[:]
        return answer

    answers['Query'] = empty
    with pytest.raises(VprError):
        fleet.sessions()
        fleet.count_views()
