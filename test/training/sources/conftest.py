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

"""What tests of sources share: small images on disk."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
import pytest

Image = NDArray[np.uint8]


@pytest.fixture
def write() -> Callable[..., Image]:
    """Return a function that writes an image (random unless given) and returns it as RGB."""
    rng = np.random.default_rng(0)

    def write_image(path: Path, image: Image | None = None) -> Image:
        path.parent.mkdir(parents=True, exist_ok=True)
        if image is None:
            image = rng.integers(0, 256, (24, 36, 3), dtype=np.uint8)
        assert cv2.imwrite(str(path), image[..., ::-1])
        return image

    return write_image
