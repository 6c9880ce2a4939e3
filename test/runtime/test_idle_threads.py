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

import os
import subprocess
import sys

import numpy as np
import pytest
from vpr_ros.runtime.idle_threads import let_idle_threads_sleep

WORK = """
import time
if {told}:
    from vpr_ros.runtime.idle_threads import let_idle_threads_sleep
    let_idle_threads_sleep()
import numpy as np
matrix = np.ones((500, 500))
for _ in range(20):
    matrix @ matrix
    time.sleep(0.02)
print(time.process_time())
"""


def test_what_the_user_has_set_stays(monkeypatch):
    monkeypatch.setenv('OPENBLAS_THREAD_TIMEOUT', '20')
    let_idle_threads_sleep()
    assert os.environ['OPENBLAS_THREAD_TIMEOUT'] == '20'


@pytest.mark.parametrize('module', ['vpr_ros.nodes.run', 'vpr_ros.cli.main'])
def test_it_comes_before_numpy(module):
    loaded = subprocess.run(
        [sys.executable, '-c', f'import sys, {module}; print("numpy" in sys.modules)'],
        capture_output=True, text=True, check=True).stdout
    assert loaded.strip() == 'False'


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason='one processor has no idle threads')
@pytest.mark.skipif('openblas' not in str(np.show_config(mode='dicts')).lower(),
                    reason='NumPy has another BLAS here')
def test_idle_threads_take_less_of_the_processor():
    def processor_s(*, told: bool) -> float:
        clean = {k: v for k, v in os.environ.items() if 'THREAD' not in k}
        done = subprocess.run([sys.executable, '-c', WORK.format(told=told)], env=clean,
                              capture_output=True, text=True, check=True)
        return float(done.stdout)

    # The best of several: a busy machine adds to both.
    awake, asleep = (min(processor_s(told=told) for _ in range(3)) for told in (False, True))
    assert asleep < 0.8 * awake
