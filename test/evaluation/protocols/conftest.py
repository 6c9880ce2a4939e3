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

"""Small folders of images that stand in for data sets."""

import cv2
import numpy as np
import pytest


def _write_images(folder, names, *, size=(8, 6)):
    """Write one small image per name; its red channel is the number of the name in the list."""
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(names):
        bgr = np.zeros((size[1], size[0], 3), np.uint8)
        bgr[:, :, 2] = i
        assert cv2.imwrite(str(folder / name), bgr)


@pytest.fixture(scope='session')
def write_images():
    """Return a function that writes small images of these names into a folder."""
    return _write_images
