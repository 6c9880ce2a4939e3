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

"""
Drawing textured rectangles into an image that knows depth, with OpenCV alone.

Light is not drawn here: each pixel gets its colour, what it is part of, and how near it is, and
:mod:`vpr_ros.datasets.town.light` makes a picture of these. So the same drawing serves noon and
night.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.town.surfaces import Surface
from vpr_ros.datasets.town.texture import OPAQUE
from vpr_ros.datasets.town.texture import Texture
from vpr_ros.types import Camera
from vpr_ros.types import Pose

__all__ = ['Canvas', 'NEAR_M', 'Quad', 'View']

Array = NDArray[Any]
# What is nearer to the camera than this is cut off.
NEAR_M = 0.4
# Fractional bits of the corners that OpenCV fills between.
_SHIFT = 4


@dataclass(frozen=True, eq=False)
class Quad:
    """
    A textured parallelogram, seen from one side.

    :param origin: (3,) its upper left corner as seen from the front, metres in the map.
    :param right: (3,) from there to the upper right corner.
    :param down: (3,) from there to the lower left corner.
    :param texture: makes the texture, or finds it again: what is hidden never needs one.
    :param surface: what it is, see :class:`Surface`.
    :param shape: (n, 2) a convex part of it, as shares of ``right`` and ``down``; None is all.
    """

    origin: Array
    right: Array
    down: Array
    texture: Callable[[], Texture]
    surface: int
    shape: Array | None = None


class View:
    """
    A pinhole camera at a pose.

    :param T_map_optical: z forward, x right, y down.
    """

    def __init__(self, camera: Camera, T_map_optical: Pose) -> None:
        self.camera = camera
        self.position = np.array(T_map_optical.position)
        self.rotation = T_map_optical.rotation().T
        self.matrix = np.array(camera.matrix)
        #: (3, 3): pixels to directions in the optical frame.
        self.to_ray = np.linalg.inv(self.matrix)

    @property
    def forward(self) -> Array:
        """Return (3,): where the camera looks, in the map."""
        return np.asarray(self.rotation[2])

    @property
    def to_map_ray(self) -> Array:
        """Return (3, 3): pixels to directions in the map."""
        return np.asarray(self.rotation.T @ self.to_ray)

    def near(self, points: Array, reach_m: float, *, behind_m: float) -> Array:
        """Tell which of (n, 2) points are within reach, and no farther behind than that."""
        to = points - self.position[:2]
        return np.asarray((np.hypot(to[:, 0], to[:, 1]) < reach_m)
                          & (to @ self.forward[:2] > -behind_m))

    def to_camera(self, points: Array) -> Array:
        """Turn (..., 3) points of the map into the optical frame."""
        return np.asarray((points - self.position) @ self.rotation.T)

    def project(self, points: Array) -> Array:
        """Turn (n, 3) points of the optical frame, all in front of it, into (n, 2) pixels."""
        image = points @ self.matrix.T
        return np.asarray(image[:, :2] / image[:, 2:])

    def ground_homography(self, height_m: float = 0.0) -> Array:
        """Return (3, 3): x, y on the ground to pixels."""
        columns = self.rotation[:, :2]
        offset = self.rotation @ (np.array([0.0, 0.0, height_m]) - self.position)
        return np.asarray(self.matrix @ np.column_stack([columns, offset]))


def clip_near(points: Array) -> Array:
    """Cut a polygon of the optical frame (n, 3) off at the near plane; may leave none."""
    inside = points[:, 2] >= NEAR_M
    if inside.all():
        return points
    kept = []
    for i, point in enumerate(points):
        after = points[(i + 1) % len(points)]
        if inside[i]:
            kept.append(point)
        if inside[i] != inside[(i + 1) % len(points)]:
            share = (NEAR_M - point[2]) / (after[2] - point[2])
            kept.append(point + share * (after - point))
    return np.array(kept).reshape(-1, 3)


class Canvas:
    """
    What the camera sees, before light falls on it.

    :ivar colour: (H, W, 4) uint8 as in textures.
    :ivar surface: (H, W) uint8.
    :ivar nearness: (H, W) float32, one over the depth along the optical axis; 0 is the sky.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.colour = np.zeros((height, width, 4), np.uint8)
        self.surface = np.zeros((height, width), np.uint8)
        self.nearness = np.zeros((height, width), np.float32)
        self._mask = np.zeros((height, width), np.uint8)
        self._columns = np.arange(width, dtype=np.float32)
        self._rows = np.arange(height, dtype=np.float32)[:, None]

    def clear(self, colour: tuple[int, int, int] = (0, 0, 0)) -> None:
        """Begin a new picture, all sky; the colour is that of what :meth:`ground` will lay."""
        # A pixel as one number: four times faster than channel by channel.
        pixel = np.array([*colour, OPAQUE], np.uint8).view(np.uint32)
        self.colour.view(np.uint32)[:] = pixel
        self.surface[:] = Surface.SKY
        self.nearness[:] = 0.0

    def ground(self, view: View) -> None:
        """Lay asphalt up to the horizon."""
        plane = np.linalg.inv(view.ground_homography())[2].astype(np.float32)
        near = plane[0] * self._columns + (plane[1] * self._rows + plane[2])
        np.maximum(near, 0.0, out=self.nearness)
        below = self.nearness > 0.0
        np.copyto(self.surface, np.uint8(Surface.ASPHALT), where=below)

    def paint(self, view: View, polygon: Array, colour: tuple[int, int, int], surface: int,
              height_m: float = 0.0) -> None:
        """Paint a flat polygon (n, 2) on the ground; the last one painted is on top."""
        points = np.column_stack([polygon, np.full(len(polygon), height_m)])
        self.fill(view, points, colour, surface)

    def fill(self, view: View, polygon: Array, colour: tuple[int, int, int],
             surface: int) -> None:
        """Fill a polygon (n, 3) over whatever is there; depth stays that of the ground."""
        inside = clip_near(view.to_camera(polygon))
        if len(inside) < 3:
            return
        corners = view.project(inside)
        low, high = corners.min(axis=0), corners.max(axis=0)
        if high[0] < 0 or high[1] < 0 or low[0] >= self.width or low[1] >= self.height:
            return
        self.fill_pixels(corners[None], colour, surface)

    def fill_pixels(self, polygons: Array, colour: tuple[int, int, int], surface: int) -> None:
        """Fill polygons (m, n, 2) that do not overlap, given in pixels."""
        fixed = list(_fixed(polygons))
        cv2.fillPoly(self.colour, fixed, (*colour, OPAQUE), cv2.LINE_AA, _SHIFT)
        cv2.fillPoly(self.surface, fixed, int(surface), cv2.LINE_8, _SHIFT)

    def draw(self, view: View, quads: Sequence[Quad]) -> None:
        """Draw quads, in any order: what is nearest will be seen."""
        if not quads:
            return
        origins = np.array([quad.origin for quad in quads]) - view.position
        rights = np.array([quad.right for quad in quads])
        downs = np.array([quad.down for quad in quads])
        # Seen from the front, down x right points to the eye.
        facing = np.einsum('ij,ij->i', np.cross(downs, rights), origins) < 0.0
        chosen = np.flatnonzero(facing)
        origins, rights, downs = (v[chosen] @ view.rotation.T for v in (origins, rights, downs))
        corners = np.stack([origins, origins + rights, origins + rights + downs, origins + downs],
                           axis=1)
        seen, boxes, nearest = self._boxes(view, corners)
        # The nearest first: what they hide need not be drawn.
        for i in seen[np.argsort(nearest[seen], kind='stable')].tolist():
            x0, y0, x1, y1 = boxes[i]
            if self.nearness[y0:y1, x0:x1].min() < 1.0 / nearest[i]:
                self._draw_quad(view, quads[chosen[i]], origins[i], rights[i], downs[i],
                                corners[i])

    def _boxes(self, view: View, corners: Array) -> tuple[Array, list[list[int]], Array]:
        """Return for (n, 4, 3) corners which are in view, in which boxes, and how near."""
        depth = corners[..., 2]
        nearest = np.maximum(depth.min(axis=1), NEAR_M)
        image = corners @ view.matrix.T
        pixels = image[..., :2] / np.maximum(depth, NEAR_M)[..., None]
        size = np.array([self.width, self.height])
        low = np.clip(np.floor(pixels.min(axis=1)), 0, size).astype(np.int64)
        high = np.clip(np.ceil(pixels.max(axis=1)) + 1, 0, size).astype(np.int64)
        # What reaches behind the camera may be anywhere.
        cut = (depth < NEAR_M).any(axis=1)
        low[cut], high[cut] = 0, size
        seen = (low < high).all(axis=1) & (depth > NEAR_M).any(axis=1)
        return np.flatnonzero(seen), np.concatenate([low, high], axis=1).tolist(), nearest

    def _draw_quad(self, view: View, quad: Quad, origin: Array, right: Array, down: Array,
                   corners: Array) -> None:
        """Draw a quad given in the optical frame where nothing nearer is."""
        if quad.shape is not None:
            corners = origin + quad.shape[:, :1] * right + quad.shape[:, 1:] * down
        inside = clip_near(corners)
        if len(inside) < 3:
            return
        depths = inside[:, 2]
        # A wall that runs into the distance is drawn in parts, each with the texture that fits.
        parts = min(6, math.ceil(math.log2(depths.max() / depths.min()) + 1e-9)) or 1
        if parts == 1 or quad.shape is not None:
            self._draw_part(view, quad, origin, right, down, inside)
            return
        for a, b in _split(corners[:, 2], parts):
            part = np.array([origin + a * right, origin + b * right, origin + b * right + down,
                             origin + a * right + down])
            part = clip_near(part)
            if len(part) >= 3:
                self._draw_part(view, quad, origin, right, down, part)

    def _draw_part(self, view: View, quad: Quad, origin: Array, right: Array, down: Array,
                   polygon: Array) -> None:
        """Draw the part of a quad inside ``polygon`` (n, 3), all in the optical frame."""
        corners = view.project(polygon)
        low, high = corners.min(axis=0), corners.max(axis=0)
        x0, y0 = max(math.floor(low[0]), 0), max(math.floor(low[1]), 0)
        x1 = min(math.ceil(high[0]) + 1, self.width)
        y1 = min(math.ceil(high[1]) + 1, self.height)
        if x0 >= x1 or y0 >= y1:
            return
        box = (slice(y0, y1), slice(x0, x1))
        behind = self.nearness[box]
        if behind.min() >= 1.0 / polygon[:, 2].min():
            return  # all hidden
        # One over the depth is linear in the picture: that of the plane the quad lies in.
        normal = np.cross(right, down)
        distance = float(normal @ origin)
        if distance == 0.0:
            return  # seen exactly from its edge
        a, b, c = normal @ view.to_ray / distance
        nearness = np.float32(a) * self._columns[:x1 - x0] + (
            np.float32(b) * self._rows[:y1 - y0] + np.float32(a * x0 + b * y0 + c))
        mask = self._mask[box]
        mask[:] = 0
        cv2.fillConvexPoly(mask, _fixed(corners - (x0, y0)), 255, cv2.LINE_8, _SHIFT)
        visible = cv2.bitwise_and(mask, cv2.compare(nearness, behind, cv2.CMP_GT))
        if not cv2.countNonZero(visible):
            return  # hidden after all, before its texture was needed
        texture = quad.texture()
        pixels = _level(view, texture, right, down, polygon)
        texel_right, texel_down = right / pixels.shape[1], down / pixels.shape[0]
        # OpenCV counts from the middle of the first texel.
        middle = origin + 0.5 * (texel_right + texel_down)
        try:
            to_texture = np.linalg.inv(
                view.matrix @ np.array([texel_right, texel_down, middle]).T)
        except np.linalg.LinAlgError:
            return  # seen exactly from its edge
        if not np.isfinite(to_texture).all():
            return
        to_texture[:, 2] += to_texture[:, 0] * x0 + to_texture[:, 1] * y0
        colour = cv2.warpPerspective(
            pixels, to_texture, (x1 - x0, y1 - y0),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE)
        if texture.has_holes:
            visible = cv2.bitwise_and(visible, cv2.inRange(
                cv2.extractChannel(colour, 3), OPAQUE // 2, 255))
        cv2.copyTo(colour, visible, self.colour[box])
        cv2.copyTo(nearness, visible, behind)
        np.copyto(self.surface[box], np.uint8(quad.surface), where=visible > 0)


def _level(view: View, texture: Texture, right: Array, down: Array, polygon: Array) -> Array:
    """Return the texture shrunk to about the size at which the polygon is seen."""
    middle = polygon.mean(axis=0)
    across = _pixels(view, middle, right) / texture.width
    along = _pixels(view, middle, down) / texture.height
    return texture.level(_halvings(across, texture.width), _halvings(along, texture.height))


def _pixels(view: View, point: Array, step: Array) -> float:
    """Return how long a step from a point of the optical frame looks, in pixels."""
    x, y, z = point
    dx, dy, dz = step
    focal = view.matrix[0, 0]
    return float(focal * math.hypot(dx * z - x * dz, dy * z - y * dz) / (z * z))


def _halvings(pixels_per_texel: float, size: int) -> int:
    if pixels_per_texel >= 0.75:
        return 0
    halvings = round(math.log2(1.0 / max(pixels_per_texel, 1e-6)))
    return max(0, min(halvings, size.bit_length() - 1))


def _split(depths: Array, parts: int) -> list[tuple[float, float]]:
    """Return shares of the width of a wall between which the depth about doubles."""
    start, end = max(float(depths[0]), NEAR_M), max(float(depths[1]), NEAR_M)
    borders = np.geomspace(start, end, parts + 1)
    span = float(depths[1] - depths[0])
    if abs(span) < 1e-6:
        return [(0.0, 1.0)]
    shares = np.clip((borders - float(depths[0])) / span, 0.0, 1.0)
    shares[0], shares[-1] = 0.0, 1.0
    return list(zip(shares[:-1].tolist(), shares[1:].tolist(), strict=True))


def _fixed(corners: Array) -> Array:
    return np.round(corners * (1 << _SHIFT)).astype(np.int32)
