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
from vpr_ros.training.objectives.in_batch import InBatch
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule


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
