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

"""What several tests share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope='session')
def shared_data() -> Path:
    """Return the folder of real images, or skip: they are not part of the project."""
    beside = Path(__file__).resolve().parents[2] / 'shared' / 'data'
    folder = Path(os.environ.get('VPR_ROS_DATA', beside))
    if not (folder / 'benchmark').is_dir():
        pytest.skip(f'no real images at {folder} (set VPR_ROS_DATA to their folder)')
    return folder
