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
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.matching.geometry.correspondences import Correspondences
from vpr_ros.matching.geometry.correspondences import correspondences
from vpr_ros.matching.geometry.image_motion import off_the_motion
from vpr_ros.matching.geometry.lens import calibrated
from vpr_ros.matching.geometry.lens import focal_px
from vpr_ros.matching.geometry.lens import normalised
from vpr_ros.matching.geometry.precision import looseness_px
from vpr_ros.matching.geometry.precision import threshold_px
from vpr_ros.matching.geometry.relative_pose import relative_pose
from vpr_ros.matching.geometry.settings import GeometrySettings
from vpr_ros.matching.geometry.sight import Sight
from vpr_ros.matching.geometry.two_view import essential
from vpr_ros.matching.geometry.two_view import homography
from vpr_ros.types import LocalFeatures
from vpr_ros.types import RelativePose

__all__ = ['Verification', 'verify']

Array = NDArray[Any]

# A pose is sought among the matches that move at least so much alike (in units of looseness): what
# is near the camera moves otherwise than the rest, and tells most of where the camera went.
_REACH = 3.0


@dataclass(frozen=True, eq=False)
class Verification:
    """
    What the local features of two images say.

    :param matches: how many pairs of features are each other's nearest.
    :param inliers: how many of them agree, by ``GeometrySettings.agreement``: the more, the more
        likely it is one place.
    :param model: what the relative pose was found with: 'pnp' (depths), 'essential' (a motion of
        the camera), 'rotation' (a camera that turned, and moved too little to tell); without one
        what the matches agree on: 'similarity', 'homography', 'essential', or 'none'.
    :param relative_pose: where both cameras are calibrated, with their mountings, and enough
        matches agree; else None.
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
    :raises VprError: when the descriptors are of two kinds.
    """
    match, query = _finite(match), _finite(query)
    pairs = correspondences(match.features, query.features, ratio=settings.ratio)
    agree, near, model = _agreement(match, query, pairs, settings)
    inliers = int(agree.sum())
    found = None
    if inliers >= settings.least_inliers:
        found = relative_pose(match, query, pairs[near], settings)
    if found is not None:
        return Verification(len(pairs), inliers, *found)
    return Verification(len(pairs), inliers, model if inliers else 'none')


def _finite(sight: Sight) -> Sight:
    """Leave out features without a place or a descriptor, as a damaged map may have some."""
    features = sight.features
    whole = np.isfinite(features.points).all(axis=1) & np.isfinite(
        features.descriptors).all(axis=1)
    if whole.all():
        return sight
    return Sight(LocalFeatures(
        features.points[whole], features.descriptors[whole], features.scores[whole],
        None if features.depths is None else features.depths[whole]), sight.camera)


def _agreement(match: Sight, query: Sight, pairs: Correspondences,
               settings: GeometrySettings) -> tuple[Array, Array, str]:
    """Return which pairs agree, which are worth a second look (n,), and on what they agree."""
    points_q, points_m = pairs.query_points, pairs.match_points
    if settings.agreement == 'similarity':
        off = off_the_motion(points_q / looseness_px(query.features, settings),
                             points_m / looseness_px(match.features, settings),
                             samples=settings.samples)
        return off < 1.0, off < _REACH, 'similarity'
    if settings.agreement == 'homography' or not (
            calibrated(match.camera) and calibrated(query.camera)):
        _, agree = homography(
            points_q, points_m, looseness_px(match.features, settings),
            iterations=settings.iterations, confidence=settings.confidence)
        return agree, agree, 'homography'
    rays_q, rays_m = normalised(points_q, query.camera), normalised(points_m, match.camera)
    seen = np.isfinite(rays_q).all(axis=1) & np.isfinite(rays_m).all(axis=1)
    agree = np.zeros(len(pairs), bool)
    agree[seen] = essential(
        rays_q[seen], rays_m[seen],
        max(threshold_px(query.features, settings) / focal_px(query.camera),
            threshold_px(match.features, settings) / focal_px(match.camera)),
        iterations=settings.iterations, confidence=settings.confidence)[1]
    return agree, agree, 'essential'
