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

"""A town, a condition and a pose make a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.datasets.town.conditions import atmosphere
from vpr_ros.datasets.town.conditions import Condition
from vpr_ros.datasets.town.ground import Ground
from vpr_ros.datasets.town.lens import draw_sky
from vpr_ros.datasets.town.lens import expose
from vpr_ros.datasets.town.light import Lighting
from vpr_ros.datasets.town.plan import TownPlan
from vpr_ros.datasets.town.raster import Canvas
from vpr_ros.datasets.town.raster import View
from vpr_ros.datasets.town.scenery import Scenery
from vpr_ros.datasets.town.traffic import Traffic
from vpr_ros.types import Camera
from vpr_ros.types import Pose

__all__ = ['Renderer']

Array = NDArray[Any]


class Renderer:
    """
    Makes the pictures of one drive through a town.

    Equal arguments make equal pixels, in any order and however often. Not for several threads at
    once: each takes a renderer of its own.

    :param seed: of the drive: where cars and people are, which windows are lit.
    :param years: how long ago the town was first seen: shops have changed hands since.
    """

    def __init__(self, plan: TownPlan, condition: Condition, *, seed: int = 0,
                 years: int = 0) -> None:
        self._seed = seed
        self._rain = condition.rain
        self._air = atmosphere(condition)
        self._ground = Ground(plan, snow=condition.snow)
        self._scenery = Scenery(plan, condition, years=years, evening=seed)
        self._traffic = Traffic(plan, condition, seed)
        self._lighting = Lighting(plan, condition, self._air)
        self._canvas: Canvas | None = None

    def render(self, camera: Camera, T_map_optical: Pose, time_s: float, *,
               T_map_base: Pose | None = None) -> Array:
        """
        Return what a camera sees, (H, W, 3) uint8 RGB.

        :param camera: without distortion, or rectified.
        :param time_s: since the beginning of the drive.
        :param T_map_base: of the car that carries the camera: nobody drives through it.
        """
        if camera.distortion.any() and not camera.rectified:
            raise ValueError('the town is drawn without distortion, but the camera '
                             f'{camera.name!r} has {camera.distortion_model!r} '
                             f'{camera.distortion.tolist()}')
        if self._canvas is None or (self._canvas.width, self._canvas.height) != (
                camera.width, camera.height):
            self._canvas = Canvas(camera.width, camera.height)
        canvas, view = self._canvas, View(camera, T_map_optical)
        parked = self._traffic.parked(view)
        moving = self._traffic.moving(view, time_s, T_map_base)
        self._ground.draw(canvas, view, [v.footprint(0.12) for v in (*parked, *moving)])
        quads = [*self._scenery.seen(view), *self._traffic.people(view, time_s)]
        quads += [quad for vehicle in parked for quad in vehicle.quads(lights=False)]
        quads += [quad for vehicle in moving for quad in vehicle.quads(lights=True)]
        canvas.draw(view, quads)
        sky = draw_sky(view, self._air)
        picture, glow = self._lighting.apply(canvas, view, sky)
        moment = np.random.default_rng([self._seed, round(time_s * 1000), 70])
        return expose(picture, glow, self._air, rain=self._rain, rng=moment)

    def depth(self) -> Array:
        """
        Return the depth of the picture that was made last, without any noise.

        :returns: (H, W) float32 metres along the optical axis, NaN for the sky.
        """
        if self._canvas is None:
            raise ValueError('no picture was made yet whose depth could be told')
        nearness = self._canvas.nearness
        depth = np.full_like(nearness, np.nan)
        np.divide(np.float32(1.0), nearness, where=nearness > 0.0, out=depth)
        return depth
