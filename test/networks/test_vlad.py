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


"""VLAD with soft assignment, and the clusters that it starts from."""

import math

import numpy as np
import pytest
import torch
from vpr_ros.errors import VprError
from vpr_ros.networks.vlad import fit_clusters
from vpr_ros.networks.vlad import locations
from vpr_ros.networks.vlad import normalise_vlad
from vpr_ros.networks.vlad import Vlad

HALF = [torch.float16, torch.bfloat16]


def literal_vlad(x, assignment, centroids, weights=None):
    """Sum w_i a_k(x_i) (x_i - c_k) number by number; a is softmax over k of assignment_k x_i."""
    images, count, channels = x.shape
    clusters = len(centroids)
    sums = np.zeros((images, clusters, channels))
    for b in range(images):
        for i in range(count):
            logits = [sum(assignment[k, c] * x[b, i, c] for c in range(channels))
                      for k in range(clusters)]
            total = sum(math.exp(logit) for logit in logits)
            for k in range(clusters):
                a = math.exp(logits[k]) / total
                w = 1.0 if weights is None else weights[b, i]
                for c in range(channels):
                    sums[b, k, c] += w * a * (x[b, i, c] - centroids[k, c])
    return sums


def literal_normalised(sums):
    """Divide each row by its norm, then all of an image by theirs."""
    result = []
    for image in sums:
        rows = [[v / math.sqrt(sum(u * u for u in row)) for v in row] for row in image]
        flat = [v for row in rows for v in row]
        norm = math.sqrt(sum(v * v for v in flat))
        result.append([v / norm for v in flat])
    return np.array(result)


def made(channels=5, clusters=4, dtype=torch.float64):
    """Return a VLAD with a soft assignment that is not that of its clusters."""
    vlad = Vlad(channels, clusters=clusters)
    with torch.no_grad():
        vlad.assignment.normal_(std=2.0)
        vlad.centroids.normal_(std=0.5)
    return vlad.to(dtype)


def numbers(*tensors):
    return [t.detach().double().numpy() for t in tensors]


@pytest.mark.parametrize('weighted', [False, True])
def test_vlad_is_the_loop(weighted):
    vlad, x = made(), torch.randn(2, 6, 5, dtype=torch.float64)
    weights = torch.rand(2, 6, dtype=torch.float64) if weighted else None
    sums = vlad(x, weights)
    assert sums.shape == (2, 4, 5)
    literal = literal_vlad(*numbers(x, vlad.assignment, vlad.centroids),
                           None if weights is None else weights.numpy())
    np.testing.assert_allclose(sums.detach().numpy(), literal, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(normalise_vlad(sums).detach().numpy(),
                               literal_normalised(literal), rtol=1e-9, atol=1e-12)


def test_float32_is_the_loop_to_its_own_precision():
    vlad, x = made(dtype=torch.float32), torch.randn(2, 6, 5)
    literal = literal_vlad(*numbers(x, vlad.assignment, vlad.centroids))
    np.testing.assert_allclose(vlad(x).detach().numpy(), literal, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('dtype', HALF)
def test_half_precision_rounds_only_what_comes_in(dtype):
    vlad, x = made(dtype=dtype), torch.randn(2, 6, 5).to(dtype)
    sums = vlad(x)
    assert sums.dtype == torch.float32
    np.testing.assert_allclose(
        sums.detach().numpy(), literal_vlad(*numbers(x, vlad.assignment, vlad.centroids)),
        rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('dtype', HALF)
def test_half_precision_of_a_sharp_assignment(dtype):
    vlad = Vlad(64, clusters=8)
    features = torch.randn(2, 64, 6, 7)
    exact = normalise_vlad(vlad(locations(features)))
    rounded = normalise_vlad(vlad.to(dtype)(locations(features.to(dtype))))
    cosines = (exact * rounded).detach().sum(dim=1)
    assert float(cosines.min()) > (0.9999 if dtype == torch.float16 else 0.99)


def test_sums_that_half_precision_cannot_hold():
    vlad = made(dtype=torch.float16)
    sums = vlad(torch.full((1, 3000, 5), 100.0, dtype=torch.float16))
    assert float(sums.detach().abs().max()) > 70_000
    assert torch.isfinite(sums).all()


def test_training_in_mixed_precision_sums_in_float32():
    vlad, x = made(dtype=torch.float32), torch.randn(2, 6, 5)
    with torch.autocast('cpu', torch.bfloat16):
        mixed = vlad(x)
    assert torch.equal(mixed, vlad(x))


def test_gradients():
    vlad = made(channels=3, clusters=3)
    x = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(2, 4, dtype=torch.float64, requires_grad=True)
    inputs = (x, weights, vlad.centroids, vlad.assignment)

    def whole(x, weights, *_):
        return normalise_vlad(vlad(x, weights))

    assert torch.autograd.gradcheck(whole, inputs)


def test_sums_of_frames_add_up():
    vlad, x = made(), torch.randn(3, 6, 5, dtype=torch.float64)
    together = vlad(x.flatten(0, 1)[None])
    torch.testing.assert_close(vlad(x).sum(dim=0, keepdim=True), together, rtol=1e-12, atol=1e-12)


def test_weights_scale_and_leave_out():
    vlad, x = made(), torch.randn(1, 6, 5, dtype=torch.float64)
    weights = torch.tensor([[1.0, 0.0, 1.0, 0.0, 0.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(vlad(x, weights), vlad(x[:, weights[0] > 0]))
    torch.testing.assert_close(vlad(x, 3 * weights), 3 * vlad(x, weights))
    torch.testing.assert_close(vlad(x, torch.ones(1, 6)), vlad(x))


def test_each_image_by_itself():
    vlad, x = made(), torch.randn(3, 6, 5, dtype=torch.float64)
    torch.testing.assert_close(vlad(x)[1], vlad(x[1:2])[0], rtol=1e-12, atol=1e-12)


def test_locations_are_rows_of_length_one():
    features = torch.randn(2, 3, 4, 5)
    x = locations(features)
    assert x.shape == (2, 20, 3)
    vector = features[1, :, 2, 3]
    torch.testing.assert_close(x[1, 2 * 5 + 3], vector / vector.norm())


@pytest.mark.parametrize('dtype', [torch.float32, *HALF])
def test_nothing_at_a_location_is_nothing_not_nan(dtype):
    features = torch.zeros(1, 5, 2, 2, dtype=dtype)
    assert (locations(features) == 0).all()
    assert torch.isfinite(normalise_vlad(made(dtype=dtype)(locations(features)))).all()
    assert (normalise_vlad(torch.zeros(1, 4, 5)) == 0).all()


def test_untrained_clusters_tell_images_apart():
    vlad = Vlad(64, clusters=16)
    descriptors = normalise_vlad(vlad(locations(torch.randn(2, 64, 6, 6))))
    assert float((descriptors[0] @ descriptors[1]).detach()) < 0.8
    assert vlad.dimension == 64 * 16 == descriptors.shape[1]


def test_one_cluster_is_refused():
    with pytest.raises(ValueError, match='2 clusters at least, got 1'):
        Vlad(8, clusters=1)


@pytest.fixture(scope='module')
def clustered():
    """Return directions (6, 16), far apart, and 1200 features near them, of any length."""
    random = np.random.default_rng(0)
    directions = np.linalg.qr(random.normal(size=(16, 6)))[0].T
    features = directions[np.arange(1200) % 6] + 0.02 * random.normal(size=(1200, 16))
    return directions, features * random.uniform(0.1, 50.0, size=(1200, 1))


@pytest.mark.parametrize('seed', range(5))
def test_clusters_are_found(seed, clustered):
    directions, features = clustered
    centroids, assignment = fit_clusters(features, 6, seed=seed)
    assert centroids.shape == assignment.shape == (6, 16)
    cosines = centroids @ directions.T / np.linalg.norm(centroids, axis=1, keepdims=True)
    assert sorted(cosines.argmax(axis=1)) == list(range(6))
    assert cosines.max(axis=1).min() > 0.999


def test_assignment_is_alpha_times_the_direction(clustered):
    _, features = clustered
    centroids, assignment = fit_clusters(features, 6)
    gaps = []
    directions = [c / math.sqrt(sum(v * v for v in c)) for c in centroids]
    for row in features:
        x = row / math.sqrt(sum(v * v for v in row))
        best, second = sorted((float(d @ x) for d in directions), reverse=True)[:2]
        gaps.append(best - second)
    alpha = -math.log(0.01) / (sum(gaps) / len(gaps))
    np.testing.assert_allclose(assignment, alpha * np.array(directions), rtol=1e-4, atol=1e-5)


def test_starting_from_clusters_assigns_each_feature_to_its_own(clustered):
    directions, features = clustered
    vlad = Vlad(16, clusters=6)
    vlad.start_from(features)
    x = torch.from_numpy(directions).float()
    assigned = torch.softmax(x @ vlad.assignment.T, dim=1)
    # exp(-alpha * gap) = 0.01 at the mean gap, to each of five others
    torch.testing.assert_close(assigned.max(dim=1).values, torch.full((6,), 1 / 1.05), atol=0.02,
                               rtol=0)
    assert vlad.centroids.requires_grad
    assert not np.allclose(vlad.centroids.detach(), vlad.assignment.detach())


def test_the_seed_decides(clustered):
    features = np.random.default_rng(2).normal(size=(300, 4))
    one, same, other = (fit_clusters(features, 5, seed=s)[0] for s in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_features_stay_as_they_are(clustered):
    features = clustered[1].astype(np.float32)
    before = features.copy()
    fit_clusters(features, 6)
    assert np.array_equal(features, before)


@pytest.mark.parametrize(('features', 'text'), [
    (np.ones((3, 8)), r'4 clusters need .* as many features.* \(3, 8\)'),
    (np.ones(8), r'shape \(8,\)'),
    (np.ones((2, 5, 8)), r'shape \(2, 5, 8\)'),
    (np.ones((9, 8)), 'too much alike'),
    (np.full((9, 8), np.nan), 'must be finite'),
    (np.full((9, 8), np.inf), 'must be finite')])
def test_features_that_cannot_be_clustered(features, text):
    with pytest.raises(VprError, match=text):
        fit_clusters(features, 4)


def test_a_single_cluster_is_refused(clustered):
    with pytest.raises(VprError, match='two clusters at least'):
        fit_clusters(clustered[1], 1)
