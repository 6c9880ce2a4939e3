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
"""Small images of places to train on, made here."""

from pathlib import Path

import cv2
import numpy as np
import pytest

_SIDE = 32


def _scene(place, light, rng):
    """Return a view of a place: its own pattern, under some light, with noise."""
    own = np.random.default_rng(place).integers(0, 256, (4, 4, 3)).astype(np.float32)
    view = cv2.resize(own, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    view = view * light + rng.normal(0.0, 12.0, view.shape)
    return np.clip(view, 0, 255).astype(np.uint8)


@pytest.fixture(scope='session')
def places(tmp_path_factory) -> Path:
    """Return a folder of 10 places, each seen 6 times in different light."""
    root, rng = tmp_path_factory.mktemp('places'), np.random.default_rng(0)
    for place in range(10):
        (root / f'camera_{place}').mkdir()
        for time in range(6):
            image = _scene(place, rng.uniform(0.3, 1.2), rng)
            cv2.imwrite(str(root / f'camera_{place}' / f'{time}.png'), image)
    return root


@pytest.fixture(scope='session')
def street(tmp_path_factory) -> Path:
    """Return three drives along one street, with poses; an image every 10 m."""
    root, rng = tmp_path_factory.mktemp('street'), np.random.default_rng(1)
    for drive in range(3):
        folder = root / f'drive_{drive}'
        folder.mkdir()
        lines = ['file,x,y,yaw']
        for place in range(24):
            cv2.imwrite(str(folder / f'{place:02d}.png'), _scene(100 + place, 0.5 + 0.25 * drive,
                                                                 rng))
            lines.append(f'{place:02d}.png,{10.0 * place},{0.5 * drive},0.1')
        (folder / 'poses.csv').write_text('\n'.join(lines) + '\n')
    return root
