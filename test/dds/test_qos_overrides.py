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


"""Parameters change how topics are heard."""

import pytest
from vpr_ros.dds.qos import KEEP_ALL
from vpr_ros.dds.qos_overrides import QosOverrides
from vpr_ros.errors import VprError
from vpr_ros.live.interface import Qos

IMAGE = Qos(reliable=False, depth=1)


def test_what_nothing_is_said_of_stays():
    overrides = QosOverrides({'qos_overrides./other.subscription.depth': 7, 'image': '/image'})
    assert overrides.of('/image', IMAGE) == IMAGE


@pytest.mark.parametrize(('policy', 'value', 'expected'), [
    ('reliability', 'reliable', Qos(True, 1)),
    ('reliability', 'best_effort', Qos(False, 1)),
    ('durability', 'transient_local', Qos(False, 1, latched=True)),
    ('durability', 'volatile', Qos(False, 1)),
    ('depth', 500, Qos(False, 500)),
    ('depth', '500', Qos(False, 500)),
    ('history', 'keep_all', Qos(False, KEEP_ALL)),
    ('history', 'keep_last', Qos(False, 1)),
])
def test_each_policy_is_said_by_itself(policy, value, expected):
    overrides = QosOverrides({f'qos_overrides./image.subscription.{policy}': value})
    assert overrides.of('/image', IMAGE) == expected


def test_policies_of_one_topic_go_together():
    rules = 'qos_overrides./image.subscription'
    overrides = QosOverrides({f'{rules}.reliability': 'reliable', f'{rules}.history': 'keep_all',
                              f'{rules}.depth': 5, f'{rules}.durability': 'transient_local'})
    assert overrides.of('/image', IMAGE) == Qos(True, KEEP_ALL, latched=True)


@pytest.mark.parametrize(('name', 'value', 'sentence'), [
    ('./image.subscription.depth', 0, 'is 0: expected a whole number of messages, at least 1'),
    ('./image.subscription.depth', True, 'is True: expected a whole number'),
    ('./image.subscription.depth', 1.5, 'is 1.5: expected a whole number'),
    ('./image.subscription.depth', 'all', "is 'all': expected a whole number"),
    ('./image.subscription.depth', 2**31, 'expected a whole number'),
    ('./image.subscription.reliability', 'sure', "is 'sure': expected best_effort or reliable"),
    ('./image.subscription.durability', True, 'is True: expected transient_local or volatile'),
    ('./image.subscription.dept', 1, "unknown policy of .*'dept'; did you mean 'depth'"),
    ('./image.listener.depth', 1, 'expected qos_overrides.<topic>.subscription.<policy>'),
    ('.image.subscription.depth', 1, 'with the full name of a topic'),
    ('./image.subscription', 1, 'expected qos_overrides.<topic>.subscription.<policy>'),
    ('', 1, 'expected qos_overrides.<topic>.subscription.<policy>'),
])
def test_what_is_not_understood_is_said_so(name, value, sentence):
    with pytest.raises(VprError, match=sentence):
        QosOverrides({f'qos_overrides{name}': value})


def test_what_is_said_of_publishers_is_for_others():
    overrides = QosOverrides({'qos_overrides./image.publisher.depth': 7,
                              'qos_overrides./tf.publisher.durability': 'latched'})
    assert overrides.of('/image', IMAGE) == IMAGE
    assert overrides.unused() == []


def test_topics_that_nobody_asks_for_are_named():
    overrides = QosOverrides({f'qos_overrides./{topic}.subscription.depth': 7
                              for topic in ('image', 'odom', 'nothing')})
    overrides.of('/image', IMAGE)
    overrides.of('/odom', IMAGE)
    assert overrides.unused() == ['/nothing']
