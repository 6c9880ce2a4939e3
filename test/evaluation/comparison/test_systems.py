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

"""Networks with their weights."""

import pytest
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.systems import NoWeights
from vpr_ros.evaluation.comparison.systems import row_system
from vpr_ros.evaluation.comparison.systems import untrained
from vpr_ros.evaluation.protocols.protocol import NetworkRow
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.networks.trunks import trunk
from vpr_ros.networks.weights import write_weights
import yaml

SETTINGS = ExtractionSettings(device='cpu', batch_size=3)
VLAD = {'trunk': 'mobilenet_v2', 'clusters': 4, 'height': 64, 'width': 64}
PLAIN = {'attention': 'none', 'head': 'average', 'trunk': 'mobilenet_v2', 'taps': 'features.18',
         'height': 64, 'width': 64}


@pytest.fixture(scope='module')
def trunk_file(tmp_path_factory):
    path = tmp_path_factory.mktemp('trunk') / 'trunk.safetensors'
    body = trunk('mobilenet_v2', weights='random')
    write_weights(path, {name.removeprefix('body.'): tensor
                         for name, tensor in body.state_dict().items()}, {})
    return path


def asked(network, options=None):
    return SETTINGS.model_copy(update={
        'network': network, 'options': yaml.safe_dump(options, default_flow_style=True)
        if options else ''})


@pytest.mark.parametrize('network, options, expected', [
    ('thumbnail', None, False), ('compact', None, False),
    ('compact', {'weights': 'random'}, True), ('gem', {'weights': 'random'}, True),
    ('gem', {'weights': 'somewhere.pth'}, False), ('netvlad', {'weights': 'theirs.pth'}, False)])
def test_random_weights_are_seen_in_the_options(network, options, expected):
    assert untrained(asked(network, options)) is expected


def test_a_trained_trunk_is_enough_for_a_network_that_has_nothing_else(trunk_file):
    given = {'trunk_weights': str(trunk_file)}
    assert untrained(asked('netvlad', {**VLAD, **given}))
    assert not untrained(asked('context_attention', {**PLAIN, **given}))


def test_a_row_takes_the_file_of_its_label(tmp_path):
    row = NetworkRow(label='Ours / full', network='netvlad', note='trained on Pitts30k',
                     options={**VLAD, 'trunk_weights': 'imagenet'})
    (tmp_path / 'Ours _ full.pth').write_bytes(b'')
    found = row_system(row, SETTINGS, tmp_path)
    assert found.label == 'Ours / full'
    assert found.notes == ('trained on Pitts30k',)
    assert yaml.safe_load(found.settings.options) == {
        **VLAD, 'weights': str(tmp_path / 'Ours _ full.pth')}
    assert found.settings.batch_size == 3
    (tmp_path / 'Ours _ full.safetensors').write_bytes(b'')
    with pytest.raises(VprError, match='both weights of'):
        row_system(row, SETTINGS, tmp_path)


def test_a_row_without_weights_is_refused_by_name(tmp_path):
    row = NetworkRow(label='Ours', network='netvlad', options=VLAD)
    for folder, words in ((None, 'a folder, named with --weights'), (tmp_path, str(tmp_path))):
        with pytest.raises(NoWeights, match="'Ours' .netvlad. has no weights") as error:
            row_system(row, SETTINGS, folder)
        assert error.value.label == 'Ours'
        assert words in str(error.value)
    trial = row_system(row, SETTINGS, None, allow_random=True)
    assert untrained(trial.settings)


def test_a_row_that_needs_no_weights_takes_none(tmp_path):
    for network in ('thumbnail', 'compact'):
        row = NetworkRow(label='Baseline', network=network)
        assert row_system(row, SETTINGS, tmp_path).settings.options == ''
    (tmp_path / 'Baseline.pth').write_bytes(b'')
    with pytest.raises(VprError, match='takes no weights: remove the file'):
        row_system(NetworkRow(label='Baseline', network='thumbnail'), SETTINGS, tmp_path)
