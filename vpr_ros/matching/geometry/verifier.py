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

"""Whether two images show one place, and how the robot stood in one and the other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from vpr_ros.matching.geometry.correspondences import correspondences
from vpr_ros.matching.geometry.lens import focal_px
from vpr_ros.matching.geometry.lens import normalised
from vpr_ros.matching.geometry.lens import spacing_px
from vpr_ros.matching.geometry.settings import GeometrySettings
from vpr_ros.matching.geometry.sight import Sight
from vpr_ros.matching.geometry.two_view import essential
from vpr_ros.matching.geometry.two_view import homography
from vpr_ros.types import RelativePose

__all__ = ['Verification', 'verify']


@dataclass(frozen=True, eq=False)
class Verification:
    """
    What the local features of two images say.

    :param matches: how many pairs of features are each other's nearest.
    :param inliers: how many of them agree on one motion of the camera, or on one plane.
    :param model: what they agree on: 'pnp', 'essential', 'homography', or 'none'.
    :param relative_pose: where both cameras are calibrated, with their mountings, and enough
        agrees; else None.
    """

    matches: int
    inliers: int
    model: str
    relative_pose: RelativePose | None = None


def verify(match: Sight, query: Sight, settings: GeometrySettings) -> Verification:
    """
    Compare two images of what may be one place.

    The same images give the same answer, always.

    :param match: what was seen at the place of the map.
    :param query: what is seen now.
    :raises VprError: when the descriptors are of two kinds, or a lens is of a model not known.
    """
    pairs = correspondences(match.features, query.features, ratio=settings.ratio)
    points_m = match.features.points[pairs[:, 0]].astype(np.float64)
    points_q = query.features.points[pairs[:, 1]].astype(np.float64)
    threshold_m, threshold_q = (
        max(settings.threshold_px, settings.threshold_cells * spacing_px(s.features.points))
        for s in (match, query))
    if match.camera is not None and query.camera is not None:
        rays_m, rays_q = normalised(points_m, match.camera), normalised(points_q, query.camera)
        seen = np.isfinite(rays_m).all(axis=1) & np.isfinite(rays_q).all(axis=1)
        threshold = max(threshold_m / focal_px(match.camera),
                        threshold_q / focal_px(query.camera))
        _, agree = essential(rays_q[seen], rays_m[seen], threshold,
                             iterations=settings.iterations, confidence=settings.confidence)
        model = 'essential'
    else:
        _, agree = homography(points_q, points_m, threshold_m,
                              iterations=settings.iterations, confidence=settings.confidence)
        model = 'homography'
    inliers = int(agree.sum())
    return Verification(len(pairs), inliers, model if inliers else 'none')
