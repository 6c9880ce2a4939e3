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

"""Networks of others: repositories with a hubconf.py, TorchScript archives, ONNX models."""

from copy import deepcopy
import dataclasses
import json
import sys

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.extraction.engines.eager import EagerEngine
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.networks.registry import create_network
from vpr_ros.types import Frame

onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

SIZE = {'height': 24, 'width': 32}
PLAIN = {'mean': [0.0, 0.0, 0.0], 'std': [1.0, 1.0, 1.0]}

HUBCONF = """
dependencies = ['torch']
import torch
from parts import Colours


def colours(dimension=4, seed=0):
    torch.manual_seed(seed)
    return Colours(dimension)


def several(kind):
    class Several(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = Colours(4)

        def forward(self, x):
            d = self.network(x)
            return {'tuple': (x, d), 'dict': {'map': x, 'place': d}, 'one': [d], 'nothing': None,
                    'pooled': d[:, :, None, None], 'map': x, 'first': d[0], 'sum': d.sum(0),
                    'joined': d.mean(0, keepdim=True).repeat(2, 1), 'whole': d.long(),
                    'text': 'place', 'empty': d[:, :0]}[kind]
    return Several()


def number():
    return 5


def broken():
    raise OSError('the disk is full')
"""
PARTS = """
import torch


class Colours(torch.nn.Module):
    def __init__(self, dimension):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, dimension, 3, stride=8)
        self.training_only = torch.nn.Dropout(0.5)
        self.project = torch.nn.LazyLinear(dimension)
        self.project(torch.zeros(1, dimension * 12))

    def forward(self, x):
        x = self.training_only(self.conv(x))
        return self.project(x.view(len(x), -1))  # refuses channels-last
"""


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / 'repository'
    folder.mkdir()
    (folder / 'hubconf.py').write_text(HUBCONF)
    (folder / 'parts.py').write_text(PARTS)
    return folder


def from_repository(folder, entry='colours', **options):
    return create_network(
        'hub', {'repository': str(folder), 'entry': entry, **SIZE, **options})


class Pooled(nn.Module):
    """A small network to export."""

    def __init__(self, channels: int = 3):
        super().__init__()
        self.conv = nn.Conv2d(channels, 6, 3, stride=2)

    def forward(self, x):
        return self.conv(x).relu().mean((2, 3))


def script(path, *, seed=0, frozen=False):
    torch.manual_seed(seed)
    with pytest.warns(FutureWarning):
        made = torch.jit.script(Pooled().eval())
        if frozen:
            made = torch.jit.freeze(made)
        made.save(str(path))
    return made


def onnx_model(path, *, seed=0, batch='B', channels=3, outputs=('place',), kind=np.float32,
               dimensions=(24, 32), external=None):
    """Write a model of averages of each channel, times a matrix (C, 5) for each output."""
    h, rng = onnx.helper, np.random.default_rng(seed)
    number = h.np_dtype_to_tensor_dtype(np.dtype(kind))
    space = list(range(2, 2 + len(dimensions)))
    nodes = [h.make_node('ReduceMean', ['images'], ['averages'], axes=space, keepdims=0)]
    matrices = {name: rng.standard_normal((channels, 5)).astype(kind) for name in outputs}
    for name in outputs:
        nodes.append(h.make_node('MatMul', ['averages', f'to_{name}'], [name]))
    graph = h.make_graph(
        nodes, 'averages',
        [h.make_tensor_value_info('images', number, [batch, channels, *dimensions])],
        [h.make_tensor_value_info(name, number, [batch, 5]) for name in outputs],
        [onnx.numpy_helper.from_array(m, f'to_{name}') for name, m in matrices.items()])
    made = h.make_model(graph, opset_imports=[h.make_opsetid('', 17)], ir_version=8)
    onnx.save_model(made, str(path), save_as_external_data=external is not None,
                    location=external, size_threshold=0)
    return matrices


def images(count=3):
    return torch.rand(count, 3, SIZE['height'], SIZE['width'])


def unit(values):
    return F.normalize(torch.as_tensor(values, dtype=torch.float32))


# --- repositories ---------------------------------------------------------------------------


def test_a_repository_is_the_module_it_makes(repository):
    network = from_repository(repository, arguments={'dimension': 7}, **PLAIN)
    assert network.dimension == 7
    batch = images()
    wanted = network.model(batch)
    torch.testing.assert_close(network(batch).descriptors, unit(wanted))
    assert network.identity().name == 'hub'
    assert not network.model.training_only.training


def test_the_normalisation_is_imagenets_unless_given(repository):
    batch = images()
    network = from_repository(repository)
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    normalised = (batch - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    torch.testing.assert_close(network(batch).descriptors, unit(network.model(normalised)))
    other = from_repository(repository, mean=[0.5, 0.4, 0.3], std=[0.1, 0.2, 0.3])
    assert other.preprocessing.mean == (0.5, 0.4, 0.3)
    assert not torch.allclose(other(batch).descriptors, network(batch).descriptors, atol=1e-3)


def test_the_identity_follows_the_weights_and_keeps_sources_to_itself(repository, tmp_path):
    network = from_repository(repository, arguments={'seed': 0})
    same = from_repository(repository, arguments={'seed': 0})
    other = from_repository(repository, arguments={'seed': 1})
    assert network.identity() == same.identity()
    assert network.identity().weights_hash != other.identity().weights_hash
    told = json.loads(network.options)
    assert told == {**SIZE, 'mean': [0.485, 0.456, 0.406], 'std': [0.229, 0.224, 0.225],
                    'dimension': 0, 'output': '', 'grey': False}
    assert str(tmp_path) not in network.identity().to_json()


def test_whole_numbers_and_fractions_make_one_network(repository):
    whole = from_repository(repository, mean=[0, 0, 0], std=[1, 1, 1])
    assert whole.identity() == from_repository(repository, **PLAIN).identity()


@pytest.mark.parametrize(('kind', 'output'), [
    ('tuple', 1), ('dict', 'place'), ('dict', 1), ('one', ''), ('one', 0), ('pooled', '')])
def test_the_output_is_chosen(repository, kind, output):
    torch.manual_seed(3)
    network = from_repository(repository, 'several', arguments={'kind': kind}, output=output)
    torch.manual_seed(3)
    plain = from_repository(repository, 'several', arguments={'kind': 'one'})
    assert network.dimension == 4
    batch = images()
    torch.testing.assert_close(network(batch).descriptors, plain(batch).descriptors)


@pytest.mark.parametrize(('kind', 'output', 'text'), [
    ('tuple', '', r'2 outputs, 0, 1: it must be said which one is meant \(option output\)'),
    ('tuple', 2, '2 outputs, 0, 1: there is no 2'),
    ('dict', 'plaec', "2 outputs, 'map', 'place': there is no 'plaec'"),
    ('dict', '', "2 outputs, 'map', 'place'"),
    ('pooled', 1, 'has one output: leave option output out, got 1'),
    ('map', '', r'= \(1, D\), got \(1, 3, 24, 32\)'), ('first', '', r'got \(4,\)'),
    ('sum', '', r'got \(4,\)'), ('joined', '', r'got \(2, 4\)'), ('empty', '', r'got \(1, 0\)'),
    ('whole', '', 'floating point numbers, got torch.int64'), ('nothing', '', 'got NoneType'),
    ('text', '', 'got str')])
def test_what_is_no_descriptor_is_refused(repository, kind, output, text):
    with pytest.raises(VprError, match=text):
        from_repository(repository, 'several', arguments={'kind': kind}, output=output)


def test_a_network_that_mixes_the_images_of_a_batch_gets_them_one_by_one(repository):
    (repository / 'hubconf.py').write_text(
        'import torch\n\nclass Mean(torch.nn.Module):\n    def forward(self, x):\n'
        '        return x.mean((0, 2, 3))[None]\n\ndef mean():\n    return Mean()\n')
    network = from_repository(repository, 'mean')
    pair = images(2)
    found = network(pair).descriptors
    assert found.shape == (2, 3)
    for alone, one in zip(pair.split(1), found, strict=True):
        torch.testing.assert_close(network(alone).descriptors[0], one)


class Rows(nn.Module):
    """Pools a grid and lays it out for as many images as a trace saw."""

    def forward(self, x):
        return nn.functional.adaptive_avg_pool2d(x, 2).reshape(len(x), -1)


@pytest.mark.filterwarnings('ignore')
def test_a_trace_of_one_image_takes_several(tmp_path):
    traced = torch.jit.trace(Rows(), torch.rand(1, 3, 16, 16))
    traced.save(tmp_path / 'rows.pt')
    assert traced(torch.rand(2, 3, 16, 16)).shape == (1, 24)  # the trace holds the 1
    network = create_network('hub', {'file': str(tmp_path / 'rows.pt'), 'height': 16, 'width': 16})
    pair = images(2)
    found = network(pair).descriptors
    assert found.shape == (2, 12)
    for alone, one in zip(pair.split(1), found, strict=True):
        torch.testing.assert_close(network(alone).descriptors[0], one)


def test_the_dimension_is_checked(repository):
    assert from_repository(repository, dimension=4).dimension == 4
    with pytest.raises(VprError, match='descriptors of 4 dimensions, not 512: set option dim'):
        from_repository(repository, dimension=512)


def test_two_repositories_with_modules_of_one_name(repository, tmp_path):
    other = tmp_path / 'other'
    other.mkdir()
    (other / 'hubconf.py').write_text('from parts import Other\n\ndef other():\n'
                                      '    return Other()\n')
    (other / 'parts').mkdir()
    (other / 'parts' / '__init__.py').write_text(
        'import torch\n\nclass Other(torch.nn.Module):\n    def forward(self, x):\n'
        '        return x.mean((2, 3))\n')
    assert from_repository(repository).dimension == 4
    assert from_repository(other, 'other').dimension == 3
    assert from_repository(repository).dimension == 4
    assert 'parts' not in sys.modules


@pytest.fixture
def hub_folder(tmp_path):
    """Return the folder that torch.hub keeps its downloads in, for one test."""
    before = torch.hub.get_dir()
    torch.hub.set_dir(str(tmp_path / 'hub'))
    yield tmp_path / 'hub'
    torch.hub.set_dir(before)


def test_what_was_downloaded_before_needs_no_network_and_asks_nothing(
        repository, hub_folder, monkeypatch):
    hub_folder.mkdir()
    repository.rename(hub_folder / 'someone_places_main')
    monkeypatch.setattr('builtins.input', lambda *_: pytest.fail('a robot has no keyboard'))
    assert from_repository('someone/places:main').dimension == 4
    assert 'parts' not in sys.modules


def test_a_repository_on_github_is_asked_for_only_by_its_name(hub_folder):
    with pytest.raises(VprError, match='someone/places .*reached for the network'):
        create_network('hub', {'repository': 'someone/places', 'entry': 'colours'})


@pytest.mark.parametrize(('entry', 'options', 'text'), [
    ('colour', {}, "could not make 'colour' of .*Cannot find callable colour"),
    ('colours', {'arguments': {'dimensoin': 4}}, 'dimensoin'),
    ('broken', {}, 'OSError: the disk is full'),
    ('number', {}, "'number' of .* must return a torch.nn.Module, got int"),
    ('colours', {'height': 16}, r'could not describe images \(1, 3, 16, 32\)')])
def test_what_goes_wrong_in_a_repository_is_told(repository, entry, options, text):
    with pytest.raises(VprError, match=text):
        from_repository(repository, entry, **options)


# --- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize('suffix', ['.pt', '.ts', '.PT'])
@pytest.mark.parametrize('frozen', [False, True])
def test_a_torchscript_archive(tmp_path, suffix, frozen):
    made = script(tmp_path / f'net{suffix}', frozen=frozen)
    network = create_network('hub', {'file': str(tmp_path / f'net{suffix}'), **SIZE, **PLAIN})
    batch = images()
    torch.testing.assert_close(network(batch).descriptors, unit(made(batch)))
    assert network.dimension == 6
    # Weights that are constants of a frozen script cannot be converted, and are left.
    half = network.to(torch.bfloat16)(batch).descriptors
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), unit(made(batch)), atol=0.02, rtol=0)


@pytest.mark.parametrize('kind', ['script', 'frozen', 'onnx'])
def test_the_identity_follows_the_file(tmp_path, kind):
    hashes = []
    for number, seed in enumerate((0, 0, 1)):
        path = tmp_path / f'{number}.{"onnx" if kind == "onnx" else "pt"}'
        if kind == 'onnx':
            onnx_model(path, seed=seed)
        else:
            script(path, seed=seed, frozen=kind == 'frozen')
        hashes.append(create_network('hub', {'file': str(path), **SIZE}).identity())
    if kind == 'onnx':  # the others store where the code stood
        assert hashes[0] == hashes[1]
    assert hashes[0].weights_hash != hashes[2].weights_hash
    assert str(tmp_path) not in hashes[0].to_json()


@pytest.mark.parametrize('batch', ['B', 1, None])
@pytest.mark.parametrize('kind', [np.float32, np.float16])
def test_an_onnx_model(tmp_path, batch, kind):
    matrix = onnx_model(tmp_path / 'net.onnx', batch=batch, kind=kind)['place']
    network = create_network('hub', {'file': str(tmp_path / 'net.onnx'), **SIZE, **PLAIN})
    pictures = images(4)
    wanted = unit(pictures.mean((2, 3)).numpy() @ matrix.astype(np.float32))
    found = network(pictures).descriptors
    assert found.dtype == torch.float32
    exact = kind is np.float32
    torch.testing.assert_close(found, wanted, atol=1e-5 if exact else 5e-3, rtol=0)
    for row, picture in enumerate(pictures):
        torch.testing.assert_close(network(picture[None]).descriptors[0], found[row],
                                   atol=1e-6 if exact else 1e-3, rtol=0)


@pytest.mark.parametrize('output', ['second', 1])
@pytest.mark.parametrize('batch', ['B', 1])
def test_an_onnx_model_of_several_outputs(tmp_path, output, batch):
    matrices = onnx_model(tmp_path / 'net.onnx', outputs=('first', 'second'), batch=batch)
    network = create_network(
        'hub', {'file': str(tmp_path / 'net.onnx'), 'output': output, **SIZE, **PLAIN})
    pictures = images(2)
    torch.testing.assert_close(network(pictures).descriptors,
                               unit(pictures.mean((2, 3)).numpy() @ matrices['second']))
    with pytest.raises(VprError, match="2 outputs, 'first', 'second': it must be said"):
        create_network('hub', {'file': str(tmp_path / 'net.onnx'), **SIZE})


def test_grey_images(tmp_path):
    matrix = onnx_model(tmp_path / 'net.onnx', channels=1)['place']
    options = {'file': str(tmp_path / 'net.onnx'), **SIZE, 'grey': True}
    network = create_network('hub', {**options, 'mean': [0.5] * 3, 'std': [0.25] * 3})
    pictures = images(2)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    grey = ((pictures * luma).sum(1) - 0.5) / 0.25
    torch.testing.assert_close(network(pictures).descriptors,
                               unit(grey.mean((1, 2))[:, None].numpy() @ matrix))
    with pytest.raises(VprError, match='grey goes with one mean and one std'):
        create_network('hub', options)
    with pytest.raises(VprError, match=r"of shape \['B', 1, 24, 32\] and could not describe "
                                       r'\(1, 3, 24, 32\): see height, width and grey'):
        create_network('hub', {**options, 'grey': False})


@pytest.mark.parametrize('made', ['repository', 'script', 'frozen', 'onnx'])
def test_an_engine_moves_it_and_a_copy_is_the_same(tmp_path, repository, made):
    options = {'file': str(tmp_path / f'net.{"onnx" if made == "onnx" else "pt"}')}
    if made == 'onnx':
        onnx_model(tmp_path / 'net.onnx')
    elif made == 'repository':
        options = {'repository': str(repository), 'entry': 'colours'}
    else:
        script(tmp_path / 'net.pt', frozen=made == 'frozen')
    network = create_network('hub', {**options, **SIZE})
    assert not any(p.requires_grad for p in network.parameters())
    pictures = np.random.default_rng(0).integers(0, 256, (3, 24, 32, 3), np.uint8)
    batch = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255
    wanted = network(batch).descriptors
    copy = deepcopy(network)
    assert copy.identity() == network.identity()
    engine = EagerEngine(copy, torch.device('cpu'))
    np.testing.assert_allclose(engine.run(pictures).descriptors, wanted.numpy(), atol=1e-5)
    torch.testing.assert_close(network(batch).descriptors, wanted)
    assert copy.identity() == network.identity()
    half = copy.to(torch.bfloat16)(batch).descriptors
    assert F.cosine_similarity(half.float(), wanted).min() > 0.999


def test_weights_beside_an_onnx_file_are_not_read(tmp_path, monkeypatch):
    onnx_model(tmp_path / 'net.onnx', external='weights.bin')
    assert (tmp_path / 'weights.bin').stat().st_size == 60
    monkeypatch.chdir(tmp_path)  # where onnxruntime would look for them
    with pytest.raises(VprError, match='all its weights in one file'):
        create_network('hub', {'file': 'net.onnx', **SIZE})


@pytest.mark.parametrize(('batch', 'dimensions', 'kind', 'text'), [
    (2, (24, 32), np.float32, 'takes exactly 2 images at once: export it with a free batch'),
    ('B', (24,), np.float32, r'batch of images \(B, C, H, W\)'),
    ('B', (24, 32), np.float64, r'got images .* of tensor\(double\)'),
    ('B', (24, 40), np.float32, r'24, 40\] and could not describe \(1, 3, 24, 32\)')])
def test_an_onnx_model_for_something_else(tmp_path, batch, dimensions, kind, text):
    onnx_model(tmp_path / 'net.onnx', batch=batch, dimensions=dimensions, kind=kind)
    with pytest.raises(VprError, match=text):
        create_network('hub', {'file': str(tmp_path / 'net.onnx'), **SIZE})


def test_an_onnx_model_without_onnxruntime(tmp_path, monkeypatch):
    onnx_model(tmp_path / 'net.onnx')
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    with pytest.raises(VprError, match='not installed: pip install onnxruntime'):
        create_network('hub', {'file': str(tmp_path / 'net.onnx'), **SIZE})


@pytest.mark.parametrize('suffix', ['.pt', '.onnx'])
@pytest.mark.parametrize('damage', ['cut', 'empty', 'noise', 'flipped', 'checkpoint'])
def test_damaged_files(tmp_path, suffix, damage):
    path = tmp_path / f'net{suffix}'
    if suffix == '.onnx':
        onnx_model(path)
    else:
        script(path)
    data = path.read_bytes()
    path.write_bytes({'cut': data[:len(data) // 2], 'empty': b'', 'checkpoint': b'',
                      'noise': np.random.default_rng(0).bytes(2000),
                      'flipped': data[:40] + bytes(b ^ 255 for b in data[40:])}[damage])
    if damage == 'checkpoint':
        torch.save(Pooled().state_dict(), path)
    with pytest.raises(VprError, match=r'cannot open .*net\.'):
        create_network('hub', {'file': str(path), **SIZE})


@pytest.mark.parametrize(('options', 'text'), [
    ({}, 'one of: repository .*got neither'),
    ({'repository': 'a/b', 'file': 'a.onnx'}, 'got both'),
    ({'file': 'a.onnx', 'entry': 'x'}, 'belong to a repository'),
    ({'repository': 'a/b'}, 'needs entry'),
    ({'repository': 'nowhere', 'entry': 'x'}, "no repository 'nowhere': expected a folder"),
    ({'file': 'nowhere.onnx'}, 'cannot read the network nowhere.onnx: No such file'),
    ({'file': 'net.safetensors'}, r'TorchScript archive \(.pt, .ts\) or an ONNX'),
    ({'file': 'a.onnx', 'mean': [0.5, 0.5]}, 'mean must be three numbers'),
    ({'file': 'a.onnx', 'std': 'abc'}, 'std must be three numbers'),
    ({'file': 'a.onnx', 'std': [1, 1, 0]}, 'std finite and positive'),
    ({'file': 'a.onnx', 'dimension': -1}, 'dimension must be a whole number'),
    ({'file': 'a.onnx', 'dimension': True}, 'dimension must be a whole number'),
    ({'file': 'a.onnx', 'grey': 'no'}, 'grey must be true or false'),
    ({'file': 'a.onnx', 'output': 1.5}, 'output must be a position or a name'),
    ({'file': 'a.onnx', 'height': 0}, 'height and width'),
    ({'repositry': 'a/b'}, "did you mean 'repository'")])
def test_bad_options(options, text):
    with pytest.raises(VprError, match=text):
        create_network('hub', options)


# --- maps -----------------------------------------------------------------------------------


def test_a_map_finds_its_network_again_when_the_user_says_where_it_is(repository, tmp_path):
    where = f'repository: {repository}, entry: colours'
    network = make_extractor(ExtractionSettings(
        network='hub', options=f'{{{where}, height: 24, width: 32}}', device='cpu'))
    again = make_extractor(ExtractionSettings(options=f'{{{where}}}', device='cpu'),
                           expected=network.identity)
    frame = Frame(1, np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8), 'front')
    np.testing.assert_allclose(again.describe(frame).descriptor,
                               network.describe(frame).descriptor, atol=1e-6)


def test_a_map_of_a_stranger_runs_and_downloads_nothing(repository):
    identity = from_repository(repository).identity()
    hostile = dataclasses.replace(identity, options=json.dumps({
        **json.loads(identity.options), 'repository': str(repository), 'entry': 'colours',
        'arguments': {'seed': 1}, 'file': 'x.onnx'}))
    with pytest.raises(VprError, match='one of: repository .*got neither'):
        make_extractor(ExtractionSettings(), expected=hostile)


def test_a_real_place_network(shared_data):
    """Run CALC (Merrill and Huang 2018), 936-d from grey images of 120 x 160."""
    options = {'file': str(shared_data / 'weights' / 'calc_model.onnx'), 'grey': True,
               'height': 120, 'width': 160, **PLAIN, 'dimension': 936}
    network = create_network('hub', options)
    pictures = torch.rand(3, 3, 120, 160)
    found = network(pictures).descriptors
    assert found.shape == (3, 936)
    torch.testing.assert_close(found.norm(dim=1), torch.ones(3))
    torch.testing.assert_close(network(pictures[1:2]).descriptors[0], found[1])
    with pytest.raises(VprError, match=r"shape \['batch_size', 1, 120, 160\]"):
        create_network('hub', {**options, 'grey': False})
