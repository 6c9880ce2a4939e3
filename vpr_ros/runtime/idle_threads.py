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

"""Threads of libraries that have nothing to do, and should cost nothing."""

from __future__ import annotations

import os

__all__ = ['let_idle_threads_sleep']


def let_idle_threads_sleep() -> None:
    """
    Have the threads of OpenBLAS sleep as soon as they are done; only before NumPy is imported.

    By default they look out for more work for about 25 ms, which a robot's images keep coming
    faster than: they take a whole processor for nothing. What the user has set stays.
    """
    # 2^4 cycles, the least that OpenBLAS takes.
    os.environ.setdefault('OPENBLAS_THREAD_TIMEOUT', '4')
