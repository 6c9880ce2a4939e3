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
"""What each objective plans: arrays of examples that a loss can be told of."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from vpr_ros.errors import VprError
from vpr_ros.training.graded_similarity import graded_similarity
from vpr_ros.training.graded_similarity import GradedPairs
from vpr_ros.training.objectives.base import Plan
from vpr_ros.training.objectives.classification import Classification
from vpr_ros.training.objectives.distilled import Distilled
from vpr_ros.training.objectives.graded import Graded
from vpr_ros.training.objectives.in_batch import InBatch
from vpr_ros.training.objectives.ranking import Ranking
from vpr_ros.training.objectives.ranking import Target
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule
from vpr_ros.training.randomness import shuffled_stream
from vpr_ros.training.settings import AdaptationSettings
from vpr_ros.training.settings import RankingSettings


class Blank:
    """Images that nobody reads."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count


def labelled(places):
    return PlaceImages.of(Blank(len(places)), places=places)


def street(drives=3, metres=400, step=10.0):
    """Drives along one street, a few metres beside each other."""
    x = np.arange(0.0, metres, step)
    positions = np.concatenate([np.stack([x, np.full(len(x), 2.0 * d)], axis=1)
                                for d in range(drives)])
    return PlaceImages.of(Blank(len(positions)), positions=positions, headings=0.0,
                          traverses=np.repeat(np.arange(drives), len(x)))


def undescribed(rows):
    raise AssertionError('nothing is mined here')


def test_a_stream_is_epoch_after_epoch():
    items = np.arange(10, 17)
    whole = shuffled_stream(items, 0, 21, seed=3)
    for epoch in whole.reshape(3, 7):
        assert sorted(epoch) == sorted(items)
    assert not np.array_equal(whole[:7], whole[7:14])
    assert np.array_equal(shuffled_stream(items, 5, 9, seed=3), whole[5:14])
    assert not np.array_equal(shuffled_stream(items, 0, 21, seed=4), whole)


def test_classes_are_those_of_the_examples():
    places = np.array([5, 5, 9, 9, 9, 2, 2, 2])
    objective = Classification(labelled(places), batch=3, seed=0)
    assert (objective.classes, objective.steps_per_epoch) == (3, 2)
    plan = objective.plan(4, undescribed)
    assert plan.examples.shape == (50, 3)
    assert np.array_equal(np.array([2, 5, 9])[plan.targets['classes']], places[plan.examples])
    logits = torch.randn(3, 3, generator=torch.Generator().manual_seed(0))
    classes = torch.from_numpy(plan.targets['classes'][0])
    known = [torch.log_softmax(row, 0)[c] for row, c in zip(logits, classes, strict=True)]
    expected = -sum(known) / 3
    loss = objective.loss({'logits': logits}, {'classes': classes})
    assert torch.isclose(loss['classification'], expected)
    with pytest.raises(VprError, match='needs places'):
        Classification(street(), batch=3, seed=0)


def test_a_batch_holds_so_many_images_of_so_many_places():
    places = np.repeat(np.arange(9), [6, 2, 3, 1, 6, 6, 6, 6, 6])
    objective = InBatch(labelled(places), PlaceRule(), lambda d, labels: d.sum(), name='x',
                        places=4, per_place=3, seed=0)
    assert (objective.steps_per_epoch, objective.steps_per_cycle) == (2, 50)
    plan = objective.plan(0, undescribed)
    for examples, labels in zip(plan.examples, plan.targets['labels'], strict=True):
        found = places[examples].reshape(4, 3)
        assert (found == found[:, :1]).all() and len(np.unique(found)) == 4
        assert 3 not in found  # of which there is one image
        assert np.array_equal(labels.reshape(4, 3)[:, 0], np.arange(4))
        for group in examples.reshape(4, 3):
            many = (places == places[group[0]]).sum() >= 3
            assert len(set(group)) == 3 or not many
    assert not np.array_equal(plan.examples, objective.plan(1, undescribed).examples)
    assert np.array_equal(plan.examples, objective.plan(0, undescribed).examples)


def test_where_positions_tell_the_places_of_a_batch_lie_apart():
    images = street()
    rule = PlaceRule(positive=10.0, negative=25.0)
    objective = InBatch(images, rule, lambda d, labels: d.sum(), name='x', places=4,
                        per_place=3, seed=0)
    plan = objective.plan(0, undescribed)
    for examples in plan.examples:
        groups = examples.reshape(4, 3)
        for i, group in enumerate(groups):
            distance = np.linalg.norm(images.positions[group] - images.positions[group[0]], axis=1)
            assert (distance <= 10.0).all()
            for other in np.delete(groups, i, axis=0).ravel():
                assert rule.negatives(images, int(other), group).all()
    with pytest.raises(VprError, match='x.places'):
        InBatch(images, rule, lambda d, labels: d.sum(), name='x', places=40, per_place=2,
                seed=0).plan(0, undescribed)


def test_pairs_stand_left_and_right_with_their_similarity():
    images = street(metres=600)
    pairs = GradedPairs(images, angle_deg=90.0, radius_m=50.0)
    objective = Graded(pairs, len(images), count=8, margin=0.5, seed=0)
    plan = objective.plan(2, undescribed)
    assert objective.steps_per_epoch == len(images) // 16 == 11
    assert plan.examples.shape == (55, 16)
    left, right = plan.examples[:, :8].ravel(), plan.examples[:, 8:].ravel()
    psi = graded_similarity(images.positions[left], images.headings[left],
                            images.positions[right], images.headings[right])
    np.testing.assert_allclose(plan.targets['psi'].ravel(), psi, atol=1e-5)
    descriptors = F.normalize(torch.randn(16, 4, generator=torch.Generator().manual_seed(1)))
    expected = 0.0
    for i in range(8):
        p, d = plan.targets['psi'][0, i], (descriptors[i] - descriptors[8 + i]).norm()
        expected += float(p * d ** 2 / 2 + (1 - p) * max(0.5 - d, 0.0) ** 2 / 2) / 8
    loss = objective.loss({'descriptors': descriptors},
                          {'psi': torch.from_numpy(plan.targets['psi'][0])})
    assert float(loss['graded']) == pytest.approx(expected, rel=1e-5)


@pytest.fixture
def told():
    """Return descriptors of a street, and which examples were described."""
    rng = np.random.default_rng(5)
    table = rng.normal(size=(200, 6)).astype(np.float32)
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    asked = []

    def describe(rows):
        asked.append(rows)
        return table[rows]

    return table, asked, describe


@pytest.mark.parametrize('pool', [0, 40])
def test_tuples_hold_the_nearest_positives_and_the_hardest_negatives(told, pool):
    table, asked, describe = told
    images = street()
    rule = PlaceRule(positive=10.0, negative=25.0)
    settings = RankingSettings(queries=2, positives=3, negatives=5, sampled=1000, refresh=20,
                               pool=pool)
    rows = np.arange(len(images))[::-1].copy()  # numbers of examples are not rows
    objective = Ranking(images, rows, rule, settings, seed=0)
    plan = objective.plan(0, describe)
    assert plan.examples.shape == (10, 2 * (1 + 3 + 5)) == (objective.steps_per_cycle, 18)
    assert len(asked) == 1
    cached = set(asked[0].tolist())
    assert len(cached) == len(images) if not pool else 40 <= len(cached) < len(images)
    truth = rule.positives(images)
    for step in plan.examples:
        queries, positives, negatives = np.split(step, [2, 8])
        for i, query in enumerate(queries):
            distance = np.linalg.norm(table[:len(images)] - table[query], axis=1)
            known = sorted(truth[query], key=lambda e: distance[e])
            assert list(positives.reshape(2, 3)[i][:len(known)]) == known[:3]
            assert set(positives.reshape(2, 3)[i]) <= set(known)
            found = negatives.reshape(2, 5)[i]
            assert rule.negatives(images, int(query), found).all()
            assert (np.diff(distance[found]) >= 0).all()
            if not pool:
                far = [e for e in range(len(images))
                       if rule.negatives(images, int(query), np.array([e]))[0]]
                assert list(found) == sorted(far, key=lambda e: distance[e])[:5]


def test_the_loss_of_tuples_and_of_two_domains():
    images = street()
    both = PlaceImages.joined([images, PlaceImages.of(Blank(9))])
    target = np.arange(len(images), len(both))
    settings = RankingSettings(queries=2, positives=2, negatives=3, refresh=8)
    adapt = AdaptationSettings(images=4, weight=0.5)
    objective = Ranking(both, np.arange(len(images)), PlaceRule(positive=10.0, negative=25.0),
                        settings, seed=0, target=Target(target, adapt))
    rng = np.random.default_rng(0)
    plan = objective.plan(0, lambda rows: rng.normal(size=(len(rows), 4)).astype(np.float32))
    assert plan.examples.shape[1] == 2 * 6 + 4
    assert (plan.examples[:, -4:] >= len(images)).all()
    assert (plan.examples[:, :-4] < len(images)).all()
    d = F.normalize(torch.randn(16, 4, generator=torch.Generator().manual_seed(1)))
    features = torch.randn(16, 3, 2, 2, generator=torch.Generator().manual_seed(2))
    terms = objective.loss({'descriptors': d, 'features': features}, {})
    expected = 0.0
    for q in range(2):
        best = min(float((d[q] - d[2 + 2 * q + p]).square().sum()) for p in range(2))
        for n in range(3):
            far = float((d[q] - d[6 + 3 * q + n]).square().sum())
            expected += max(0.0, best + 0.1 - far) / 2
    assert float(terms['ranking']) == pytest.approx(expected, rel=1e-5)
    assert terms.keys() == {'ranking', 'adaptation'} and float(terms['adaptation']) > 0.0


def test_too_few_queries_are_refused():
    with pytest.raises(VprError, match='traverses that meet'):
        Ranking(street(drives=1), np.arange(40), PlaceRule(), RankingSettings(), seed=0)


def test_a_teacher_is_learnt_beside_another_objective():
    places = np.repeat(np.arange(4), 3)
    features = F.normalize(torch.randn(12, 7, generator=torch.Generator().manual_seed(0)))
    within = InBatch(labelled(places), PlaceRule(), lambda d, labels: d.sum(), name='x',
                     places=2, per_place=2, seed=0)
    objective = Distilled(within, features.numpy(), weight=2.0)
    plan = objective.plan(0, undescribed)
    targets = {name: torch.from_numpy(values[0]) for name, values in plan.targets.items()}
    d = F.normalize(torch.randn(4, 5, generator=torch.Generator().manual_seed(1)))
    taught = features[targets['examples']]
    terms = objective.loss({'descriptors': d}, targets)
    expected = sum(float((d[i] @ d[j] - taught[i] @ taught[j]) ** 2)
                   for i in range(4) for j in range(4) if i != j) / 12
    assert float(terms['teacher']) == pytest.approx(2.0 * expected, rel=1e-5)
    assert float(terms['x']) == pytest.approx(float(d.sum()), rel=1e-5)
    same = objective.loss({'descriptors': taught}, targets)
    assert float(same['teacher']) == pytest.approx(0.0, abs=1e-9)


def test_a_plan_has_as_many_steps_as_rows():
    assert len(Plan(np.zeros((3, 2), np.int64))) == 3
