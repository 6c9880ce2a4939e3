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

"""How precisely local features say where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.matching.geometry.grid import find_grid
from vpr_ros.matching.geometry.settings import GeometrySettings
from vpr_ros.types import LocalFeatures

__all__ = ['looseness_px', 'spacing_px', 'threshold_px']

Array = NDArray[Any]


def spacing_px(points: Array) -> float:
    """Return the step of the grid that points (n, 2) stand on, in pixels; 0 for no grid."""
    grid = find_grid(points)
    return 0.0 if grid is None else float(grid.step.max())


def threshold_px(features: LocalFeatures, settings: GeometrySettings) -> float:
    """Return how far a point may lie from where a motion of the camera puts it, in pixels."""
    return max(settings.threshold_px, settings.threshold_cells * spacing_px(features.points))


def looseness_px(features: LocalFeatures, settings: GeometrySettings) -> float:
    """Return how far a point may lie from where a motion of the image puts it, in pixels."""
    points = features.points
    diagonal = float(np.linalg.norm(np.ptp(points, axis=0))) if len(points) else 0.0
    return max(settings.looseness * diagonal,
               settings.looseness_cells * spacing_px(points), settings.threshold_px)
