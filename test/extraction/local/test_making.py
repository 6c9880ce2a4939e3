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

"""Which local features are asked for."""

import pytest
import torch
from vpr_ros.errors import VprError
from vpr_ros.extraction.local.making import make_source
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.networks.aliked import Aliked
from vpr_ros.networks.weights import weights_hash
from vpr_ros.networks.weights import write_weights
from vpr_ros.types import Frame


@pytest.fixture(scope='module')
def aliked(tmp_path_factory):
    """Return a weight file, and the kind of features that it makes."""
    torch.manual_seed(0)
    network = Aliked()
    file = tmp_path_factory.mktemp('weights') / 'aliked.safetensors'
    write_weights(file, network.state_dict(), {}, dtype=torch.float32)
    return file, f'aliked-n16:{weights_hash(network)[:8]}'


def kind_of(asked, held, *, feature_map=True, weights=''):
    settings = ExtractionSettings(local_features=asked, local_weights=str(weights))
    source = make_source(settings, torch.device('cpu'), network='net', feature_map=feature_map,
                         held=held)
    return '' if source is None else source.kind


@pytest.mark.parametrize(('asked', 'held', 'feature_map', 'kind'), [
    ('auto', None, True, 'network'), ('auto', None, False, ''),
    ('none', None, True, ''), ('network', None, True, 'network'),
    ('sift', None, False, 'sift'), ('orb', None, True, 'orb'),
    ('auto', '', True, ''), ('auto', 'network', True, 'network'), ('auto', 'sift', False, 'sift'),
    ('auto', 'orb', True, 'orb'), ('sift', 'sift', True, 'sift'),
    ('none', '', True, ''), ('none', 'sift', True, ''), ('none', 'of tomorrow', True, ''),
    ('none', 'aliked-n16:0', True, '')])
def test_rules(asked, held, feature_map, kind):
    assert kind_of(asked, held, feature_map=feature_map) == kind


@pytest.mark.parametrize(('asked', 'held', 'text'), [
    ('sift', 'network', "holds local features of kind 'network', and extraction.local_features "
                        "is 'sift': set it to \"auto\""),
    ('network', '', 'holds no local features, and extraction.local_features is'),
    ('aliked', 'orb', "kind 'orb', and"), ('sift', 'aliked-n16:0', "kind 'aliked-n16:0', and"),
    ('auto', 'of tomorrow', "kind 'of tomorrow', and known here are network, sift, orb, aliked"),
    ('sift', 'sift-2', "kind 'sift-2', and"),
    ('aliked', None, 'need the weight file of ALIKED-n16'),
    ('auto', 'aliked-n16:0', 'name it in extraction.local_weights')])
def test_what_does_not_fit(asked, held, text):
    with pytest.raises(VprError, match=text):
        kind_of(asked, held)


@pytest.mark.parametrize(('asked', 'held'), [('network', None), ('auto', 'network')])
def test_a_network_without_a_map(asked, held):
    with pytest.raises(VprError, match="network 'net' has no feature map .*\"sift\""):
        kind_of(asked, held, feature_map=False)


def test_weights_are_part_of_a_kind(aliked):
    file, kind = aliked
    assert kind_of('aliked', None, weights=file) == kind
    assert kind_of('aliked', kind, weights=file) == kind
    assert kind_of('auto', kind, weights=file) == kind
    with pytest.raises(VprError, match="kind 'aliked-n16:00000000', and extraction.local_weights "
                                       f"makes '{kind}': give the weight file"):
        kind_of('auto', 'aliked-n16:00000000', weights=file)


def test_how_many_are_kept_is_a_setting(scene, nothing):
    source = make_source(ExtractionSettings(local_features='sift', local_count=7),
                         torch.device('cpu'), network='net', feature_map=True, held=None)
    assert len(source.extract([Frame(0, scene(0))], nothing)[0].points) == 7
