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

"""Principal components against NumPy's SVD, and networks whose descriptors go through them."""

from copy import deepcopy
import dataclasses
import json
import sys

import numpy as np
import pytest
from safetensors.torch import save_file
import torch
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.extraction.engines.eager import EagerEngine
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.networks import projection as projections
from vpr_ros.networks import registry
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.projection import fit_projection
from vpr_ros.networks.projection import project
from vpr_ros.networks.projection import read_projection
from vpr_ros.networks.projection import write_projection
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.registry import network_options
from vpr_ros.networks.registry import register_network
from vpr_ros.types import Frame

SMALL = {'height': 8, 'width': 16, 'patch': 4}
D = 128  # of the thumbnail of that size


def descriptors(count, size, *, dtype=np.float32, seed=0):
    """Return unit rows that vary along some directions much more than along others."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((count, size)) / (1.0 + np.arange(size)) ** 0.7
    values = values @ np.linalg.qr(rng.standard_normal((size, size)))[0] if size < 500 else values
    values += rng.standard_normal(size) / size ** 0.5
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(dtype)


def literal(values, dimension, whiten):
    """Return mean, directions and explained variance as the textbook says, in float64."""
    values = values.astype(np.float64)
    mean = values.mean(axis=0)
    _, singular, rows = np.linalg.svd(values - mean, full_matrices=False)
    directions = []
    for row, value in zip(rows[:dimension], singular[:dimension], strict=True):
        row = row if row[np.abs(row).argmax()] > 0 else -row
        directions.append(row / (value / (len(values) - 1) ** 0.5) if whiten else row)
    return mean, np.stack(directions), (singular[:dimension] ** 2).sum() / (singular ** 2).sum()


# --- fitting --------------------------------------------------------------------------------


@pytest.mark.parametrize('whiten', [False, True])
@pytest.mark.parametrize('dtype', [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(('count', 'size', 'dimension'), [
    (40, 300, 20), (40, 300, 39), (300, 40, 20), (300, 40, 40), (41, 41, 30), (2, 5, 1),
    (5, 1, 1)])
def test_it_is_the_svd(count, size, dimension, dtype, whiten):
    values = descriptors(count, size, dtype=np.float64)
    if size == 1:
        values = values * np.linspace(0.5, 1, count)[:, None]
    values = values.astype(dtype)
    fitted = fit_projection(values, dimension, whiten)
    mean, matrix, explained = literal(values, dimension, whiten)
    np.testing.assert_allclose(fitted.mean, mean, atol=1e-7)
    np.testing.assert_allclose(fitted.matrix, matrix, atol=1e-6 * np.abs(matrix).max())
    assert fitted.explained_variance == pytest.approx(explained, rel=1e-9)
    assert fitted.count == count
    assert fitted.kind == ('pca_whitened' if whiten else 'pca')
    assert fitted.matrix.dtype == torch.float32


def test_blocks_change_nothing(monkeypatch):
    for count, size in ((30, 100), (100, 30)):
        values = descriptors(count, size)
        whole = fit_projection(values, 12, True)
        monkeypatch.setattr(projections, '_BLOCK', 7)
        blocks = fit_projection(values, 12, True)
        monkeypatch.undo()
        torch.testing.assert_close(blocks.matrix, whole.matrix)


def test_whitening_makes_unit_variances():
    values = descriptors(200, 64)
    for whiten in (False, True):
        fitted = fit_projection(values, 16, whiten)
        turned = (values - fitted.mean.numpy()) @ fitted.matrix.numpy().T
        covariance = np.cov(turned.T.astype(np.float64))
        variances = np.diag(covariance)
        np.testing.assert_allclose(covariance - np.diag(variances), 0, atol=1e-5 * variances[0])
        if whiten:
            np.testing.assert_allclose(variances, 1, rtol=1e-4)
        else:
            assert variances[0] > 4 * variances[-1]
            assert (np.diff(variances) < 0).all()
            np.testing.assert_allclose(fitted.matrix @ fitted.matrix.T, np.eye(16), atol=1e-5)


def test_the_largest_descriptors_of_all():
    values = descriptors(20, 100_352)
    fitted = fit_projection(values, 16, True)
    np.testing.assert_allclose(fitted.matrix, literal(values, 16, True)[1], atol=1e-3, rtol=1e-4)


def test_signs_and_order_are_those_of_the_data():
    values = descriptors(50, 80)
    fitted = fit_projection(values, 10)
    for same in (values[::-1], -values):
        torch.testing.assert_close(fit_projection(same, 10).matrix, fitted.matrix,
                                   atol=1e-5, rtol=0)
    np.testing.assert_array_equal(fit_projection(values.copy(), 10).matrix, fitted.matrix)


def test_the_result_is_normalised():
    values = torch.from_numpy(descriptors(50, 80))
    fitted = fit_projection(values.numpy(), 10)
    wanted = (values - fitted.mean) @ fitted.matrix.T
    torch.testing.assert_close(fitted(values), wanted / wanted.norm(dim=1, keepdim=True))


REPEATED = np.concatenate([descriptors(4, 30)] * 5)
BROKEN = descriptors(20, 30)
BROKEN[3, 4] = np.nan


@pytest.mark.parametrize(('values', 'dimension', 'text'), [
    (descriptors(20, 30), 20, '20 descriptors of 30 dimensions can be brought to 1 to 19 dim'),
    (descriptors(30, 20), 21, 'brought to 1 to 20 dimensions, not to 21'),
    (descriptors(20, 30), 0, 'not to 0'), (descriptors(20, 30), -1, 'not to -1'),
    (descriptors(1, 30), 1, 'fitted to at least 2 descriptors, got 1'),
    (np.zeros((0, 30), np.float32), 1, 'at least 2 descriptors, got 0'),
    (REPEATED, 4, '20 descriptors span 3 dimensions, not the 4 asked for: choose at most 3'),
    (np.ones((20, 30), np.float32), 1, 'span 0 dimensions'),
    (BROKEN, 4, 'must be finite'), (np.ones(30, np.float32), 4, r'\(n, D\) .* got \(30,\)'),
    (np.ones((20, 30), np.int64), 4, 'floating point numbers, got .* of int64')])
def test_what_cannot_be_fitted(values, dimension, text):
    with pytest.raises(VprError, match=text):
        fit_projection(values, dimension)


# --- files ----------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def thumbnail():
    return create_network('thumbnail', SMALL)


@pytest.fixture(scope='module')
def images():
    generator = torch.Generator().manual_seed(0)
    return torch.rand(40, 3, 8, 16, generator=generator)


@pytest.fixture
def fitted(thumbnail, images):
    return fit_projection(thumbnail(images).descriptors.numpy(), 12, True)


@pytest.fixture
def file(thumbnail, fitted, tmp_path):
    path = tmp_path / 'small.safetensors'
    write_projection(path, fitted, thumbnail.identity(), source='town.vprmap')
    return path


def test_round_trip(thumbnail, fitted, file):
    read, network = read_projection(file)
    assert network == thumbnail.identity()
    torch.testing.assert_close(read.state_dict(), fitted.state_dict(), atol=0, rtol=0)
    assert (read.kind, read.count, read.explained_variance, read.dimension) == (
        'pca_whitened', 40, fitted.explained_variance, 12)


def test_the_same_data_gives_the_same_file(thumbnail, fitted, file):
    for number in range(3):
        again = file.with_name(f'{number}.safetensors')
        write_projection(again, fitted, thumbnail.identity(), source='town.vprmap')
        assert again.read_bytes() == file.read_bytes()


def test_only_what_fits_is_written(thumbnail, fitted, file, tmp_path):
    with pytest.raises(VprError, match='descriptors of 128 dimensions, the network has 2048'):
        write_projection(tmp_path / 'no', fitted, create_network('thumbnail').identity())
    projected = create_network('thumbnail', {**SMALL, 'projection': str(file)})
    with pytest.raises(VprError, match='projected already'):
        write_projection(tmp_path / 'no', fitted, projected.identity())
    assert not (tmp_path / 'no').exists()


def facts(fitted_for, **changes):
    values = {'kind': 'pca', 'network': fitted_for.identity().to_json(), 'explained_variance': 0.9,
              'count': 40, 'source': ''}
    return {'projection': json.dumps(values | changes)}


@pytest.mark.parametrize(('tensors', 'changes', 'text'), [
    ({'mean': (D,)}, {}, "KeyError: 'matrix'"),
    ({'mean': (D,), 'matrix': (4, 64)}, {}, r'got \(128,\) and \(4, 64\)'),
    ({'mean': (D,), 'matrix': (129, D)}, {}, r'd <= D'),
    ({'mean': (D,), 'matrix': (0, D)}, {}, r'd <= D'),
    ({'mean': (1, D), 'matrix': (4, D)}, {}, r'mean \(D,\)'),
    ({'mean': (64,), 'matrix': (4, 64)}, {}, 'a network of 128 dimensions, a projection of 64'),
    ({'mean': (D,), 'matrix': (4, D)}, {'kind': 'ica'}, "pca, pca_whitened, got 'ica'"),
    ({'mean': (D,), 'matrix': (4, D)}, {'network': 5}, 'not the identity of a network'),
    ({'mean': (D,), 'matrix': (4, D)}, {'network': '{}'}, 'not the identity of a network'),
    ({'mean': (D,), 'matrix': (4, D)}, {'count': None}, 'TypeError'),
    ({'mean': (D,), 'matrix': (4, D)}, {'explained_variance': 'much'}, 'ValueError')])
def test_a_file_that_is_no_projection(thumbnail, tmp_path, tensors, changes, text):
    path = tmp_path / 'x.safetensors'
    save_file({n: torch.zeros(shape) for n, shape in tensors.items()}, str(path),
              metadata=facts(thumbnail, **changes))
    with pytest.raises(VprError, match=f'x.safetensors is no projection .*{text}'):
        read_projection(path)


def test_other_files(thumbnail, tmp_path):
    path = tmp_path / 'x.safetensors'
    with pytest.raises(VprError, match='no projection at .*: "vpr_ros pca" makes one'):
        read_projection(path)
    path.write_bytes(b'nothing')
    with pytest.raises(VprError, match='cannot read weights'):
        read_projection(path)
    plain = {'mean': torch.zeros(D), 'matrix': torch.zeros(4, D)}
    for metadata in (None, {'projection': ''}, {'projection': '[' * 100_000},
                     {'projection': '[]'}):
        save_file(plain, str(path), metadata=metadata)
        with pytest.raises(VprError, match='is no projection'):
            read_projection(path)
    save_file({**plain, 'matrix': torch.full((4, D), float('inf'))}, str(path),
              metadata=facts(thumbnail))
    with pytest.raises(VprError, match='finite'):
        read_projection(path)


# --- networks -------------------------------------------------------------------------------


def test_every_network_takes_a_projection(thumbnail, images, fitted, file):
    network = create_network('thumbnail', {**SMALL, 'projection': str(file)})
    assert not network.training
    assert not any(p.requires_grad for p in network.parameters())
    wanted = fitted(thumbnail(images).descriptors)
    torch.testing.assert_close(network(images).descriptors, wanted)
    torch.testing.assert_close(network.describe(network.normalise(images)).descriptors, wanted)
    assert network(images).descriptors.shape == (40, network.dimension) == (40, 12)
    assert 'projection' in network_options('thumbnail')
    with pytest.raises(VprError, match="'projecton'; did you mean 'projection'"):
        create_network('thumbnail', {'projecton': str(file)})
    with pytest.raises(VprError, match=r'projection must be a file .* got \{'):
        create_network('thumbnail', {'projection': {'kind': 'pca'}})


def test_attention_and_features_stay(tmp_path):
    network = create_network('compact')
    batch = torch.rand(6, 3, 160, 224)
    output = network(batch)
    small = project(network, fit_projection(output.descriptors.numpy(), 4), network.identity())
    projected = small(batch)
    torch.testing.assert_close(projected.attention, output.attention)
    torch.testing.assert_close(projected.features, output.features)
    assert projected.descriptors.shape == (6, 4)


def test_the_identity_tells_kind_and_dimension_but_no_file(thumbnail, images, file, tmp_path):
    identity = create_network('thumbnail', {**SMALL, 'projection': str(file)}).identity()
    plain = thumbnail.identity()
    assert json.loads(identity.options) == {
        **json.loads(plain.options), 'projection': {'kind': 'pca_whitened', 'dimension': 12}}
    assert identity.projected
    assert not plain.projected
    assert (identity.name, identity.dimension) == ('thumbnail', 12)
    assert identity.preprocessing == plain.preprocessing
    assert str(tmp_path) not in identity.to_json()
    # Of the same kind and size, for the same network, but from other places.
    write_projection(tmp_path / 'other.safetensors', fit_projection(
        thumbnail(images[:30]).descriptors.numpy(), 12, True), plain)
    other = create_network(
        'thumbnail', {**SMALL, 'projection': str(tmp_path / 'other.safetensors')}).identity()
    assert other.weights_hash != identity.weights_hash
    assert other.options == identity.options


def test_a_projection_of_another_network_is_refused(file):
    # Descriptors of the same dimension mean something else.
    with pytest.raises(VprError, match=r"another network than this 'thumbnail' "
                                       r'\(option patch 4 there, 8 here\)'):
        create_network('thumbnail', {**SMALL, 'patch': 8, 'projection': str(file)})
    with pytest.raises(VprError, match=r'\(network thumbnail there, compact here\)'):
        create_network('compact', {'projection': str(file)})


class Colours(SequenceNetwork):
    """Describe a sequence by the mean colour of each of its images."""

    def __init__(self, length):
        super().__init__(name='colours', dimension=3 * length,
                         preprocessing=Preprocessing(4, 4, mean=(0.5,) * 3), length=length)

    def encode_frames(self, images):
        return images.mean((2, 3))

    def aggregate(self, encodings):
        return NetworkOutput(F.normalize(encodings.flatten(1)))


def colours(*, length=3):
    return Colours(length)


def test_networks_of_sequences(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, '_NETWORKS', dict(registry._NETWORKS))
    monkeypatch.setitem(sys.modules, 'colours_of_mine', sys.modules[__name__])
    register_network('colours', 'colours_of_mine:colours')
    network = create_network('colours')
    sequences = torch.rand(20, 3, 3, 4, 4)
    fitted = fit_projection(network(sequences).descriptors.numpy(), 5)
    write_projection(tmp_path / 'p.safetensors', fitted, network.identity())
    projected = create_network('colours', {'projection': str(tmp_path / 'p.safetensors')})
    assert isinstance(projected, SequenceNetwork)
    assert projected.length == 3
    wanted = fitted(network(sequences).descriptors)
    torch.testing.assert_close(projected(sequences).descriptors, wanted)
    encodings = torch.stack([projected.encode(sequences[:, i]) for i in range(3)], dim=1)
    torch.testing.assert_close(encodings[:, 1], network.encode(sequences[:, 1]))
    torch.testing.assert_close(projected.aggregate(encodings).descriptors, wanted)


def test_it_is_moved_copied_and_halved(images, file):
    network = create_network('thumbnail', {**SMALL, 'projection': str(file)})
    wanted = network(images).descriptors
    pictures = (images * 255).byte().permute(0, 2, 3, 1).contiguous().numpy()
    copy = deepcopy(network)
    engine = EagerEngine(copy, torch.device('cpu'))
    rounded = network(torch.from_numpy(pictures).permute(0, 3, 1, 2) / 255).descriptors
    np.testing.assert_allclose(engine.run(pictures).descriptors, rounded, atol=1e-5)
    for dtype, least in ((torch.float16, 0.999), (torch.bfloat16, 0.99)):
        half = deepcopy(network).to(dtype)(images).descriptors.float()
        assert F.cosine_similarity(half, wanted).min() > least


# --- maps -----------------------------------------------------------------------------------


def test_a_map_is_used_with_its_projection_alone(file):
    def settings(options):
        return ExtractionSettings(options=options, device='cpu')

    made = make_extractor(ExtractionSettings(
        network='thumbnail', options=json.dumps({**SMALL, 'projection': str(file)}),
        device='cpu'))
    again = make_extractor(settings(f'{{projection: {file}}}'), expected=made.identity)
    frame = Frame(1, np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8), 'front')
    np.testing.assert_allclose(again.describe(frame).descriptor, made.describe(frame).descriptor,
                               atol=1e-6)
    with pytest.raises(VprError, match=r'dimension 12 in the map, 128 here.*: give the file of '
                       r'the projection .* extraction.options, "\{projection: FILE\}"'):
        make_extractor(settings(''), expected=made.identity)
    # A map may come from a stranger: it names no file.
    hostile = dataclasses.replace(made.identity, options=json.dumps(
        {**SMALL, 'projection': str(file)}))
    with pytest.raises(VprError, match='give the file of the projection'):
        make_extractor(settings(''), expected=hostile)
    plain = make_extractor(ExtractionSettings(network='thumbnail', options=json.dumps(SMALL)))
    with pytest.raises(VprError, match='dimension 128 in the map, 12 here.* the same weights'):
        make_extractor(settings(f'{{projection: {file}}}'), expected=plain.identity)
