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

"""Trees, people, lamps and signs."""

import numpy as np
import pytest
from vpr_ros.datasets.town.props import bare_tree
from vpr_ros.datasets.town.props import lamp_post
from vpr_ros.datasets.town.props import leafy_tree
from vpr_ros.datasets.town.props import PEOPLE
from vpr_ros.datasets.town.props import person
from vpr_ros.datasets.town.props import SIGNS
from vpr_ros.datasets.town.props import traffic_sign
from vpr_ros.datasets.town.props import TREES
from vpr_ros.datasets.town.texture import OPAQUE


def solid(texture):
    return texture.pixels[..., 3] >= OPAQUE // 2


def check_stands(texture, aspect):
    """Check the shape of a picture, and that it stands on the ground in its middle."""
    assert texture.width / texture.height == pytest.approx(aspect, abs=0.01)
    there = solid(texture)
    assert 0.01 < there.mean() < 0.9
    feet = np.flatnonzero(there[-8:].any(axis=0))
    assert len(feet)
    assert abs((feet[0] + feet[-1]) / 2 - texture.width / 2) < 0.25 * texture.width


@pytest.mark.parametrize('number', range(TREES))
def test_a_bare_tree_shows_more_of_what_is_behind(number):
    leafy, bare, snowy = leafy_tree(number), bare_tree(number), bare_tree(number, snow=True)
    for tree in (leafy, bare, snowy):
        check_stands(tree, 0.8)
        assert (tree.pixels[..., 3] <= OPAQUE).all()
    assert solid(bare).sum() < 0.7 * solid(leafy).sum()
    # Leaves are green, twigs are not.
    r, g, b = leafy.pixels[solid(leafy)][:, :3].mean(axis=0)
    assert g > r > b
    r, g, b = bare.pixels[solid(bare)][:, :3].mean(axis=0)
    assert r > g > b
    assert snowy.pixels[solid(snowy)][:, :3].mean() > bare.pixels[solid(bare)][:, :3].mean()


def test_trees_people_and_signs_are_different_ones():
    for pictures in ([leafy_tree(i) for i in range(TREES)], [bare_tree(i) for i in range(TREES)],
                     [person(i, 0) for i in range(PEOPLE)],
                     [traffic_sign(i) for i in range(SIGNS)]):
        assert len({p.pixels.tobytes() for p in pictures}) == len(pictures)


@pytest.mark.parametrize('number', range(PEOPLE))
def test_people_step_and_turn_round(number):
    one, two, *back = (person(number, stride) for stride in range(4))
    check_stands(one, 0.41)
    assert not np.array_equal(one.pixels, two.pixels)
    assert np.array_equal(back[0].pixels, one.pixels[:, ::-1])
    assert np.array_equal(back[1].pixels, two.pixels[:, ::-1])


def test_a_lamp_shines_at_the_end_of_its_arm():
    right, left = lamp_post(left=False), lamp_post(left=True)
    assert np.array_equal(right.pixels, left.pixels[:, ::-1])
    check_stands(right, 0.4)
    rows, columns = np.nonzero(right.pixels[..., 3] > OPAQUE)
    assert len(rows) > 10
    assert rows.max() < 0.2 * right.height
    assert columns.min() > right.width / 2


@pytest.mark.parametrize('number', range(SIGNS))
def test_a_sign_stands_on_its_post(number):
    check_stands(traffic_sign(number), 0.3)
