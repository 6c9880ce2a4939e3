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
import csv

import pytest
from vpr_ros.training.logs import RunLog


def rows(folder):
    with open(folder / 'log.csv', newline='', encoding='utf-8') as file:
        return list(csv.reader(file))


def test_a_log_is_a_table_of_step_name_and_value(tmp_path):
    log = RunLog(tmp_path, step=0, tensorboard=False)
    log.write(10, {'loss/ranking': 0.25, 'rate': 1e-5})
    log.close()
    assert rows(tmp_path) == [['step', 'name', 'value'], ['10', 'loss/ranking', '0.25'],
                              ['10', 'rate', '1e-05']]


def test_a_resumed_log_drops_what_came_after_the_checkpoint(tmp_path):
    log = RunLog(tmp_path, step=0, tensorboard=False)
    for step in (10, 20, 30):
        log.write(step, {'loss': float(step)})
    log.close()
    with open(tmp_path / 'log.csv', 'a', encoding='utf-8') as file:
        file.write('40,lo')  # where the process was killed
    log = RunLog(tmp_path, step=20, tensorboard=False)
    log.write(30, {'loss': 31.0})
    log.close()
    assert [row[0::2] for row in rows(tmp_path)[1:]] == [['10', '10'], ['20', '20'], ['30', '31']]


def test_a_new_training_begins_a_new_log(tmp_path):
    for _ in range(2):
        log = RunLog(tmp_path, step=0, tensorboard=False)
        log.write(1, {'loss': 1.0})
        log.close()
    assert len(rows(tmp_path)) == 2


def test_curves_of_tensorboard(tmp_path):
    events = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    log = RunLog(tmp_path, step=0, tensorboard=True)
    log.write(10, {'loss/ranking': 0.25})
    log.write(20, {'loss/ranking': 0.125})
    log.close()
    found = events.EventAccumulator(str(tmp_path))
    found.Reload()
    assert [(e.step, e.value) for e in found.Scalars('loss/ranking')] == [(10, 0.25), (20, 0.125)]
