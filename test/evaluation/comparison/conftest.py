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


"""A protocol and results that are written by hand."""

from collections.abc import Callable
import math

import pytest
from vpr_ros.evaluation.comparison.result import Counts
from vpr_ros.evaluation.comparison.result import Number
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.protocols.protocol import Pair
from vpr_ros.evaluation.protocols.protocol import Protocol
from vpr_ros.evaluation.protocols.protocol import TruthRule


def _pair(name: str, query: str, group: str = '') -> Pair:
    return Pair(name=name, data='campus', reference='day', query=query, group=group,
                truth=TruthRule(frames=3))


@pytest.fixture
def protocol() -> Protocol:
    """Return a protocol of a pair and of a group of two."""
    return Protocol(
        name='campus', title='A campus by night & day', about='On foot. Taken <twice>.',
        source='Doe et al., 2020, Table 3', measures=('recall@1', 'auc'),
        pairs=(_pair('left', 'left'), _pair('rain', 'rain', 'weather'),
               _pair('snow', 'snow', 'weather')),
        published={'compact': {'left': {'recall@1': 0.75}, 'weather': {'recall@1 worst': 0.25}},
                   'Theirs': {'weather': {'recall@1': 0.5}}})


@pytest.fixture
def make_result(protocol: Protocol) -> Callable[..., PairResult]:
    """Return the function that makes a result: its recall and area, and what is given by name."""
    pairs = {pair.name: pair for pair in protocol.pairs}

    def make(recall: float = 0.5, auc: float = 0.25, *, pair: str = 'left', **changes: object,
             ) -> PairResult:
        numbers = {'recall@1': Number(recall, 190, recall - 0.1, recall + 0.1),
                   'auc': Number(auc, 190)}
        curve = tuple((k / 20 * recall, 1 - (1 - recall) * k / 20) for k in range(1, 21))
        fields = {
            'protocol': protocol.name, 'protocol_hash': protocol.hash, 'pair': pair,
            'group': pairs[pair].group, 'rule': pairs[pair].hash, 'data': f'digest-{pair}',
            'truth': 'within 3 frames', 'label': 'compact', 'network': '{"name": "compact"}',
            'method': 'single image', 'statistics': 'none', 'counts': Counts(200, 210, 190),
            'numbers': {name: number for name, number in numbers.items()
                        if math.isfinite(number.value)},
            'curves': {'score': curve}}
        return PairResult(**{**fields, **changes})

    return make
