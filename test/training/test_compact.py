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

"""The training of the embedded network, from folders of images to a file that loads."""

import dataclasses
import json

import cv2
import numpy as np
import pytest
from safetensors.torch import save_file
import torch
from torch import nn
from vpr_ros.errors import VprError
from vpr_ros.networks.mobile_trunk import MobileTrunk
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.weights import read_weights
from vpr_ros.training.compact import _refuse_unchanged
from vpr_ros.training.compact import CompactRecipe
from vpr_ros.training.compact import train_compact

# Two steps must move every tensor by more than half precision can hide.
RECIPE = CompactRecipe(steps=2, cameras=1, pairs=1, singles=1, trunk_rate=1e-2, head_rate=1e-2,
                       warm_up=1, dimension=32, start_images=32, held_out=('away',))


def write_image(path, rng):
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), cv2.resize(blocks, (64, 48), interpolation=cv2.INTER_CUBIC))


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """Return a folder in the layout of the training data: three cameras, pairs, single images."""
    folder = tmp_path_factory.mktemp('train')
    rng = np.random.default_rng(0)
    for camera, images in {'amos_webcams/home': 3, 'amos_webcams/away': 3,
                           'tilde_webcams/near': 3, 'tilde_webcams/mexico': 3,
                           'sped_thumb/query': 2, 'sped_thumb/reference': 2,
                           'camvid/train': 4}.items():
        for number in range(images):
            write_image(folder / camera / f'{number}.png', rng)
    return folder


@pytest.fixture(scope='module')
def initial(tmp_path_factory):
    """Return a random trunk under the names of the public one, which has more than ours."""
    torch.manual_seed(0)
    trunk = MobileTrunk((17,))
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
            nn.init.normal_(module.bias, std=0.1)
    path = tmp_path_factory.mktemp('weights') / 'initial.safetensors'
    save_file({**trunk.state_dict(), 'classifier.1.weight': torch.zeros(5)}, str(path))
    return path


@pytest.fixture(scope='module')
def trained(data, initial, tmp_path_factory):
    out = tmp_path_factory.mktemp('out') / 'deeper' / 'compact.safetensors'
    return out, train_compact(data, initial, out, RECIPE)


def test_the_file_loads_as_compact(trained):
    out, _ = trained
    network = create_network('compact', {'weights': str(out)})
    output = network(torch.rand(2, 3, 64, 96))
    assert output.descriptors.shape == (2, 32)
    assert torch.isfinite(output.descriptors).all()
    assert out.stat().st_size <= 8_000_000


def test_the_file_says_how_it_was_made(trained):
    out, measured = trained
    _, metadata = read_weights(out)
    assert metadata['network'] == 'compact'
    told = json.loads(metadata['training'])
    assert told == json.loads(json.dumps(measured))
    recipe = json.loads(json.dumps(dataclasses.asdict(RECIPE)))
    assert told['recipe'] == recipe
    recalls = told['validation_r_at_1']
    assert {'start', '2', 'final'} <= set(recalls)
    assert all(0.0 <= recall <= 1.0 for recall in recalls.values())
    # 8 times of 9 windows, each against every other time.
    assert told['validation_queries'] == 8 * 7 * 9


def test_every_tensor_was_trained(trained, initial):
    tensors, _ = read_weights(trained[0])
    public, _ = read_weights(initial)
    trunk = {n.removeprefix('trunk.'): t for n, t in tensors.items() if n.startswith('trunk.')}
    assert len(trunk) > 90
    for name, tensor in trunk.items():
        assert not torch.equal(tensor, public[name].half().float()), name
    # It started there, though, and half of the start stays: two steps lead not far away.
    name = 'features.0.0.weight'
    assert (trunk[name] - public[name]).abs().max() <= 2 * 1e-2


def test_what_half_precision_would_ship_unchanged_is_refused():
    # The whole training would tell the same, after half a minute.
    start = {'moved': torch.ones(2), 'hardly.moved': torch.ones(2)}
    state = {'moved': torch.tensor([1.0, 1.001]), 'hardly.moved': torch.tensor([1.0, 1.0001])}
    with pytest.raises(VprError, match=r'not trained: hardly\.moved did not change'):
        _refuse_unchanged(start, state)
    del start['hardly.moved'], state['hardly.moved']
    _refuse_unchanged(start, state)


def test_held_out_cameras_must_be_there(data, initial, tmp_path):
    recipe = dataclasses.replace(RECIPE, held_out=('away', 'frankfurt', '00003837'))
    with pytest.raises(VprError, match='expected the cameras away, frankfurt, 00003837 under '
                                       '.*, got only away of them'):
        train_compact(data, initial, tmp_path / 'out', recipe)
    with pytest.raises(VprError, match='got only none of them'):
        train_compact(data, initial, tmp_path / 'out',
                      dataclasses.replace(RECIPE, held_out=('frankfurt',)))


@pytest.mark.parametrize(('more', 'wanted'), [
    ({'cameras': 3}, 'needs 3 cameras that are not held out, but only 2 are under '),
    ({'pairs': 9}, 'needs 9 pairs, but only 2 are under '),
    ({'singles': 5}, 'needs 5 single images, but only 4 are under ')])
def test_a_batch_must_be_filled(more, wanted, data, initial, tmp_path):
    with pytest.raises(VprError, match=wanted):
        train_compact(data, initial, tmp_path / 'out', dataclasses.replace(RECIPE, **more))


@pytest.mark.parametrize(('other', 'wanted'), [
    ({'steps': 0}, 'at least 1 step, got 0'),
    ({'start_images': 31}, 'at least 32 images, one for each dimension of a descriptor, got 31')])
def test_numbers_that_cannot_be(other, wanted, data, initial, tmp_path):
    with pytest.raises(VprError, match=wanted):
        train_compact(data, initial, tmp_path / 'out', dataclasses.replace(RECIPE, **other))


def test_the_start_has_enough_images_for_its_dimensions():
    assert CompactRecipe().start_images >= CompactRecipe().dimension == 512


def test_the_folder_must_be_there(initial, tmp_path):
    with pytest.raises(VprError, match='no folder of training images at .*amos_webcams'):
        train_compact(tmp_path, initial, tmp_path / 'out', RECIPE)


@pytest.mark.parametrize('content', [{'stem.weight': torch.zeros(3)},
                                     {'features.0.0.weight': torch.zeros(32, 3, 5, 5)}])
def test_a_start_of_another_network(content, data, tmp_path):
    save_file(content, str(tmp_path / 'other.safetensors'))
    with pytest.raises(VprError, match=r'other\.safetensors does not hold a batch-norm-folded '
                                       r'MobileNetV2: .*features\.0\.0\.weight'):
        train_compact(data, tmp_path / 'other.safetensors', tmp_path / 'out', RECIPE)
