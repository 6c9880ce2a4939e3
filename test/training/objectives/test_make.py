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
"""Each setting of an objective changes its loss or its plan, as the settings say."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from vpr_ros.config import make_settings
from vpr_ros.errors import VprError
from vpr_ros.training.graded_similarity import graded_similarity
from vpr_ros.training.losses.generalised_contrastive import generalised_contrastive
from vpr_ros.training.losses.mk_mmd import mk_mmd
from vpr_ros.training.losses.multi_similarity import multi_similarity
from vpr_ros.training.losses.ranking import ranking_loss
from vpr_ros.training.losses.supervised_contrastive import supervised_contrastive
from vpr_ros.training.losses.triplet import distance_weighted_triplets
from vpr_ros.training.losses.triplet import triplet_loss
from vpr_ros.training.objectives.make import make_objective
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule
from vpr_ros.training.settings import RecipeSettings

_RULE = PlaceRule(positive=10.0, negative=25.0)


class Blank:
    """Images that nobody reads."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count


def folders():
    """Return 9 places, each seen 4 times."""
    return PlaceImages.of(Blank(36), places=np.repeat(np.arange(9), 4))


def street():
    """Return three drives along one street, a few metres beside each other."""
    x = np.tile(np.arange(0.0, 400.0, 10.0), 3)
    drives = np.repeat(np.arange(3), 40)
    return PlaceImages.of(Blank(120), positions=np.stack([x, 2.0 * drives], axis=1),
                          headings=0.1 * drives, traverses=drives)


def made(objective, table, /, *, rule=_RULE, target=None, seed=0, **settings):
    """Return the objective of a recipe; a name such as adaptation__weight is of that group."""
    flat = {name.replace('__', '.') if '__' in name else f'{objective}.{name}': value
            for name, value in settings.items() if name != 'data'}
    flat['data'] = settings.get('data', '')
    recipe = make_settings(RecipeSettings, {'objective': objective, 'seed': seed, **flat})
    return make_objective(recipe, table, rule, target=target)


def undescribed(rows):
    raise AssertionError('nothing is mined here')


def random_descriptions(rows):
    """Return descriptors that are a function of the examples."""
    table = np.random.default_rng(7).normal(size=(400, 6)).astype(np.float32)
    return table[rows]


def directions(count, dimension, seed=0):
    """Return points on a sphere, half of which lie near another."""
    rng = torch.Generator().manual_seed(seed)
    points = torch.randn(count, dimension, generator=rng)
    points[1::2] = points[::2] + 0.4 * torch.randn(count // 2, dimension, generator=rng)
    return F.normalize(points)


def direct_triplet(descriptors, labels, *, margin, scale, squared, cutoff, nonzero_cutoff):
    triplets = distance_weighted_triplets(descriptors, labels, cutoff=cutoff,
                                          nonzero_cutoff=nonzero_cutoff)
    return triplet_loss(descriptors, *triplets, margin=margin, scale=scale, squared=squared)


@pytest.mark.parametrize(('name', 'direct', 'settings', 'others'), [
    ('triplet', direct_triplet,
     {'margin': 0.3, 'scale': 2.0, 'squared': True, 'cutoff': 0.4, 'nonzero_cutoff': 1.2},
     {'margin': 0.6, 'scale': 3.0, 'squared': False, 'cutoff': 0.9, 'nonzero_cutoff': 1.7}),
    ('multi_similarity', multi_similarity,
     {'alpha': 2.0, 'beta': 9.0, 'base': 0.3, 'epsilon': 0.05},
     {'alpha': 9.0, 'beta': 2.0, 'base': 0.6, 'epsilon': 0.5}),
    ('contrastive', supervised_contrastive, {'temperature': 0.2}, {'temperature': 0.5}),
])
def test_every_setting_reaches_the_loss_of_pairs(name, direct, settings, others):
    """The loss is that of the function with these values, of which each makes a difference."""
    descriptors, labels = directions(24, 3), torch.arange(24) // 4
    seen = set()
    for values in (settings, *({**settings, other: v} for other, v in others.items())):
        objective = made(name, folders(), places=6, images=4, **values)
        torch.manual_seed(1)
        terms = objective.loss({'descriptors': descriptors}, {'labels': labels})
        torch.manual_seed(1)
        expected = float(direct(descriptors, labels, **values))
        assert {n: float(term) for n, term in terms.items()} == {name: pytest.approx(expected)}
        seen.add(round(expected, 5))
    assert len(seen) == 1 + len(others)


@pytest.mark.parametrize('name', ['triplet', 'multi_similarity', 'contrastive'])
def test_a_batch_has_so_many_images_of_so_many_places(name):
    plan = made(name, folders(), places=5, images=3).plan(0, undescribed)
    assert plan.examples.shape[1] == 15
    places = plan.examples // 4
    assert (places.reshape(-1, 5, 3) == places.reshape(-1, 5, 3)[:, :, :1]).all()
    assert np.array_equal(plan.targets['labels'][0], np.repeat(np.arange(5), 3))
    posed = made(name, street(), places=3, images=2, rule=PlaceRule(positive=4.0, negative=100.0))
    along = street().positions[posed.plan(0, undescribed).examples, 0].reshape(-1, 3, 2)
    assert (along[:, :, 0] == along[:, :, 1]).all()
    assert (np.abs(np.diff(np.sort(along[:, :, 0]))) > 99.0).all()


@pytest.mark.parametrize('name', ['triplet', 'multi_similarity', 'contrastive'])
def test_shares_reach_the_plan(name):
    both = PlaceImages.joined([folders(), street()])
    settings = {'data': 'folders,street', 'places__shares': '3+2', 'places': 5, 'images': 2}
    plan = made(name, both, **settings).plan(0, undescribed)
    assert (both.parts[plan.examples] == [0] * 6 + [1] * 4).all()
    with pytest.raises(VprError, match='come to the 6 places of a step, got 5'):
        made(name, both, **{**settings, 'places': 6})


@pytest.mark.parametrize('name', ['classification', 'graded', 'ranking'])
def test_objectives_that_share_nothing_out(name):
    with pytest.raises(VprError, match=f'{name!r} .*one of triplet, multi_similarity, contrast'):
        made(name, street(), places__shares='3+2')


@pytest.mark.parametrize(('name', 'images', 'settings'), [
    ('multi_similarity', folders(), {'places': 4}), ('classification', folders(), {}),
    ('graded', street(), {}), ('ranking', street(), {'positives': 2})])
def test_the_seed_reaches_the_plan(name, images, settings):
    one, same, other = (made(name, images, seed=seed, **settings).plan(0, random_descriptions)
                        for seed in (0, 0, 1))
    assert np.array_equal(one.examples, same.examples)
    assert not np.array_equal(one.examples, other.examples)


def test_classes_of_so_many_images():
    plan = made('classification', folders(), images=7).plan(0, undescribed)
    assert plan.examples.shape[1] == 7
    assert np.array_equal(plan.targets['classes'], plan.examples // 4)


@pytest.mark.parametrize('other', [{}, {'angle_deg': 150.0}, {'radius': 80.0}])
def test_the_field_of_view_reaches_the_similarities(other):
    images, settings = street(), {'angle_deg': 60.0, 'radius': 30.0, **other}
    plan = made('graded', images, pairs=6, **settings).plan(0, undescribed)
    assert plan.examples.shape[1] == 12
    left, right = plan.examples[:, :6].ravel(), plan.examples[:, 6:].ravel()

    def similarity(angle_deg, radius):
        return graded_similarity(images.positions[left], images.headings[left],
                                 images.positions[right], images.headings[right],
                                 angle_deg=angle_deg, radius_m=radius)

    np.testing.assert_allclose(plan.targets['psi'].ravel(), similarity(**settings), atol=1e-5)
    # Another angle or radius would be told apart.
    for changed in ({'angle_deg': 90.0}, {'radius': 50.0}):
        apart = np.abs(similarity(**{**settings, **changed}) - plan.targets['psi'].ravel())
        assert apart.max() > 0.05


@pytest.mark.parametrize('across', [True, False])
def test_graded_pairs_are_of_one_drive_only_where_the_rule_allows_it(across):
    images = street()
    plan = made('graded', images, pairs=8, rule=PlaceRule(across=across)).plan(0, undescribed)
    left, right = images.traverses[plan.examples[:, :8]], images.traverses[plan.examples[:, 8:]]
    alike = plan.targets['psi'] > 0.0
    assert (left == right)[alike].any() != across


@pytest.mark.parametrize('margin', [0.4, 0.8])
def test_the_margin_of_graded_pairs(margin):
    descriptors = 0.3 * directions(12, 3)
    psi = torch.linspace(0.0, 1.0, 6)
    objective = made('graded', street(), pairs=6, margin=margin)
    term = objective.loss({'descriptors': descriptors}, {'psi': psi})['graded']
    expected = generalised_contrastive(descriptors[:6], descriptors[6:], psi, margin=margin)
    assert float(term) == pytest.approx(float(expected))
    another = generalised_contrastive(descriptors[:6], descriptors[6:], psi, margin=0.6)
    assert float(term) != pytest.approx(float(another), rel=1e-3)


@pytest.mark.parametrize('settings', [
    {'margin': 0.2, 'squared': True}, {'margin': 0.2, 'squared': False},
    {'margin': 0.5, 'squared': True}])
def test_margin_and_distance_of_tuples(settings):
    objective = made('ranking', street(), queries=2, positives=3, negatives=4, **settings)
    descriptors = directions(16, 5)
    term = objective.loss({'descriptors': descriptors}, {})['ranking']
    q, p, n = descriptors.split([2, 6, 8])
    expected = ranking_loss(q, p.unflatten(0, (2, 3)), n.unflatten(0, (2, 4)), **settings)
    assert float(term) == pytest.approx(float(expected))


def mined(cycles=(0,), **settings):
    """Return queries, positives and negatives of cycles, and how many examples each described."""
    given = {'queries': 4, 'positives': 2, 'negatives': 3, **settings}
    objective = made('ranking', street(), **given)
    asked = []

    def describe(rows):
        asked.append(len(rows))
        return random_descriptions(rows)

    sizes = np.cumsum([given['queries'], given['queries'] * given['positives']])
    plans = [np.split(objective.plan(cycle, describe).examples, sizes, axis=1)
             for cycle in cycles]
    return plans, asked


def test_a_cycle_is_as_many_queries_as_the_cache_lasts():
    ((queries, positives, negatives),), _ = mined(refresh=21)
    assert (queries.shape, positives.shape, negatives.shape) == ((5, 4), (5, 8), (5, 12))
    assert (positives[:, ::2] != positives[:, 1::2]).all()  # each query has several
    plans, _ = mined(cycles=range(6), refresh=20)
    everyone = np.concatenate([queries.ravel() for queries, _, _ in plans])
    assert sorted(everyone) == list(range(120))  # one epoch: each is a query once
    ((queries, _, _),), _ = mined(refresh=1000)
    assert queries.shape == (30, 4)


def test_negatives_are_the_hardest_of_so_many_drawn():
    """Of a few they are farther than of all."""
    ((queries, _, negatives),), _ = mined(refresh=40)
    table, images = random_descriptions(np.arange(120)), street()

    def mean_distance(queries, negatives):
        apart = table[queries.reshape(-1, 1)] - table[negatives.reshape(-1, 3)]
        return np.linalg.norm(apart, axis=2).mean()

    for query, found in zip(queries.ravel(), negatives.reshape(-1, 3), strict=True):
        far = np.flatnonzero(_RULE.negatives(images, int(query), np.arange(120)))
        order = far[np.argsort(np.linalg.norm(table[far] - table[query], axis=1))]
        assert list(found) == list(order[:3])
    ((others, _, few),), _ = mined(refresh=40, sampled=3)
    assert np.array_equal(queries, others)
    assert mean_distance(queries, few) > 1.5 * mean_distance(queries, negatives)


def test_partial_mining_draws_negatives_from_a_pool_alone_and_another_one_each_cycle():
    plans, asked = mined(cycles=(0, 1, 2), pool=9, refresh=1000)
    found = [set(negatives.ravel().tolist()) for _, _, negatives in plans]
    # All are queries, so all are described, but few of them are in the pool.
    assert asked == [120] * 3
    assert all(3 <= len(negatives) <= 9 for negatives in found)
    assert len(set.union(*found)) > 9 and len({frozenset(f) for f in found}) == 3
    _, asked = mined(pool=9, refresh=4)
    assert asked[0] < 9 + 4 * 10
    _, asked = mined(pool=0, refresh=4)
    assert asked == [120]


_ADAPT = {'adaptation__images': 4, 'adaptation__weight': 0.3, 'adaptation__squared': True,
          'adaptation__reduction': 'mean'}


@pytest.mark.parametrize('other', [
    {}, {'adaptation__weight': 0.7}, {'adaptation__squared': False},
    {'adaptation__reduction': 'sum'}])
def test_settings_of_adaptation_reach_its_term(other):
    settings = {**_ADAPT, **other}
    objective = made('ranking', street(), queries=1, positives=2, negatives=3,
                     target=np.arange(110, 120), **settings)
    features = torch.randn(10, 3, 2, 2, generator=torch.Generator().manual_seed(2))
    terms = objective.loss({'descriptors': directions(10, 4), 'features': features}, {})
    expected = settings['adaptation__weight'] * mk_mmd(
        features[:6], features[6:], squared=settings['adaptation__squared'],
        reduction=settings['adaptation__reduction'])
    assert float(terms['adaptation']) == pytest.approx(float(expected))


@pytest.mark.parametrize('pool', [0, 12])
def test_examples_of_the_target_are_only_ever_the_target(pool):
    """Even where they have poses, which is what a wrong row would be found by."""
    target, asked = np.arange(80, 120), []  # the third drive

    def describe(rows):
        asked.append(rows)
        return random_descriptions(rows)

    objective = made('ranking', street(), queries=2, positives=2, negatives=3, refresh=1000,
                     pool=pool, target=target, **_ADAPT)
    shown = []
    for cycle in range(2):
        own, apart = np.split(objective.plan(cycle, describe).examples, [2 + 4 + 6], axis=1)
        assert not np.isin(own, target).any()
        assert apart.shape[1] == 4 and np.isin(apart, target).all()
        assert sorted(own[:, :2].ravel()) == list(range(80))  # all others are queries
        shown.append(apart)
    assert len(np.unique(shown)) == len(target)
    assert not np.isin(np.concatenate(asked), target).any()
