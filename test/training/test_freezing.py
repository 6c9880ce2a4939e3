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

"""What learns, and that batch norms do not."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.registry import network_variants
from vpr_ros.networks.semantic_mask import trainable_parts
from vpr_ros.networks.trunks import trunk
from vpr_ros.training.freezing import evaluating
from vpr_ros.training.freezing import freeze
from vpr_ros.training.freezing import freeze_unused
from vpr_ros.training.freezing import frozen_for
from vpr_ros.training.freezing import matching
from vpr_ros.training.freezing import set_training_mode

TRUNKS = ['alexnet', 'mobilenet_v2', 'resnet18', 'resnet50', 'vgg16']
SMALL = {'weights': 'random', 'height': 64, 'width': 64}
# Sizes and trunks that keep the tests fast; the names of parameters are those of the papers.
OPTIONS = {
    'attention_vlad': SMALL,
    'context_attention': {**SMALL, 'trunk': 'alexnet'},
    'gem': SMALL,
    'netvlad': {**SMALL, 'trunk': 'alexnet'},
    'saane': SMALL,
    'semantic_mask': SMALL,
    'seqvlad': {**SMALL, 'trunk': 'resnet18', 'sequence_length': 2},
    'spatiotemporal': {**SMALL, 'height': 96, 'width': 96, 'sequence_length': 2},
}
SEQUENCES = ('seqvlad', 'spatiotemporal')


def make(name, **options):
    return create_network(name, {**OPTIONS[name], **options})


def images_for(network, count):
    size = (network.preprocessing.height, network.preprocessing.width)
    frames = (network.length,) if network.name in SEQUENCES else ()
    return torch.rand(count, *frames, 3, *size, generator=torch.Generator().manual_seed(0))


def with_statistics(module):
    """Give batch norms statistics that a batch of images would move."""
    draw = torch.Generator().manual_seed(1)
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(std=0.1, generator=draw)
            part.running_var.uniform_(0.5, 1.5, generator=draw)
            part.num_batches_tracked.fill_(7)
    return module


def statistics(module):
    return {name: buffer.clone() for name, buffer in module.named_buffers()
            if 'running_' in name or 'num_batches' in name}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[n], other[n]) for n in one)


def thaw(network):
    """Freeze nothing, and return the names of all parameters."""
    return freeze(network, '')


@pytest.mark.parametrize('name', TRUNKS)
def test_a_trunk_in_training_computes_what_it_does_in_evaluation(name):
    body = with_statistics(trunk(name, weights='random')).eval()
    images = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    expected, before = body(images).detach(), statistics(body)
    set_training_mode(body)
    assert body.training and body.body.training
    assert torch.equal(body(images), expected)
    for i in range(3):
        # Kernels for one image add up in another order.
        atol = 1e-5 * float(expected.abs().max())
        torch.testing.assert_close(body(images[i:i + 1])[0], expected[i], rtol=0, atol=atol)
    assert same(statistics(body), before)
    body.eval()
    assert torch.equal(body(images), expected)


def test_without_it_statistics_would_move_and_images_meet():
    body = with_statistics(trunk('resnet18', weights='random')).eval()
    images = torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(2))
    expected, before = body(images).detach(), statistics(body)
    body.train()
    assert not torch.allclose(body(images), expected, atol=0.1)
    assert not same(statistics(body), before)


def test_a_step_moves_weights_of_batch_norms_but_no_statistics():
    network = with_statistics(make('gem', trunk='resnet18'))
    thaw(network)
    before = statistics(network)
    weight = network.trunk.body.bn1.weight.detach().clone()
    set_training_mode(network)
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    network(images_for(network, 4)).descriptors[:, 0].sum().backward()
    optimiser.step()
    assert same(statistics(network), before)
    assert len(before) > 40
    assert not torch.equal(network.trunk.body.bn1.weight, weight)


def test_an_image_is_described_alike_in_any_batch():
    network = with_statistics(make('saane'))
    set_training_mode(network)
    images = images_for(network, 3)
    together = network(images).descriptors.detach()
    for i in range(3):
        alone = network(images[i:i + 1]).descriptors.detach()[0]
        torch.testing.assert_close(alone, together[i], rtol=1e-4, atol=1e-5)


def test_segmentation_stays_in_evaluation_and_frozen():
    network = with_statistics(make('semantic_mask', input='concat_mask'))
    before = statistics(network)
    set_training_mode(network)
    assert network.training and network.trunk.training
    assert not any(part.training for part in network.semantics.modules())
    learning = thaw(network)
    assert not any(name.startswith('semantics.') for name in learning)
    network(images_for(network, 2)).descriptors[:, 0].sum().backward()
    assert same(statistics(network), before)
    assert freeze_unused(network, [network(images_for(network, 1)).descriptors]) == []


@pytest.mark.filterwarnings('ignore:.*torch.jit.script.* is deprecated')
def test_batch_norms_of_torchscript_stay_too():
    layers = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2), nn.Dropout(0.5))
    script = nn.Sequential(torch.jit.script(layers))
    before = statistics(script)
    set_training_mode(script)
    script(torch.rand(4, 3, 5, 5) + 5.0)
    assert same(statistics(script), before)
    assert [part.training for part in script[0].children()] == [True, False, True]


def test_dropout_begins_and_ends():
    network = make('spatiotemporal', branches='spatial')
    images = images_for(network, 1)
    expected = network(images).descriptors
    set_training_mode(network)
    assert not torch.equal(network(images).descriptors, expected)
    with evaluating(network):
        assert torch.equal(network(images).descriptors, expected)
    assert network.training and network.spatial.training


def test_evaluating_leaves_the_mode_as_it_was():
    network = make('gem', trunk='resnet18')
    with evaluating(network):
        assert not network.training
    assert not network.training
    set_training_mode(network)
    with pytest.raises(KeyError), evaluating(network):
        assert not any(part.training for part in network.modules())
        raise KeyError
    assert network.training and network.trunk.body.conv1.training
    assert not network.trunk.body.bn1.training


def test_patterns_are_those_of_a_shell():
    names = ['trunk.conv1.weight', 'trunk.bn1.weight', 'trunks', 'head.p']
    assert matching(names, '') == matching(names, ' , ') == set()
    assert matching(names, 'trunk.*') == set(names[:2])
    assert matching(names, 'trunk*') == set(names[:3])
    assert matching(names, '*.weight,head.p') == {*names[:2], 'head.p'}
    assert matching(iter(names), '  trunk.[b]*\n*.p ') == {'trunk.bn1.weight', 'head.p'}
    assert matching(names, 'head.p') == {'head.p'}


def test_a_pattern_of_nothing_is_told_with_what_there_is():
    network = make('attention_vlad')
    with pytest.raises(VprError, match=r"unknown pattern of parameters 'trnk\.\*'; did you mean "
                                       r"'trunk\.\*'\? \(known: pool\.\*, trunk\.\*\)"):
        freeze(network, 'pool.* trnk.*')
    assert not any(p.requires_grad for p in network.parameters())
    with pytest.raises(VprError, match=r"'Trunk\.\*'"):
        freeze(network, 'Trunk.*')


def test_nothing_left_to_train():
    with pytest.raises(VprError, match=r"'trunk\.\* pool\.\*' freezes all 14 parameters"):
        freeze(make('attention_vlad'), 'trunk.* pool.*')
    with pytest.raises(VprError, match=r'there is nothing to train'):
        freeze(create_network('thumbnail'), '')


def test_freezing_again_forgets_what_was_frozen():
    network = make('attention_vlad')
    first = freeze(network, 'trunk.*')
    assert all(name.startswith('pool.') for name in first)
    assert set(freeze(network, 'pool.*')) == set(thaw(network)) - set(first)


def frozen(network):
    return [name for name, p in network.named_parameters() if not p.requires_grad]


def layers(names):
    """Return names without what a layer calls its parameters, each once."""
    return list(dict.fromkeys(name.rpartition('.')[0] for name in names))


def test_wang_freezes_what_comes_before_conv4():
    network = make('attention_vlad')
    learning = freeze(network, 'trunk.body.features.[036].*')
    assert layers(frozen(network)) == [f'trunk.body.features.{i}' for i in (0, 3, 6)]
    assert layers(learning) == ['trunk.body.features.8', 'trunk.body.features.10',
                                'pool.attention', 'pool.vlad']
    # Which are the convolutions 1 to 3, and 4 and 5.
    convolutions = [name for name, part in network.trunk.body.named_modules()
                    if isinstance(part, nn.Conv2d)]
    assert convolutions == [f'features.{i}' for i in (0, 3, 6, 8, 10)]
    assert freeze_unused(network, [network(images_for(network, 1)).descriptors]) == []


def test_seymour_trains_fusion_and_attention():
    network = make('saane')
    learning = freeze(network, 'trunk.* scene.*')
    assert all(name.startswith('embedding.') for name in learning)
    assert layers(learning) == [
        'embedding.fusion.align.0', 'embedding.fusion.align.1',
        'embedding.fusion.attentions.0.perceptron.0', 'embedding.fusion.attentions.0.perceptron.2',
        'embedding.fusion.attentions.0.spatial',
        'embedding.fusion.fuse.0', 'embedding.fusion.fuse.1']
    assert freeze_unused(network, [network(images_for(network, 1)).descriptors]) == []


def test_the_classes_of_the_scene_are_unused_and_told():
    network = make('saane')
    names = set(thaw(network))
    output = network(images_for(network, 1)).descriptors
    assert freeze_unused(network, [output]) == ['scene.classify.weight', 'scene.classify.bias']
    assert frozen(network) == ['scene.classify.weight', 'scene.classify.bias']
    assert set(freeze(network, 'scene.classify.*')) == names - set(frozen(network))


def test_zhao_keeps_tokeniser_positions_and_last_norms():
    network = make('spatiotemporal', positions='absolute')
    learning = freeze(network, 'tokeniser.* *.positions *.norm.*')
    assert sorted(frozen(network)) == [
        'spatial.norm.bias', 'spatial.norm.weight', 'spatial.positions', 'temporal.norm.bias',
        'temporal.norm.weight', 'temporal.positions', 'tokeniser.0.weight', 'tokeniser.3.weight']
    assert {'.'.join(name.split('.')[:2]) for name in learning} == {
        'spatial.blocks', 'temporal.blocks', 'head.vlad'}
    network = make('spatiotemporal')
    learning = freeze(network, 'tokeniser.* *.positions *.norm.*')
    assert [name for name in frozen(network) if name.endswith('positions')] == [
        'spatial.positions']
    assert any('.offsets.' in name for name in learning)
    assert freeze_unused(network, [network(images_for(network, 1)).descriptors]) == []


@pytest.mark.parametrize(('way', 'schedule', 'wanted'), [
    ('none', '0-2', ['layer3', 'layer4']),
    ('none', '2-2', ['stem', 'layer1', 'layer3', 'layer4']),
    ('none', '0-4', ['layer1', 'layer2', 'layer3', 'layer4']),
    ('none', 'all', ['stem', 'layer1', 'layer2', 'layer3', 'layer4']),
    ('learned_mask', '0-0', ['learned']),
    ('concat_all', '0-2', ['stem', 'layer3', 'layer4'])])
def test_holder_trains_by_schedules(way, schedule, wanted):
    network = make('semantic_mask', input=way, trunk='resnet18')
    learning = freeze(network, frozen_for(network, schedule))
    stages = []
    for name in learning:
        parts = name.split('.')
        if parts[0] == 'trunk':
            stages.append(parts[2] if parts[2].startswith('layer') else 'stem')
        elif parts[0] != 'head':
            stages.append(parts[0])
    assert list(dict.fromkeys(stages)) == wanted
    assert 'head.pool.p' in learning
    parts = trainable_parts(network, schedule).values()
    assert len(learning) == sum(len(part) for part in parts)


def test_schedules_that_cannot_be():
    with pytest.raises(VprError, match="'0-2' are those of semantic_mask, got a GemNetwork"):
        frozen_for(make('gem', trunk='resnet18'), '0-2')
    with pytest.raises(VprError, match="with X \\+ Y of at most 5 stages, got '3-3'"):
        frozen_for(make('semantic_mask', input='none', trunk='resnet18'), '3-3')


def cases():
    for name in ('attention_vlad', 'netvlad', 'seqvlad', 'spatiotemporal'):
        yield from ((name, options) for options in network_variants(name).values())
    taps = ('features.5,features.8,features.11').split(',')
    for options in network_variants('context_attention').values():
        count = {'none': 1, 'attentive': 1, 'cross_pooling': 2}.get(
            options.get('attention'), options.get('layers', 3))
        yield 'context_attention', {**options, 'taps': ','.join(taps[-count:])}
    for variant in ('app', 'app_att', 'app_att_sem_att', 'amosnet', 'apanet', 'apanet_mm'):
        yield 'saane', {'variant': variant}
    yield from (('semantic_mask', {'input': way}) for way in ('learned_mask', 'none'))
    yield 'gem', {'trunk': 'mobilenet_v2'}


@pytest.mark.parametrize(('name', 'options'), [
    pytest.param(name, options, id=f'{name} {options}') for name, options in cases()])
def test_all_other_parameters_are_used(name, options):
    network = make(name, **options)
    names = set(thaw(network))
    set_training_mode(network)
    unused = freeze_unused(network, [network(images_for(network, 1)).descriptors])
    scene = ['scene.classify.weight', 'scene.classify.bias']
    assert unused == (scene if scene[0] in names else [])


def test_compact_is_used_whole():
    network = create_network('compact')
    thaw(network)
    assert freeze_unused(network, [network(torch.rand(1, 3, 64, 64)).descriptors]) == []


class Forked(nn.Module):
    """Two outputs with a layer of their own, and one layer for none."""

    def __init__(self):
        super().__init__()
        self.left, self.right, self.idle = (nn.Linear(2, 2) for _ in range(3))
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        return self.left(x) * self.scale, F.relu(self.right(x.detach()))


def test_what_an_output_depends_on_is_what_gets_a_gradient():
    for chosen in ([0], [1], [0, 1]):
        module = Forked()
        outputs = module(torch.rand(1, 2))
        sum(outputs[i].sum() for i in chosen).backward()
        without = [name for name, p in module.named_parameters() if p.grad is None]
        assert freeze_unused(module, [outputs[i] for i in chosen]) == without
        assert 2 <= len(without) <= 5
        assert freeze_unused(module, [module(torch.rand(1, 2))[i] for i in chosen]) == []


def test_outputs_without_gradients_say_nothing():
    module = Forked()
    with torch.no_grad():
        outputs = module(torch.rand(1, 2))
    with pytest.raises(ValueError, match='compute them with gradients'):
        freeze_unused(module, outputs)
    assert all(p.requires_grad for p in module.parameters())
