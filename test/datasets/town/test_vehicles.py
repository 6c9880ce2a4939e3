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

"""Shapes of cars, vans and buses."""

import numpy as np
import pytest
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.datasets.town.texture import OPAQUE
from vpr_ros.datasets.town.vehicles import MODELS
from vpr_ros.datasets.town.vehicles import PAINTS
from vpr_ros.datasets.town.vehicles import vehicle_quads

X, Y, YAW = 12.0, -7.0, 2.2


@pytest.fixture(params=MODELS)
def model(request):
    return request.param


def own_frame(points):
    """Return points seen from the front bumper: ahead, left and up."""
    to = points - np.array([X, Y, 0.0])
    return np.stack([to[..., 0] * np.cos(YAW) + to[..., 1] * np.sin(YAW),
                     to[..., 1] * np.cos(YAW) - to[..., 0] * np.sin(YAW), to[..., 2]], axis=-1)


def corners(quad):
    return np.array([quad.origin, quad.origin + quad.right, quad.origin + quad.right + quad.down,
                     quad.origin + quad.down])


def test_it_fills_its_box(model):
    m = MODELS[model]
    quads = vehicle_quads(model, X, Y, YAW, PAINTS[0], lights=False)
    points = own_frame(np.concatenate([corners(q) for q in quads]))
    low, high = points.min(axis=0), points.max(axis=0)
    assert low == pytest.approx([-m.length_m, -m.width_m / 2, 0.0], abs=1e-6)
    assert high[:2] == pytest.approx([0.0, m.width_m / 2], abs=1e-6)
    assert high[2] == pytest.approx(max(z for _, z in m.outline))


def test_every_side_faces_outwards(model):
    quads = vehicle_quads(model, X, Y, YAW, PAINTS[0], lights=False)
    middle = np.mean([corners(q).mean(axis=0) for q in quads], axis=0)
    for quad in quads:
        # Seen from the front, down x right points to the eye.
        normal = np.cross(quad.down, quad.right)
        assert normal @ (corners(quad).mean(axis=0) - middle) > 0
        assert abs(quad.right @ quad.down) < 0.2 * np.linalg.norm(quad.right) \
            * np.linalg.norm(quad.down)
        if quad.surface == Surface.TOP:
            assert normal[2] > 0


def test_the_top_has_no_gap(model):
    quads = vehicle_quads(model, X, Y, YAW, PAINTS[0], lights=False)[2:]
    spans = sorted((own_frame(corners(q))[:, 0].min(), own_frame(corners(q))[:, 0].max())
                   for q in quads)
    for (_, end), (begin, _) in zip(spans, spans[1:], strict=False):
        assert begin <= end + 1e-6


def shining(model, lights):
    quads = vehicle_quads(model, X, Y, YAW, PAINTS[1], lights=lights)
    return [own_frame(corners(q)).mean(axis=0)[0] for q in quads
            if (q.texture().pixels[..., 3] > OPAQUE).any()]


def test_lights_shine_in_front_and_behind_when_they_are_on(model):
    assert not shining(model, lights=False)
    on = shining(model, lights=True)
    assert max(on) > -1.0
    assert min(on) < 1.0 - MODELS[model].length_m


def test_paint_is_seen(model):
    red, white = (np.mean([q.texture().pixels[..., :3].reshape(-1, 3).mean(axis=0)
                           for q in vehicle_quads(model, X, Y, YAW, colour, lights=False)],
                          axis=0) for colour in ((200, 0, 0), (240, 240, 240)))
    assert red[0] > 2 * red[1]
    assert white[1] > red[1] + 40


def test_the_two_sides_mirror_each_other(model):
    left, right = vehicle_quads(model, X, Y, YAW, PAINTS[2], lights=False)[:2]
    assert np.array_equal(left.texture().pixels, right.texture().pixels[:, ::-1])
