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


"""Sequence descriptors by spatio-temporal attention."""

from pathlib import Path
import runpy

import numpy as np
import pytest
import torch
from vpr_ros.errors import VprError
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.registry import network_variants
from vpr_ros.networks.spatiotemporal import convert
from vpr_ros.networks.spatiotemporal import SpatioTemporal
from vpr_ros.networks.spatiotemporal import spatiotemporal
from vpr_ros.networks.transformer_branch import Size
from vpr_ros.networks.weights import load_weights
from vpr_ros.networks.weights import write_weights

_LITERAL = runpy.run_path(str(Path(__file__).with_name('spatiotemporal_literal.py')))
describe = _LITERAL['describe']
random_checkpoint = _LITERAL['random_checkpoint']

_SIZE = Size(channels=12, stem=5, heads=2, hidden=20, blocks=2)
_SMALL = {'sequence_length': 3, 'height': 96, 'width': 96, 'window': 4, 'stride': 2, 'clusters': 4}
_PUBLISHED = {'channels': 384, 'stem': 64, 'heads': 6, 'hidden': 1152, 'blocks': 4,
              'clusters': 64, 'grid': (24, 24), 'window': 6, 'frames': 5}
_FULL_BUT_SMALL_IMAGES = {'weights': 'random', 'height': 96, 'width': 96}


def small_checkpoint(*, grid=(6, 6), frames=3):
    return random_checkpoint(grid=grid, window=4, frames=frames, channels=12, stem=5, heads=2,
                             hidden=20, blocks=2, clusters=4)


def small_network(raw, **options):
    """Return the network of a checkpoint that fits it, in float64."""
    given = {'positions': 'relative', **options}
    fitting = {name: tensor for name, tensor in raw.items()
               if given['positions'] == 'relative' or 'rel_pos' not in name}
    network = SpatioTemporal(**{**_SMALL, **given}, size=_SIZE)
    load_weights(network, convert(fitting, network), 'this test')
    return network.double().eval().requires_grad_(False)


def normalised(images):
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    return (images - mean) / std


@pytest.mark.parametrize('options', [
    {}, {'fold': 'average'}, {'positions': 'absolute'}, {'branches': 'spatial'},
    {'branches': 'temporal'}, {'branches': 'temporal', 'fold': 'average'}], ids=str)
def test_network_is_the_literal_one(options):
    raw = small_checkpoint()
    images = torch.rand(3, 3, 96, 96, dtype=torch.float64)
    output = small_network(raw, **options)(images[None])
    wanted = describe(raw, normalised(images), heads=2, window=4, stride=2, **options)
    for got, literal in zip(output, wanted, strict=True):
        np.testing.assert_allclose(got[0].numpy(), literal, rtol=1e-9, atol=1e-12)


def test_literal_on_a_wide_grid_with_windows_side_by_side():
    raw = small_checkpoint(grid=(4, 8))
    # Tables of published checkpoints say nothing of their aspect: ours do.
    shaped = {name: tensor[0].view(4, 8, 12) if name.endswith('positional_emb') else tensor
              for name, tensor in raw.items()}
    images = torch.rand(3, 3, 50, 128, dtype=torch.float64)
    network = small_network(shaped, height=50, width=128, stride=4, branches='both')
    wanted, attention, features = describe(raw, normalised(images), heads=2, window=4, stride=4)
    output = network(images[None])
    np.testing.assert_allclose(output.descriptors[0].numpy(), wanted, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(output.attention[0].numpy(), attention, rtol=1e-9)
    assert output.features.shape == (1, 12, 4, 8)
    assert attention.shape == (4, 8)
    assert features.shape == (12, 4, 8)


@pytest.mark.parametrize('options', [
    {}, {'positions': 'absolute'}, {'branches': 'spatial'}, {'branches': 'temporal'},
    {'dimension': 5}], ids=str)
def test_every_weight_matters(options):
    network = SpatioTemporal(**{**_SMALL, **options}, size=_SIZE).double().eval()
    images = torch.rand(1, 3, 3, 96, 96, dtype=torch.float64)
    with torch.no_grad():
        before = network(images).descriptors
        for name, parameter in network.named_parameters():
            kept = parameter.clone()
            parameter += 0.1 * torch.rand_like(parameter)
            assert float((network(images).descriptors - before).abs().max()) > 1e-8, name
            parameter.copy_(kept)


def test_parameters_are_those_of_the_published_network_less_what_it_never_uses():
    raw = random_checkpoint(**_PUBLISHED)
    published = {
        'tokeniser': _count(raw, 'encoder.spatial.tokenizer.'),
        'spatial': _count(raw, 'encoder.spatial.classifier.'),
        'temporal': _count(raw, 'encoder.temporal.'), 'head': _count(raw, 'aggregator.')}
    assert published == {'tokeniser': 1_213_632, 'spatial': 6_134_401, 'temporal': 6_142_337,
                         'head': 49_152}
    assert sum(published.values()) == 13_539_522
    network = spatiotemporal(weights='random')
    ours = {part: _count(dict(network.named_parameters()), f'{part}.') for part in published}
    pooling = 384 + 1
    table = 24 * 24 * 384
    assert ours == {
        **published, 'spatial': published['spatial'] - pooling,
        'temporal': published['temporal'] - pooling - table}
    assert sum(p.numel() for p in network.parameters()) == sum(ours.values()) == 13_317_568
    load_weights(network, convert(raw, network), 'this test')
    assert network.dimension == 24_576


def _count(tensors, prefix):
    return sum(t.numel() for name, t in tensors.items() if name.startswith(prefix))


@pytest.mark.parametrize('label', list(network_variants('spatiotemporal')))
def test_variants(label):
    options = network_variants('spatiotemporal')[label]
    network = create_network('spatiotemporal', {**_FULL_BUT_SMALL_IMAGES, **options})
    output = network(torch.rand(2, 5, 3, 96, 96))
    assert network.dimension == options.get('dimension', 24_576)
    assert output.descriptors.shape == (2, network.dimension)
    assert output.attention.shape == (2, 6, 6)
    assert output.features.shape == (2, 384, 6, 6)
    assert float(output.attention.min()) > 0
    torch.testing.assert_close(output.attention.sum(dim=(1, 2)), torch.ones(2))
    torch.testing.assert_close(output.descriptors.norm(dim=1), torch.ones(2))


def test_first_variant_is_the_paper_and_all_differ():
    variants = network_variants('spatiotemporal')
    assert list(variants.values())[0] == {}
    made = {create_network('spatiotemporal', {**_FULL_BUT_SMALL_IMAGES, **options}).identity()
            for options in (*variants.values(), {'fold': 'average'}, {'positions': 'absolute'})}
    assert len(made) == len(variants) + 2


@pytest.mark.parametrize('branches', ['both', 'spatial', 'temporal'])
@pytest.mark.parametrize(('dtype', 'tolerance'), [(torch.float64, 1e-9), (torch.float32, 1e-5)])
def test_a_stream_gives_what_the_batch_gives(branches, dtype, tolerance):
    network = small_network(small_checkpoint(), branches=branches).to(dtype)
    images = torch.rand(5, 3, 96, 96, dtype=dtype)
    seen = []
    network.tokeniser.register_forward_hook(lambda module, given, _: seen.append(len(given[0])))
    kept = [network.encode(image[None]) for image in images[:2]]
    for newest in range(2, 5):
        seen.clear()
        kept = [*kept, network.encode(images[newest:newest + 1])][-3:]
        stream = network.aggregate(torch.stack(kept, dim=1))
        assert seen == [1]
        batch = network(images[None, newest - 2:newest + 1])
        for got, wanted in zip(stream, batch, strict=True):
            torch.testing.assert_close(got, wanted, rtol=tolerance, atol=tolerance)


def test_an_encoding_is_one_table_of_a_frame():
    raw = small_checkpoint()
    images = torch.rand(2, 3, 96, 96, dtype=torch.float64)
    both = small_network(raw).encode(images)
    assert both.shape == (2, 36, 25)
    torch.testing.assert_close(small_network(raw, branches='temporal').encode(images),
                               both[..., :12])
    torch.testing.assert_close(small_network(raw, branches='spatial').encode(images),
                               both[..., 12:])


@pytest.mark.parametrize('branches', ['both', 'spatial'])
def test_an_encoding_holds_what_the_spatial_branch_made(branches):
    network = small_network(small_checkpoint(), branches=branches)
    images = torch.rand(2, 3, 96, 96, dtype=torch.float64)
    tokens = network.tokeniser(network.normalise(images)).flatten(2).transpose(1, 2)
    wanted, _ = network.spatial(tokens)
    got = network.spatial_tokens(network.encode(images))
    assert got.shape == (2, 36, 12)
    torch.testing.assert_close(got, wanted)


def test_without_a_spatial_branch_an_encoding_holds_none_of_it():
    network = small_network(small_checkpoint(), branches='temporal')
    with pytest.raises(ValueError, match='no spatial branch'):
        network.spatial_tokens(network.encode(torch.rand(1, 3, 96, 96, dtype=torch.float64)))


def test_order_of_frames_matters_by_relative_positions_alone():
    raw = small_checkpoint()
    images = torch.rand(1, 3, 3, 96, 96, dtype=torch.float64)
    relative = small_network(raw)
    absolute = small_network(raw, positions='absolute')
    assert _apart(relative, images, images.flip(1)) > 1e-3
    assert _apart(absolute, images, images.flip(1)) < 1e-12


def _apart(network, one, other):
    with torch.no_grad():
        return float((network(one).descriptors - network(other).descriptors).norm())


@pytest.mark.parametrize('branches', ['both', 'spatial', 'temporal'])
def test_each_sequence_is_described_for_itself(branches):
    network = small_network(small_checkpoint(), branches=branches).float()
    sequences = torch.rand(3, 3, 3, 96, 96)
    together = network(sequences)
    for i in range(3):
        alone = network(sequences[i:i + 1])
        for got, wanted in zip(alone, together, strict=True):
            torch.testing.assert_close(got[0], wanted[i], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('branches', ['both', 'temporal'])
@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float16])
def test_half_precision(dtype, branches):
    raw = random_checkpoint(**{**_PUBLISHED, 'blocks': 4, 'grid': (6, 6)})
    network = spatiotemporal(**_FULL_BUT_SMALL_IMAGES, branches=branches).eval()
    load_weights(network, convert(raw, network), 'this test')
    sequences = torch.rand(2, 5, 3, 96, 96)
    with torch.no_grad():
        wanted = network(sequences)
        got = network.to(dtype)(sequences.to(dtype))
    assert torch.isfinite(got.descriptors).all()
    cosine = torch.cosine_similarity(got.descriptors.float(), wanted.descriptors)
    # Two sequences of noise are this alike; rounding must not come near.
    apart = 1 - float(torch.cosine_similarity(*wanted.descriptors, dim=0))
    assert 1 - float(cosine.min()) < min({torch.bfloat16: 2e-3, torch.float16: 5e-5}[dtype],
                                         apart / 10)
    torch.testing.assert_close(got.attention.float(), wanted.attention, rtol=0.1, atol=1e-4)


def test_published_tables_are_interpolated_for_another_grid_window_and_length(tmp_path):
    raw = random_checkpoint(**_PUBLISHED)
    path = tmp_path / 'published.pth'
    torch.save({f'module.{name}': tensor for name, tensor in raw.items()}, path)
    network = spatiotemporal(weights=str(path), sequence_length=3, height=64, width=128,
                             window=4, stride=2)
    at = 'encoder.temporal.blocks.1.self_attn.rel_pos_'
    offsets = network.temporal.blocks[1].attention.offsets
    for axis, letter, n in (('y', 'h', 7), ('x', 'w', 7), ('t', 't', 5)):
        _same(offsets[axis], _linear(raw[f'{at}{letter}'], n))
    table = raw['encoder.spatial.classifier.positional_emb'].view(24, 24, 384)
    rows = _linear(table.flatten(1), 4).view(4, 24, 384)
    _same(network.spatial.positions, _linear(rows.transpose(0, 1).flatten(1), 8).view(
        8, 4, 384).transpose(0, 1))
    # What is no table of positions is taken as it is.
    _same(network.spatial.blocks[3].mlp[2].weight,
          raw['encoder.spatial.classifier.blocks.3.linear2.weight'])


def _same(got, wanted):
    torch.testing.assert_close(got.detach(), wanted, rtol=1e-4, atol=1e-5)


def _linear(table, n):
    """Interpolate rows (m, C) linearly at the centres of n equal parts."""
    m = len(table)
    out = []
    for i in range(n):
        at = min(max((i + 0.5) * m / n - 0.5, 0), m - 1)
        low = min(int(at), m - 2)
        out.append((1 - (at - low)) * table[low] + (at - low) * table[low + 1])
    return torch.stack(out)


def test_own_weights_come_back_and_fit_other_sizes(tmp_path):
    made = spatiotemporal(**_FULL_BUT_SMALL_IMAGES, seed=3)
    path = tmp_path / 'ours.safetensors'
    write_weights(path, made.state_dict(), {}, dtype=torch.float32)
    again = spatiotemporal(weights=str(path), height=96, width=96)
    assert again.identity().weights_hash == made.identity().weights_hash
    alone = spatiotemporal(weights=str(path), height=96, width=96, branches='spatial')
    assert not [name for name in alone.state_dict() if name.startswith('temporal')]
    wide = spatiotemporal(weights=str(path), height=96, width=144, sequence_length=2)
    assert wide.spatial.positions.shape == (6, 9, 384)
    assert wide.temporal.blocks[0].attention.offsets['t'].shape == (3, 64)


def test_checkpoints_that_do_not_fit_are_told_by_name(tmp_path):
    raw = random_checkpoint(**_PUBLISHED)
    path = tmp_path / 'published.pth'
    del raw['encoder.temporal.blocks.2.self_attn.rel_pos_t']
    raw['encoder.spatial.classifier.blocks.0.linear1.bias'] = torch.zeros(7)
    raw['encoder.camera'] = torch.zeros(2)
    torch.save(raw, path)
    with pytest.raises(VprError) as error:
        spatiotemporal(weights=str(path))
    for text in (r'temporal.blocks.2.attention.offsets.t is missing (shape (9, 64))',
                 'spatial.blocks.0.mlp.0.bias has shape (7,), the network needs (1152,)',
                 'encoder.camera is not a part of the network'):
        assert text in str(error.value)
    with pytest.raises(VprError, match=r'offsets\.y is not a part of the network'):
        spatiotemporal(weights=str(path), positions='absolute')


@pytest.mark.parametrize('branches', ['both', 'spatial', 'temporal'])
def test_both_branches_start_from_a_public_transformer(tmp_path, branches):
    raw = random_checkpoint(**{**_PUBLISHED, 'blocks': 5})
    trunk = {name.removeprefix('encoder.spatial.'): tensor for name, tensor in raw.items()
             if name.startswith('encoder.spatial.')}
    trunk.update({'classifier.fc.weight': torch.zeros(1000, 384),
                  'classifier.fc.bias': torch.zeros(1000)})
    path = tmp_path / 'cct.pth'
    torch.save(trunk, path)
    network = spatiotemporal(trunk_weights=str(path), height=96, width=96, branches=branches)
    random = spatiotemporal(weights='random', height=96, width=96, branches=branches)
    wanted = trunk['classifier.blocks.3.self_attn.qkv.weight']
    found = [b for b in (network.spatial, network.temporal) if b is not None]
    assert len(found) == (2 if branches == 'both' else 1)
    for branch in found:
        _same(branch.blocks[3].attention.qkv.weight, wanted)
        _same(branch.norm.weight, trunk['classifier.norm.weight'])
    _same(network.tokeniser[3].weight, trunk['tokenizer.conv_layers.1.0.weight'])
    _same(network.head.vlad.centroids, random.head.vlad.centroids)


def test_where_weights_come_from_must_be_said():
    with pytest.raises(VprError, match='needs weights'):
        spatiotemporal()
    with pytest.raises(ValueError, match='torchvision has no trunk of this network'):
        spatiotemporal(trunk_weights='imagenet')
    same = [spatiotemporal(**_FULL_BUT_SMALL_IMAGES, seed=seed).identity().weights_hash
            for seed in (0, 0, 1)]
    assert same[0] == same[1] != same[2]


@pytest.mark.parametrize(('options', 'text'), [
    ({'width': 640}, '24 x 40 tokens: take 24 x 39.*16 x 16 pixels of 384 x 640'),
    ({'height': 64}, '4 x 24 tokens: take 6 x 24'), ({'stride': 0}, 'stride from 1 to their side'),
    ({'stride': 7}, 'a stride of 7'), ({'window': 0}, '0 x 0'), ({'window': 30}, 'take 30 x 30'),
    ({'sequence_length': 0}, 'at least 1 frame'), ({'clusters': 0}, 'clusters must be 1 or more'),
    ({'dimension': -1}, 'dimension must be 0'), ({'height': 0}, 'height and width'),
    ({'branches': 'neither'}, "unknown branches 'neither'"), ({'fold': 'mean'}, 'unknown fold'),
    ({'positions': ''}, 'unknown positions')])
def test_options_that_make_no_network_are_refused(options, text):
    with pytest.raises(VprError, match=text):
        create_network('spatiotemporal', {'weights': 'random', **options})


def test_a_lone_spatial_branch_takes_any_grid():
    network = SpatioTemporal(**{**_SMALL, 'width': 40, 'branches': 'spatial'}, size=_SIZE).eval()
    assert network(torch.rand(1, 3, 3, 96, 40)).attention.shape == (1, 6, 3)


def test_heads_must_divide_channels():
    with pytest.raises(ValueError, match='12 channels cannot be divided among 5 heads'):
        SpatioTemporal(**_SMALL, size=Size(channels=12, heads=5))


def test_other_inputs_are_refused():
    network = SpatioTemporal(**_SMALL, size=_SIZE)
    with pytest.raises(ValueError, match='made for images of 96 x 96 pixels'):
        network(torch.rand(1, 3, 3, 96, 128))
    with pytest.raises(ValueError, match='sequences of 3 images'):
        network(torch.rand(1, 5, 3, 96, 96))
    with pytest.raises(ValueError, match=r'expected \(B, 3, h \* w, E\), got \(1, 2, 36, 25\)'):
        network.aggregate(torch.rand(1, 2, 36, 25))


def test_training_drops_and_skips_and_evaluation_does_not():
    network = SpatioTemporal(**_SMALL, size=Size(channels=12, stem=5, heads=2, hidden=20,
                                                 blocks=4))
    for branch in (network.spatial, network.temporal):
        assert [block.skip.p for block in branch.blocks] == pytest.approx(
            torch.linspace(0, 0.1, 14)[:4].tolist())
        assert {block.attention.dropout for block in branch.blocks} == {0.1}
    images = torch.rand(1, 3, 3, 96, 96)
    network.train()
    assert _apart(network, images, images) > 1e-6
    network(images).descriptors[0, 0].backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    network.eval()
    assert _apart(network, images, images) == 0.0


def test_a_skipped_frame_loses_its_attention_alone():
    network = SpatioTemporal(**_SMALL, size=_SIZE)
    branch = network.temporal
    block = branch.blocks[0].train()
    block.attention.dropout = 0.0
    block.skip.p = 0.5
    x = torch.rand(4, 3 * 36, 12)
    with torch.no_grad():
        got = (block(x, branch.windows, watch=False)[0]).view(4, 3, 36, 12)
        plain = block.norm_mlp(x).view(4, 3, 36, 12)
        untouched = (got - plain).abs().amax(dim=(2, 3)) < 1e-6
    # Each of twelve frames is left as it is in a quarter of all cases.
    assert 1 <= int(untouched.sum()) < 12
    assert untouched.any(dim=1).sum() > untouched.all(dim=1).sum()


@pytest.mark.filterwarnings('ignore')
def test_a_trace_leaves_the_batch_free():
    network = small_network(small_checkpoint()).float()
    height, width = network.preprocessing.height, network.preprocessing.width
    one, three = torch.rand(1, 3, 3, height, width), torch.rand(3, 3, 3, height, width)
    with torch.no_grad():
        traced = torch.jit.trace(lambda images: network(images).descriptors, one,
                                 check_trace=False)
        torch.testing.assert_close(traced(three), network(three).descriptors)
