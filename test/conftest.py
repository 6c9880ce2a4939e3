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
