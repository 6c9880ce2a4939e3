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

"""How a node is reaches those who watch it."""

from vpr_ros.live.health import Level
from vpr_ros.live.health import Status
from vpr_ros.messages.diagnostics import diagnostics_message

STATUSES = [
    Status('vpr: input image front', Level.WARN, 'no image on /x for 5 s',
           {'rate (Hz)': '0.0', 'count': '17'}),
    Status('vpr: localization', Level.OK, 'it is', {})]


def test_each_part_of_a_node_has_a_status(factory, through_cdr):
    message = through_cdr(diagnostics_message(
        factory, iter(STATUSES), stamp_ns=3_000_000_004, hardware_id='/robot/localizer'))
    assert message.__msgtype__ == 'diagnostic_msgs/msg/DiagnosticArray'
    assert (message.header.stamp.sec, message.header.stamp.nanosec) == (3, 4)
    first, second = message.status
    assert (first.level, second.level) == (first.WARN, first.OK)
    assert (first.name, first.message) == ('vpr: input image front', 'no image on /x for 5 s')
    assert [(pair.key, pair.value) for pair in first.values] == [
        ('rate (Hz)', '0.0'), ('count', '17')]
    assert second.name == 'vpr: localization' and second.values == []
    assert {status.hardware_id for status in message.status} == {'/robot/localizer'}


def test_levels_are_those_of_ros(factory):
    wanted = {Level.OK: 'OK', Level.WARN: 'WARN', Level.ERROR: 'ERROR', Level.STALE: 'STALE'}
    for level, name in wanted.items():
        (status,) = diagnostics_message(
            factory, [Status('part', level, '', {})], stamp_ns=0, hardware_id='').status
        assert status.level == getattr(status, name)
