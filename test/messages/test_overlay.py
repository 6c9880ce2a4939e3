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

"""Attention on an image shows where it is, and nothing else."""

import numpy as np
import pytest
from vpr_ros.messages.overlay import attention_overlay

GREY = np.full((60, 80, 3), 90, np.uint8)


def test_attention_shows_where_it_is():
    attention = np.zeros((6, 8))
    attention[1, 6] = 5.0
    before = GREY.copy()
    got = attention_overlay(GREY, attention)
    assert got.shape == GREY.shape
    assert got.dtype == np.uint8
    assert (before == GREY).all()
    y, x = np.unravel_index(got.astype(int).sum(axis=2).argmax(), got.shape[:2])
    # The centre of cell (1, 6) of 6 x 8 on 60 x 80.
    assert abs(y - 15) <= 3
    assert abs(x - 65) <= 3
    # Elsewhere the picture is a darker grey, evenly.
    away = got[45:, :40].astype(int)
    assert away.max() - away.min() <= 1
    assert 45 <= away.min() < 90
    # Warm: more red than blue.
    assert int(got[15, 65, 0]) > int(got[15, 65, 2]) + 20


def test_attention_does_not_depend_on_its_scale_and_alpha_sets_its_strength():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)
    attention = rng.uniform(0, 1, (5, 7)).astype(np.float32)
    one = attention_overlay(image, attention)
    other = attention_overlay(image, attention * 1000 + 7)
    assert np.abs(one.astype(int) - other).max() <= 1
    assert (attention_overlay(image, attention, alpha=0.0) == image).all()
    weak = np.abs(attention_overlay(image, attention, alpha=0.2).astype(int) - image).mean()
    strong = np.abs(attention_overlay(image, attention, alpha=0.9).astype(int) - image).mean()
    assert 0 < weak < strong


def test_even_attention_has_nothing_to_show():
    assert (attention_overlay(GREY, np.full((3, 4), 0.3)) == GREY).all()
    assert (attention_overlay(GREY, np.zeros((1, 1))) == GREY).all()


@pytest.mark.parametrize(('image', 'attention', 'alpha', 'words'), [
    (GREY[:, :, 0], np.eye(3), 0.5, r'RGB uint8 image \(H, W, 3\), got uint8 \(60, 80\)'),
    (GREY.astype(float), np.eye(3), 0.5, 'got float64'),
    (GREY, np.zeros((2, 2, 2)), 0.5, r'\(h, w\), got \(2, 2, 2\)'),
    (GREY, np.array([[np.nan, 1]]), 0.5, 'finite'),
    (GREY, np.eye(3), 1.5, 'alpha'),
])
def test_wrong_attention_is_refused(image, attention, alpha, words):
    with pytest.raises(ValueError, match=words):
        attention_overlay(image, attention, alpha=alpha)
