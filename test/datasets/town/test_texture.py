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

"""Textures and their smaller copies."""

import numpy as np
import pytest
from vpr_ros.datasets.town.texture import blank
from vpr_ros.datasets.town.texture import CLEAR
from vpr_ros.datasets.town.texture import LIT
from vpr_ros.datasets.town.texture import OPAQUE
from vpr_ros.datasets.town.texture import Texture


@pytest.mark.parametrize('pixels', [
    np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.float32)])
def test_pixels_have_four_channels_of_bytes(pixels):
    with pytest.raises(ValueError, match='uint8'):
        Texture(pixels)


def test_a_level_halves_each_side_and_keeps_the_mean():
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, (32, 64, 4), dtype=np.uint8)
    pixels[..., 3] = OPAQUE
    texture = Texture(pixels)
    assert (texture.width, texture.height) == (64, 32)
    assert texture.level(0, 0) is pixels
    small = texture.level(1, 3)
    assert small.shape == (4, 32, 4)
    blocks = pixels[..., :3].reshape(4, 8, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(small[..., :3] - blocks).max() <= 1.0
    assert texture.level(9, 9).shape == (1, 1, 4)


def test_what_shines_is_no_hole_and_what_is_clear_is_one():
    assert not Texture(blank(4, 4)).has_holes
    assert not Texture(blank(4, 4, alpha=LIT)).has_holes
    pixels = blank(8, 8, (10, 20, 30))
    pixels[2, 2, 3] = CLEAR
    assert Texture(pixels).has_holes


def test_twigs_do_not_vanish_from_afar():
    # One column in four: its average alone would count as nothing.
    pixels = blank(64, 64, (90, 80, 70), CLEAR)
    pixels[:, ::4, 3] = OPAQUE
    assert (Texture(pixels).level(2, 2)[..., 3] >= OPAQUE // 2).all()


def test_blank_is_never_empty():
    assert blank(0, 0).shape == (1, 1, 4)
    assert blank(2, 3, (1, 2, 3), 4)[1, 2].tolist() == [1, 2, 3, 4]
