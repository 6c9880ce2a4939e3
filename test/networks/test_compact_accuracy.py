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

"""How well the embedded network recognises places, on real images it never saw."""

import numpy as np
import pytest
from vpr_ros.datasets.registry import open_dataset
from vpr_ros.evaluation.metrics import rank
from vpr_ros.evaluation.metrics import recall_at_n
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings


@pytest.fixture(scope='module')
def dataset(shared_data):
    return open_dataset(shared_data / 'benchmark' / 'gardens_point')


@pytest.fixture(scope='module')
def descriptors(dataset):
    extractor = make_extractor(ExtractionSettings(network='compact', device='cpu'))
    return {
        name: np.stack([d.descriptor for _, d in extractor.describe_all(dataset.traverse(name))])
        for name in ('day_left', 'day_right', 'night_right')}


@pytest.mark.parametrize(('query', 'least'), [('day_right', 0.80), ('night_right', 0.50)])
def test_single_frame_recall_at_1(dataset, descriptors, query, least):
    """Single frames, within 3 frames; nothing is learned from the query traverse."""
    similarity = descriptors[query] @ descriptors['day_left'].T
    truth = dataset.ground_truth('day_left', query, tolerance=3)
    recall = recall_at_n(rank(similarity, 1), truth, 1)
    assert recall.queries == 200
    assert recall.value >= least
