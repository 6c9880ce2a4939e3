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


"""Names of tensors in public checkpoints become ours."""

import pytest
import torch
from torchvision import models
from vpr_ros.errors import VprError
from vpr_ros.networks.checkpoints import matrix
from vpr_ros.networks.checkpoints import rename
from vpr_ros.networks.checkpoints import sequential_trunk
from vpr_ros.networks.trunks import trunk


def names(*given):
    return {name: torch.tensor(float(number)) for number, name in enumerate(given)}


def test_the_first_rule_that_matches_renames():
    rules = [(r'a\.(\d+)\.', r'first.\1.'), (r'a\.', 'second.'), (r'b$', 'c')]
    found = rename(names('a.7.w', 'a.x.w', 'b', 'bb', 'z.a.7.w'), rules)
    assert list(found) == ['first.7.w', 'second.x.w', 'c', 'bb', 'z.a.7.w']
    assert [float(t) for t in found.values()] == [0, 1, 2, 3, 4]


def test_only_the_beginning_is_renamed():
    assert list(rename(names('pool.pool.x'), [(r'pool\.', 'head.')])) == ['head.pool.x']


def test_ours_stay_as_they_are():
    given = names('head.w', 'trunk.b')
    assert rename(given, [(r'pool\.', 'head.')]) == given


def test_parts_without_use_are_dropped():
    found = rename(names('aux.0.w', 'fc.w', 'fcn.w'), [], drop=r'aux\.|fc\.')
    assert list(found) == ['fcn.w']


def test_two_tensors_of_one_name_are_refused():
    with pytest.raises(VprError, match='two tensors of this checkpoint are head.w here.*pool.w'):
        rename(names('head.w', 'pool.w'), [(r'pool\.', 'head.')])


@pytest.mark.parametrize(('shape', 'wanted'), [
    ((4, 3, 1, 1), (4, 3)), ((4, 3, 1), (4, 3)), ((4, 3), (4, 3)), ((4,), (4,)), ((), ()),
    ((4, 3, 3, 3), (4, 3, 3, 3)), ((4, 1, 1, 1), (4, 1))])
def test_one_by_one_convolutions_become_matrices(shape, wanted):
    tensor = torch.rand(shape)
    assert matrix(tensor).shape == wanted
    assert torch.equal(matrix(tensor).flatten(), tensor.flatten())


@pytest.mark.parametrize(('name', 'layer', 'count'), [
    ('alexnet', 'features.10', 11), ('resnet18', 'layer3', 7), ('resnet50', 'layer1', 5),
    ('mobilenet_v2', 'features.3', 4)])
def test_trunks_that_were_kept_as_a_sequence(name, layer, count):
    model = models.get_model(name, weights=None)
    whole = model.features if hasattr(model, 'features') else torch.nn.Sequential(
        *model.children())
    public = {f'encoder.{key}': tensor for key, tensor in whole[:count].state_dict().items()}
    found = rename(public, sequential_trunk(name, r'encoder\.'))
    body = trunk(name, layer, weights='random')
    assert set(found) == {f'trunk.{key}' for key in body.state_dict()}
    assert all(found[f'trunk.{key}'].shape == tensor.shape
               for key, tensor in body.state_dict().items())
