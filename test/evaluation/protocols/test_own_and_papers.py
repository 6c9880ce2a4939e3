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

"""The protocols that come with the package: what they name exists, and their pairs open."""

import numpy as np
import pytest
from vpr_ros.config import make_settings
from vpr_ros.config import parse_assignments
from vpr_ros.datasets.registry import published
from vpr_ros.datasets.town.town import DRIVES
from vpr_ros.evaluation.comparison.meanings import measure_named
from vpr_ros.evaluation.protocols.opening import open_pair
from vpr_ros.evaluation.protocols.protocol import protocol_names
from vpr_ros.evaluation.protocols.protocol import read_protocol
from vpr_ros.networks.registry import network_options
from vpr_ros.networks.registry import network_variants

PROTOCOLS = {name: read_protocol(name) for name in protocol_names()}
PAPERS = [name for name, protocol in PROTOCOLS.items() if protocol.source]
OF_NO_FOLDER = [name for name in PROTOCOLS if name.startswith('town_')]
# Queries, references, and how many queries have a right one.
REAL = {
    'corridor': (111, 111, 111), 'gardens_point_day_day': (200, 200, 200),
    'gardens_point_day_night': (200, 200, 200), 'gardens_point_night_right': (200, 200, 200),
    'nordland_64x32': (3576, 3576, 3576), 'nordland_64x32_10': (3576, 3576, 3576),
    'nordland_hd': (60, 60, 60)}
# Of sets that cannot be had everywhere.
PUBLISHED = {
    'amstertime': (1231, 1231, 1231), 'nordland_2760': (2760, 27_592, 2760),
    'nordland_27592': (27_592, 27_592, 27_592), 'spedtest': (607, 607, 607)}


def counts(found):
    return (found.truth.n_queries, found.truth.n_references, int(found.truth.has_match().sum()))


def opened(protocol, name, folders):
    pair = next(pair for pair in PROTOCOLS[protocol].pairs if pair.name == name)
    return open_pair(pair, folders, protocol=PROTOCOLS[protocol])


@pytest.mark.parametrize('name', PROTOCOLS)
def test_what_a_protocol_names_exists(name):
    protocol = PROTOCOLS[name]
    for pair in protocol.pairs:
        if pair.data == 'town':
            assert {pair.reference, pair.query} <= {*DRIVES}
            assert not pair.options
        else:
            model = published(pair.data).settings_type
            make_settings(model, parse_assignments(model, pair.options))
    for row in protocol.networks:
        assert {*row.options} <= {*network_options(row.network)}
    for numbers in protocol.published.values():
        for of, values in numbers.items():
            for measure, value in values.items():
                # Of a group the worst may be printed, too.
                words = measure.split(' ')
                assert words[1:] in ([], ['worst'] if of in protocol.groups() else [])
                assert words[0] in protocol.measures
                assert measure_named(words[0]).kind == 'share'
                assert 0.0 <= value <= 1.0
    for measure in protocol.measures:
        measure_named(measure)


@pytest.mark.parametrize('name', PROTOCOLS)
def test_a_protocol_says_what_it_is(name):
    protocol = PROTOCOLS[name]
    assert protocol.title
    assert protocol.about.endswith('.')
    assert bool(protocol.networks) == bool(protocol.source)


def test_no_two_protocols_are_the_same_but_in_their_networks():
    same = {}
    for name, protocol in PROTOCOLS.items():
        same.setdefault(protocol.hash, []).append(name)
    assert [names for names in same.values() if len(names) > 1] == [
        ['chen2018_figures', 'chen2018_layers'], ['wang2019_table2', 'wang2019_table3']]


def test_options_of_rows_are_those_of_the_variants_that_papers_name():
    """A slip in a label or an option would compare another network under a paper's name."""
    for protocol, network, other_names in (
            ('chen2018_figures', 'context_attention', {
                'No Finetune': {'attention': 'none', 'trunk_weights': 'imagenet'}}),
            ('seymour2019_table1', 'saane', {}),
            ('wang2019_table2', 'attention_vlad', {
                'f_max+': {'variant': 'max', 'trunk_weights': 'imagenet'},
                'f_avg+': {'variant': 'average', 'trunk_weights': 'imagenet'}}),
            ('zhao2023', 'spatiotemporal', {})):
        known = {**network_variants(network), **other_names}
        rows = [row for row in PROTOCOLS[protocol].networks if row.network == network]
        assert rows
        for row in rows:
            assert row.options == known[row.label], row.label


def test_a_printed_number_is_where_the_paper_has_it():
    seymour = PROTOCOLS['seymour2019_table1'].published
    assert seymour['SAANE']['st_lucia'] == {'auc_ratio': 0.783, 'auc_ratio worst': 0.691}
    assert seymour['NetVLAD']['robotcar_am_pm'] == {'auc_ratio': 0.370}
    holder = PROTOCOLS['holder2023_table1'].published
    assert holder['Normal All']['all']['map@1'] == 0.635
    assert holder['Masked-0-4']['all']['recall@20'] == 0.809
    assert PROTOCOLS['wang2019_table2'].published['f_our-VLAD']['cross_domain'] == {
        'recall@1': 0.0192, 'recall@5': 0.0577, 'recall@10': 0.1154, 'recall@20': 0.2019}
    assert PROTOCOLS['wang2019_table3'].published['f_our-VLAD-DA']['cross_domain'][
        'recall@20'] == 0.2788


@pytest.mark.parametrize('name', REAL)
def test_pairs_of_real_images_open(name, shared_data):
    protocol = PROTOCOLS[name]
    found = open_pair(protocol.pairs[0], [shared_data], protocol=protocol)
    assert counts(found) == REAL[name]
    tolerance = protocol.pairs[0].truth.frames
    assert found.truth.matches(20).tolist() == [*range(20 - tolerance, 21 + tolerance)]
    assert found.query.frame(20).image.shape[2] == 3


@pytest.mark.parametrize('name', PUBLISHED)
def test_pairs_of_published_sets_open(name, empty_sets):
    protocol = PROTOCOLS[name]
    found = open_pair(protocol.pairs[0], [empty_sets], protocol=protocol)
    assert counts(found) == PUBLISHED[name]


def test_all_of_our_own_were_opened():
    own = {name for name, protocol in PROTOCOLS.items() if not protocol.source}
    assert own == {*REAL, *PUBLISHED, *OF_NO_FOLDER, 'town'}


@pytest.mark.parametrize('name', OF_NO_FOLDER)
def test_drives_through_the_town_open(name):
    protocol = PROTOCOLS[name]
    found = open_pair(protocol.pairs[0], [], protocol=protocol)
    queries, references, with_place = counts(found)
    assert references > 150
    # Two streets of the detour are not in the map.
    assert with_place < queries if name == 'town_night_snow' else with_place == queries
    assert found.truth.protocol == 'within 10 m'


def test_the_town_has_every_drive_but_that_of_the_map():
    pairs = PROTOCOLS['town'].pairs
    assert [pair.query for pair in pairs] == [name for name in DRIVES if name != 'day']
    alone = {pair.hash for name in OF_NO_FOLDER for pair in PROTOCOLS[name].pairs}
    assert alone == {pair.hash for pair in pairs}


@pytest.mark.parametrize('name', PAPERS)
def test_every_pair_of_a_paper_opens(name, small_sets):
    for pair in PROTOCOLS[name].pairs:
        found = open_pair(pair, small_sets, protocol=PROTOCOLS[name])
        assert len(found.query) == found.truth.n_queries
        assert found.truth.has_match().any(), pair.name


def test_st_lucia_takes_a_frame_a_second_and_five_around_the_nearest(small_sets):
    found = opened('seymour2019_table1', '110909_1545', small_sets)
    assert counts(found) == (20, 20, 20)
    assert (np.diff(found.query.stamps_ns) == 10**9).all()
    # Four metres ahead of the reference, at eight metres a second: half a frame, or less.
    here, there = (each.positions()[:, 0] for each in (found.query, found.reference))
    for query in range(20):
        nearest = int(np.abs(there - here[query]).argmin())
        assert found.truth.matches(query).tolist() == [
            i for i in range(20) if abs(i - nearest) <= 5]
    chen = opened('chen2018_figures', 'st_lucia', small_sets)
    assert counts(chen) == (40, 40, 40)
    assert chen.truth.protocol == 'within 25 m'


def test_robotcar_is_read_as_each_paper_did(small_sets):
    seymour = opened('seymour2019_table1', 'robotcar_am_pm', small_sets)
    assert (seymour.reference.name, seymour.query.name) == (
        '2014-12-09-13-21-02', '2014-12-10-18-10-50')
    assert seymour.query.camera == 'stereo_centre'
    assert counts(seymour) == (21, 21, 21)
    assert seymour.truth.protocol == 'within 5 frames of the nearest, within 25 m'
    zhao = opened('zhao2023', 'oxford2', small_sets)
    assert (zhao.reference.name, zhao.query.name) == (
        '2014-11-14-16-34-33', '2015-07-08-13-37-17')
    assert zhao.query.camera == 'stereo_left'
    # 1.25 m a frame: every second one is 2 m or more from the one before.
    assert counts(zhao) == (41, 41, 41)
    assert zhao.query.frame(0).image.shape == (800, 1280, 3)
    assert any('left distorted, as asked for' in note for note in zhao.notes)
    assert zhao.truth.matches(20).tolist() == [*range(17, 25)]


def test_cities_match_within_the_radius_of_each_paper(small_sets):
    holder = opened('holder2023_table1', 'cph', small_sets)
    assert counts(holder) == (30, 20, 30)
    # At 105 m, 25 m from the reference at 80 m.
    assert holder.truth.matches(10).tolist() == [4, 5, 6]
    zhao = opened('zhao2023', 'msls_sf', small_sets)
    # At 3, 33 and 1000 m: one of the references that stand every 20 m, none nearer, none at all.
    assert [zhao.truth.matches(query).tolist() for query in range(3)] == [[0], [2], []]


def test_archive_pictures_match_as_listed(small_sets):
    found = opened('wang2019_table2', 'cross_domain', small_sets)
    assert [found.truth.matches(query).tolist() for query in range(2)] == [[], [0, 2]]


def test_fixed_cameras_match_themselves(small_sets):
    found = opened('chen2018_layers', 'spedtest', small_sets)
    assert counts(found) == (607, 607, 607)
    assert found.truth.match_counts().max() == 1


def test_nordland_is_cut_down_as_each_paper_did(small_sets):
    chen = opened('chen2018_figures', 'nordland', small_sets)
    assert (chen.reference.frame(0).image.shape[1], len(chen.query)) == (80, 8)
    seymour = opened('seymour2019_table1', 'nordland', small_sets)
    assert seymour.reference.frame(0).image.shape[1] == 100
    assert seymour.truth.protocol == 'within 5 frames'


def test_the_test_split_of_nordland_is_3000_frames(small_sets):
    found = opened('zhao2023', 'nordland', small_sets)
    assert counts(found) == (3000, 3000, 3000)
    # Frames are counted from 0 and pictures from 1.
    assert found.query.label(0) == 'images-15101.png'
    assert found.query.label(2999) == 'images-18100.png'
    assert found.truth.matches(0).tolist() == [*range(11)]
    assert found.truth.matches(100).tolist() == [*range(90, 111)]
