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

"""What ships with a network, for maps that have no calibration of their own."""

from dataclasses import replace
from importlib import resources

import pytest
from vpr_ros.errors import VprError
from vpr_ros.matching.calibration import Calibration
from vpr_ros.matching.calibration import GeometryEvidence
from vpr_ros.matching.calibration import Logistic
from vpr_ros.matching.shipped import shipped_calibration
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing

NETWORK = NetworkIdentity('compact', 'abc123', 64, Preprocessing(32, 64))
LEARNT = Calibration('map', 'network', GeometryEvidence(2.0, 0.5), {
    'single': Logistic(-1.0, 0.5), 'images+geometry': Logistic(-0.5, 0.25, 0.5)},
    {'weights_hash': 'abc123'})


@pytest.fixture
def ship(tmp_path, monkeypatch):
    """Return a function that puts a file where those of the networks are."""
    (tmp_path / 'weights').mkdir()
    monkeypatch.setattr(resources, 'files', lambda package: tmp_path)

    def put(text, name='compact'):
        (tmp_path / 'weights' / f'{name}_calibration.json').write_text(text, encoding='utf-8')

    return put


def test_what_was_learnt_with_a_network_is_told_as_its_own(ship):
    ship(LEARNT.to_json())
    found = shipped_calibration(NETWORK, 'network')
    assert found == replace(LEARNT, source='network')
    # Without local features geometry is not asked, and the rest holds.
    assert shipped_calibration(NETWORK, '').probability('single', 0.5, 0.0)[1] == 'network'


def test_of_other_features_it_says_nothing_of_geometry(ship):
    ship(LEARNT.to_json())
    found = shipped_calibration(NETWORK, 'sift')
    assert found.source == 'network'
    assert set(found.modes) == {'single'}
    assert found.geometry == GeometryEvidence()


@pytest.mark.parametrize('network', [
    replace(NETWORK, weights_hash='other'), replace(NETWORK, name='thumbnail')])
def test_of_another_network_it_says_nothing(ship, network):
    ship(LEARNT.to_json())
    assert shipped_calibration(network, 'network') == Calibration()


def test_a_damaged_file_is_told(ship):
    ship('{}')
    with pytest.raises(VprError, match='a calibration cannot be read'):
        shipped_calibration(NETWORK, 'network')


def test_what_ships_can_be_read():
    folder = resources.files('vpr_ros') / 'weights'
    names = [file.name for file in folder.iterdir()]
    assert 'compact.safetensors' in names
    for file in folder.iterdir():
        if file.name.endswith('_calibration.json'):
            found = Calibration.from_json(file.read_text(encoding='utf-8'), source='network')
            assert found.modes
            assert found.about['weights_hash']
