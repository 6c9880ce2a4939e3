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

"""How the robot stood in one image and the other, and how sure that is."""

from __future__ import annotations

from dataclasses import replace
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.matching.geometry.absolute_pose import absolute_pose
from vpr_ros.matching.geometry.camera_motion import camera_motion
from vpr_ros.matching.geometry.correspondences import Correspondences
from vpr_ros.matching.geometry.covariance import carried
from vpr_ros.matching.geometry.covariance import inverted
from vpr_ros.matching.geometry.lens import calibrated
from vpr_ros.matching.geometry.lens import focal_px
from vpr_ros.matching.geometry.lens import normalised
from vpr_ros.matching.geometry.precision import spacing_px
from vpr_ros.matching.geometry.precision import threshold_px
from vpr_ros.matching.geometry.refinement import Fit
from vpr_ros.matching.geometry.settings import GeometrySettings
from vpr_ros.matching.geometry.sight import Sight
from vpr_ros.types import Pose
from vpr_ros.types import RelativePose

__all__ = ['relative_pose']

Array = NDArray[Any]

# The most alike; more of them make a pose slower, and no better than its lens and mounting.
_MOST_PAIRS = 150
# Cells of a degree and more (radians): where a camera stood is not seen. In the town, with depths
# and cells of 4.6 degrees, it came out no nearer to the truth than the place of the map itself.
_COARSE = 0.02
# Matches err together: lenses, mountings, what grew or was painted since. How many times larger a
# covariance is than that of errors of their own, as measured in the town; and, of a turn, for each
# match: cells err with their neighbours, and that the camera moved is neglected.
_TOGETHER, _TOGETHER_TURN = 4.0, 1.0 / 3.0
# Mountings are measured by hand: no pose is surer than a millimetre and a twentieth of a degree.
_LEAST_SIGMAS = np.array([1e-3] * 3 + [1e-3] * 3)
# The position of a pose that is a direction, or nothing: somewhere within a kilometre.
_UNKNOWN_M2 = 1e6


def relative_pose(match: Sight, query: Sight, pairs: Correspondences,
                  settings: GeometrySettings) -> tuple[str, RelativePose] | None:
    """
    Find the pose of the query's base in the base of the match.

    :param pairs: what shows the same, much of it.
    :returns: what it was found with ('pnp', 'essential' or 'rotation') and the pose; None where
        intrinsics or a mounting are not known, or too few pairs agree.
    """
    camera_m, camera_q = match.camera, query.camera
    if not (calibrated(camera_m) and calibrated(camera_q)) or camera_m.T_base_optical is None \
            or camera_q.T_base_optical is None:
        return None
    pairs = pairs[np.arange(min(len(pairs), _MOST_PAIRS))]
    rays_m = normalised(pairs.match_points, camera_m)
    rays_q = normalised(pairs.query_points, camera_q)
    seen = np.flatnonzero(np.isfinite(rays_m).all(axis=1) & np.isfinite(rays_q).all(axis=1))
    pairs, rays_m, rays_q = pairs[seen], rays_m[seen], rays_q[seen]
    thresholds = (threshold_px(query.features, settings) / focal_px(camera_q),
                  threshold_px(match.features, settings) / focal_px(camera_m))
    coarse = max(spacing_px(match.features.points) / focal_px(camera_m),
                 spacing_px(query.features.points) / focal_px(camera_q)) > _COARSE
    found = None if coarse else _by_depth(
        match.features.depths, pairs.match_rows, rays_m, rays_q, max(thresholds), settings)
    if found is None and not coarse:
        # What the robot measures now does as well as what the map knows.
        back = _by_depth(
            query.features.depths, pairs.query_rows, rays_q, rays_m, max(thresholds), settings)
        found = None if back is None else (back[0], _the_other_way(back[1]))
    if found is None:
        found = camera_motion(rays_q, rays_m, thresholds, coarse=coarse,
                              iterations=settings.iterations, confidence=settings.confidence)
    if found is None or int(found[1].agree.sum()) < settings.least_depths:
        return None
    model, fit = found
    return model, _between_bases(model, fit, camera_m.T_base_optical,
                                 camera_q.T_base_optical, settings)


def _by_depth(of_features: Array | None, rows: Array, rays: Array, seen: Array, threshold: float,
              settings: GeometrySettings) -> tuple[str, Fit] | None:
    """Find the camera that has ``seen`` the points that another knows by rays and depths."""
    if of_features is None:
        return None
    depths = of_features[rows].astype(np.float64)
    with np.errstate(invalid='ignore'):
        known = np.isfinite(depths) & (depths > 0.0)
    if known.sum() < settings.least_depths:
        return None
    points = np.column_stack([rays, np.ones(len(rays))])[known] * depths[known, None]
    fit = absolute_pose(points, seen[known], threshold, iterations=settings.iterations,
                        confidence=settings.confidence)
    if fit is None or int(fit.agree.sum()) < settings.least_depths:
        return None
    return 'pnp', fit


def _the_other_way(fit: Fit) -> Fit:
    """Return the motion from the second camera to the first."""
    pose = Pose.from_matrix(np.column_stack([fit.rotation, fit.translation]))
    back = inverted(Pose(pose.position, pose.quaternion, fit.covariance))
    return replace(fit, rotation=back.rotation(), translation=np.array(back.position),
                   covariance=np.array(back.covariance))


def _between_bases(model: str, fit: Fit, T_matchbase_optical: Pose, T_querybase_optical: Pose,
                   settings: GeometrySettings) -> RelativePose:
    T_optical = Pose.from_matrix(np.column_stack([fit.rotation, fit.translation]))
    covariance = fit.covariance * max(
        _TOGETHER, _TOGETHER_TURN * int(fit.agree.sum()) if model == 'rotation' else 0.0)
    T_optical = Pose(T_optical.position, T_optical.quaternion, covariance)
    T_base = carried(T_matchbase_optical, T_optical, T_querybase_optical.inverse())
    of_base = np.array(T_base.covariance) + np.diag(_LEAST_SIGMAS ** 2)
    turn_valid = _largest_sigma(of_base[3:, 3:]) <= math.radians(
        settings.largest_rotation_sigma_deg)
    if model == 'pnp' and turn_valid and _largest_sigma(
            of_base[:3, :3]) <= settings.largest_translation_sigma_m:
        return RelativePose(Pose(T_base.position, T_base.quaternion, of_base), True, True,
                            int(fit.agree.sum()))
    unknown = np.zeros((6, 6))
    unknown[:3, :3] = np.eye(3) * _UNKNOWN_M2
    unknown[3:, 3:] = of_base[3:, 3:]
    # Where the cameras stood, not the bases: how far these swung out is known, but not against
    # what length.
    across = _largest_sigma(covariance[:3, :3])
    direction = T_matchbase_optical.rotation() @ fit.translation
    length = float(np.linalg.norm(direction))
    told = length > 0.0 and across / length <= math.radians(
        settings.largest_direction_sigma_deg)
    position = direction / length if told else np.zeros(3)
    return RelativePose(Pose(position, T_base.quaternion, unknown), turn_valid, False,
                        int(fit.agree.sum()))


def _largest_sigma(covariance: Array) -> float:
    return float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))
