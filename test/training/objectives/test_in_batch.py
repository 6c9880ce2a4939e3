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
"""Batches of places over many epochs."""

import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.training.objectives.in_batch import InBatch
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule

_RULE = PlaceRule(positive=10.0, negative=25.0)


class Blank:
    """Images that nobody reads."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count


@pytest.mark.parametrize(('places', 'per_batch'), [(9, 4), (12, 4), (4, 4), (35, 16)])
def test_no_place_is_twice_in_a_batch_in_any_epoch(places, per_batch):
    """Twice, it would have two labels, and its own images would be pushed apart."""
    numbers = np.repeat(np.arange(places), 3)
    objective = InBatch(PlaceImages.of(Blank(len(numbers)), places=numbers), PlaceRule(),
                        lambda d, labels: d.sum(), name='x', places=per_batch, per_place=2, seed=0)
    seen = np.zeros(places)
    steps = places // per_batch
    assert objective.steps_per_epoch == steps
    examples = np.concatenate([objective.plan(cycle, None).examples for cycle in range(2)])
    assert len(examples) == 2 * objective.steps_per_cycle >= 100
    epochs = len(examples) // steps
    assert epochs * steps == len(examples)
    for epoch in numbers[examples].reshape(epochs, -1):
        # In an epoch no place is in two batches.
        assert len(np.unique(epoch)) == steps * per_batch
        np.add.at(seen, np.unique(epoch), 1)
    for batch in examples:
        assert len(np.unique(numbers[batch])) == per_batch
    # Over epochs none is forgotten.
    assert seen.min() >= epochs // 2


def labelled(counts):
    numbers = np.repeat(np.arange(len(counts)), counts)
    return PlaceImages.of(Blank(len(numbers)), places=numbers)


def street(metres=900.0):
    """Return three drives along one street, a few metres beside each other."""
    x = np.tile(np.arange(0.0, metres, 10.0), 3)
    drives = np.repeat(np.arange(3), len(x) // 3)
    return PlaceImages.of(Blank(len(x)), traverses=drives,
                          positions=np.stack([x, 2.0 * drives], axis=1))


def shared(tables, shares, *, per_place=2, seed=0, rule=_RULE):
    images = PlaceImages.joined(tables)
    return images, InBatch(images, rule, lambda d, labels: d.sum(), name='x', places=sum(shares),
                           per_place=per_place, seed=seed, shares=shares)


def test_every_source_has_its_share_of_every_batch():
    """Cameras, a street and many more cameras; each in its own way."""
    images, objective = shared([labelled([3, 1, 4] + [3] * 13), street(), labelled([2] * 33)],
                               (2, 3, 4), per_place=3)
    # 15 cameras with two images or more, 270 images of a street, 33 places.
    assert objective.steps_per_epoch == max(15 // 2, 270 // 9, 33 // 4) == 30
    assert objective.steps_per_cycle == 60
    plans = [objective.plan(cycle, None) for cycle in range(3)]
    examples = np.concatenate([plan.examples for plan in plans]).reshape(180, 9, 3)
    assert (images.parts[examples] == np.repeat([0, 1, 2], [2, 3, 4])[:, None]).all()
    for plan in plans:
        assert np.array_equal(plan.targets['labels'], np.tile(np.repeat(np.arange(9), 3), (60, 1)))
    for slots, steps, places in ((slice(0, 2), 7, 15), (slice(5, 9), 8, 33)):
        found = images.places[examples[:, slots]]
        assert (found == found[:, :, :1]).all()
        assert len(np.unique(found)) == places  # over epochs none is forgotten
        # Its own epochs, of 7 and of 8 steps, go on from one cycle to the next.
        epochs = found[:180 // steps * steps, :, 0].reshape(-1, steps * found.shape[1])
        for epoch in epochs:
            assert len(np.unique(epoch)) == len(epoch)
        assert len(np.unique(epochs, axis=0)) == len(epochs)
    for batch in examples[:, 2:5]:
        for i, group in enumerate(batch):
            assert len(set(group)) == 3
            apart = np.linalg.norm(images.positions[group] - images.positions[group][:, None],
                                   axis=2)
            assert apart.max() <= 2 * _RULE.positive
            for other in np.delete(batch, i, axis=0).ravel():
                assert _RULE.negatives(images, int(other), group).all()
    assert len(np.unique(examples[:, 2:5])) > 250


def test_an_epoch_lasts_until_the_longest_part_was_seen_once():
    _, objective = shared([labelled([2] * 9), labelled([2] * 60)], (3, 4))
    assert objective.steps_per_epoch == 15
    _, objective = shared([labelled([2] * 9), labelled([2] * 60)], (3, 40))
    assert objective.steps_per_epoch == 3
    _, objective = shared([street(), labelled([2] * 4)], (1, 3), per_place=2)
    assert objective.steps_per_epoch == 135


def test_sources_are_drawn_apart_from_each_other():
    """Sources of one size: else the first of one would always come beside that of the other."""
    images, objective = shared([labelled([2] * 30), labelled([2] * 30)], (3, 3))
    found = images.places[objective.plan(0, None).examples].reshape(-1, 6, 2)[:, :, 0]
    beside = [set(batch[:3]) == set(batch[3:] - 30) for batch in found]
    assert not any(beside)


def test_shares_are_a_function_of_seed_and_cycle():
    tables = [labelled([3] * 8), street()]
    _, objective = shared(tables, (2, 2))
    first = objective.plan(1, None).examples
    objective.plan(0, None)
    assert np.array_equal(objective.plan(1, None).examples, first)
    assert np.array_equal(shared(tables, (2, 2))[1].plan(1, None).examples, first)
    for other in (objective.plan(2, None), shared(tables, (2, 2), seed=1)[1].plan(1, None)):
        for part in (slice(0, 4), slice(4, 8)):
            assert not np.array_equal(other.examples[:, part], first[:, part])


def test_a_source_that_has_too_little():
    with pytest.raises(VprError, match=r'takes 5 places of source 2 of data, but only 4 have two '
                       r'images .* a smaller share in places\.shares'):
        shared([street(), labelled([2, 2, 1, 2, 2])], (2, 5))
    with pytest.raises(VprError, match=r'found only \d places that lie apart .* step takes 6: .* '
                       r'share in places\.shares'):
        shared([street(100.0), labelled([2] * 4)], (6, 4))[1].plan(0, None)
    with pytest.raises(ValueError, match='come to the 3 places'):
        InBatch(labelled([2] * 9), PlaceRule(), lambda d, labels: d.sum(), name='x', places=3,
                per_place=2, seed=0, shares=(4,))
