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
The values that flow through vpr_ros.

A :class:`Frame` becomes a :class:`Description`, a description finds :class:`Candidate` records in
a map of :class:`Place` records, and evidence turns candidates into a :class:`Localization` or a
:class:`LoopClosure`.

Conventions (the whole package follows them):

* stamps are integer nanoseconds since the epoch that the source uses,
* lengths are metres, angles radians,
* ``T_a_b`` is the pose of ``b`` in ``a`` (it takes coordinates in ``b`` to coordinates in ``a``),
* bodies follow REP-103 (x forward, y left, z up), optical frames z forward, x right, y down,
* quaternions are ``x, y, z, w``; covariances are 6 x 6 in ROS order (x y z, then fixed-axis roll
  pitch yaw),
* images are RGB ``uint8`` of shape ``(H, W, 3)``.

Records are immutable: dataclasses are frozen and their arrays are read-only copies (the image of a
frame alone is a view). Records that hold arrays compare by identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import fields
from enum import Enum
import operator
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from numpy.typing import NDArray

__all__ = [
    'Camera', 'Candidate', 'Decision', 'Description', 'Frame', 'LocalFeatures', 'Localization',
    'LoopClosure', 'Motion', 'Place', 'Pose', 'RelativePose', 'View',
]

Array = NDArray[Any]


def _readonly(value: ArrayLike, name: str, shape: tuple[int, ...], dtype: Any, *,
              copy: bool = True) -> Array:
    """Return ``value`` as a read-only array of its own; -1 in ``shape`` means any length."""
    # A copy, so that a buffer may be used again and one row does not keep its batch in memory.
    array = np.array(value, dtype=dtype) if copy else np.asarray(value, dtype=dtype)
    fits = array.ndim == len(shape) and all(
        wanted in (-1, got) for wanted, got in zip(shape, array.shape, strict=True))
    if not fits:
        wanted = ' x '.join('n' if n < 0 else str(n) for n in shape)
        raise ValueError(f'{name} must have shape ({wanted}), got {array.shape}')
    if array.flags.writeable:
        if not copy:
            array = array.view()  # the caller's own array stays writeable
        array.flags.writeable = False
    return array


def _stamp(value: Any) -> int:
    """Return integer nanoseconds; a float is refused: it cannot hold today's stamps."""
    try:
        return operator.index(value)
    except TypeError as error:
        raise ValueError(f'a stamp is integer nanoseconds, got {value!r}') from error


def _set(record: object, **values: object) -> None:
    for name, value in values.items():
        object.__setattr__(record, name, value)


class _Record:
    """What all records share."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Copies and pickles go through the constructor: it makes arrays read-only again, and a
        # MappingProxyType could not travel.
        values = (getattr(self, f.name) for f in fields(self))  # type: ignore[arg-type]
        return type(self), tuple(
            dict(v) if isinstance(v, MappingProxyType) else v for v in values)


@dataclass(frozen=True, eq=False)
class Pose(_Record):
    """
    A rigid transform ``T_a_b``: the pose of ``b`` in ``a``.

    :param position: (3,) metres.
    :param quaternion: (4,) x, y, z, w; normalised here, refused when its norm is zero.
    :param covariance: (6, 6) ROS order, or None when unknown.
    """

    position: Array
    quaternion: Array = field(default_factory=lambda: np.array([0.0, 0.0, 0.0, 1.0]))
    covariance: Array | None = None

    def __post_init__(self) -> None:
        position = _readonly(self.position, 'position', (3,), np.float64)
        quaternion = _readonly(self.quaternion, 'quaternion', (4,), np.float64)
        norm = float(np.linalg.norm(quaternion))
        if not np.isfinite(position).all() or not np.isfinite(norm) or norm < 1e-9:
            raise ValueError(
                'a pose needs a finite position and a quaternion (x, y, z, w) that is not zero, '
                f'got position {position.tolist()} and quaternion {quaternion.tolist()}')
        if abs(norm - 1.0) > 1e-12:
            quaternion = _readonly(quaternion / norm, 'quaternion', (4,), np.float64)
        covariance = self.covariance
        if covariance is not None:
            covariance = _readonly(covariance, 'covariance', (6, 6), np.float64)
        _set(self, position=position, quaternion=quaternion, covariance=covariance)

    @classmethod
    def identity(cls) -> Pose:
        """Return the transform that changes nothing."""
        return cls(np.zeros(3))

    @classmethod
    def from_matrix(cls, matrix: ArrayLike) -> Pose:
        """
        Make a pose from a (4, 4) homogeneous or (3, 4) matrix.

        Rounded rotations are taken (files hold few digits); a reflection, a scaled or a transposed
        matrix is a ValueError.
        """
        m = np.asarray(matrix, dtype=np.float64)
        if m.shape not in ((4, 4), (3, 4)):
            raise ValueError(f'a transform matrix must be 4 x 4 or 3 x 4, got {m.shape}')
        if m.shape == (4, 4) and not np.allclose(m[3], [0.0, 0.0, 0.0, 1.0]):
            raise ValueError('the last row of a transform matrix is 0 0 0 1, got '
                             f'{m[3].tolist()}: is it transposed?')
        r = m[:3, :3]
        if not np.allclose(r @ r.T, np.eye(3), atol=5e-3) or np.linalg.det(r) < 0.0:
            raise ValueError('the left 3 x 3 of a transform matrix must be a rotation (no '
                             f'scale, no reflection), got {r.tolist()}')
        return cls(m[:3, 3], _quaternion_from_rotation(m[:3, :3]))

    @classmethod
    def from_xy_yaw(cls, x: float, y: float, yaw: float) -> Pose:
        """Make a planar pose; ``yaw`` in radians about z."""
        return cls(np.array([x, y, 0.0]),
                   np.array([0.0, 0.0, np.sin(yaw / 2), np.cos(yaw / 2)]))

    def rotation(self) -> Array:
        """Return the (3, 3) rotation matrix."""
        x, y, z, w = self.quaternion
        return np.array([
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ])

    def matrix(self) -> Array:
        """Return the (4, 4) homogeneous matrix."""
        m = np.eye(4)
        m[:3, :3] = self.rotation()
        m[:3, 3] = self.position
        return m

    def yaw(self) -> float:
        """Return the rotation about z in radians, in (-pi, pi]."""
        x, y, z, w = self.quaternion
        return float(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))

    def inverse(self) -> Pose:
        """Return ``T_b_a`` (without covariance: it would need the adjoint)."""
        x, y, z, w = self.quaternion
        return Pose(-self.rotation().T @ self.position, np.array([-x, -y, -z, w]))

    def __matmul__(self, other: Pose) -> Pose:
        """Compose: ``T_a_b @ T_b_c = T_a_c`` (without covariance)."""
        return Pose(self.rotation() @ other.position + self.position,
                    _multiply_quaternions(self.quaternion, other.quaternion))

    def distance_to(self, other: Pose) -> float:
        """Return the distance between the two positions in metres."""
        return float(np.linalg.norm(self.position - other.position))

    def angle_to(self, other: Pose) -> float:
        """Return the angle between the two orientations in radians, in [0, pi]."""
        x, y, z, w = _multiply_quaternions(self.inverse().quaternion, other.quaternion)
        # Not arccos, which loses angles below 1e-8.
        return float(2.0 * np.arctan2(np.sqrt(x * x + y * y + z * z), abs(w)))


def _multiply_quaternions(a: Array, b: Array) -> Array:
    ax, ay, az, aw = a
    bx, by, bz, bw = b
    return np.array([
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
        aw * bw - ax * bx - ay * by - az * bz,
    ])


def _quaternion_from_rotation(r: Array) -> Array:
    """Return x, y, z, w of a (3, 3) rotation; takes the largest component first for accuracy."""
    trace = r[0, 0] + r[1, 1] + r[2, 2]
    squares = np.array([
        1.0 + 2.0 * r[0, 0] - trace, 1.0 + 2.0 * r[1, 1] - trace,
        1.0 + 2.0 * r[2, 2] - trace, 1.0 + trace,
    ])
    largest = int(np.argmax(squares))
    root = 2.0 * np.sqrt(squares[largest])
    if largest == 3:
        q = np.array([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], root * root / 4])
    else:
        i, j, k = largest, (largest + 1) % 3, (largest + 2) % 3
        q = np.empty(4)
        q[i] = root * root / 4
        q[j] = r[j, i] + r[i, j]
        q[k] = r[k, i] + r[i, k]
        q[3] = r[k, j] - r[j, k]
    q = q / root
    return np.asarray(q / np.linalg.norm(q))


@dataclass(frozen=True, eq=False)
class Motion(_Record):
    """
    How the robot moved between two stamps.

    :param T_from_to: pose of the base at ``to_ns`` in the base at ``from_ns``.
    """

    from_ns: int
    to_ns: int
    T_from_to: Pose


@dataclass(frozen=True, eq=False)
class Camera(_Record):
    """
    A calibrated pinhole camera.

    :param matrix: (3, 3) intrinsics K in pixels of the image as delivered.
    :param distortion_model: as in sensor_msgs/CameraInfo ('plumb_bob', 'equidistant', ...);
        empty when the image is free of distortion.
    :param distortion: (n,) coefficients of that model.
    :param rectified: True when the images are rectified already.
    :param T_base_optical: mounting, or None when unknown.
    """

    name: str
    width: int
    height: int
    matrix: Array
    distortion_model: str = ''
    distortion: Array = field(default_factory=lambda: np.zeros(0))
    rectified: bool = False
    T_base_optical: Pose | None = None

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(
                f'camera {self.name!r}: an image size is positive, got {self.width} x '
                f'{self.height}')
        _set(self, matrix=_readonly(self.matrix, 'matrix', (3, 3), np.float64),
             distortion=_readonly(self.distortion, 'distortion', (-1,), np.float64))


@dataclass(frozen=True, eq=False)
class Frame(_Record):
    """
    One image of one camera at one time.

    :param stamp_ns: when the image was taken.
    :param image: (H, W, 3) uint8 RGB; not copied, for images are large: a caller that uses its
        buffer again hands in a copy.
    :param camera: name of the camera.
    :param calibration: intrinsics and mounting, when known.
    :param T_map_base: where the robot was, when the source knows (mapping, ground truth).
    :param T_odom_base: where odometry had the robot at that stamp, when the source knows.
    :param depth: (H, W) float32 metres along the optical axis of each pixel of the image, NaN
        where it is not known; None without a depth camera. Not copied, like the image.
    """

    stamp_ns: int
    image: Array
    camera: str = 'front'
    calibration: Camera | None = None
    T_map_base: Pose | None = None
    T_odom_base: Pose | None = None
    depth: Array | None = None

    def __post_init__(self) -> None:
        image = np.asarray(self.image)
        if image.dtype != np.uint8:
            raise ValueError(
                f'a frame holds an RGB uint8 image of shape (H, W, 3), got dtype {image.dtype}')
        image = _readonly(image, 'image', (-1, -1, 3), np.uint8, copy=False)
        if image.size == 0:
            raise ValueError(f'a frame holds a non-empty image, got shape {image.shape}')
        depth = self.depth
        if depth is not None:
            depth = _readonly(depth, 'depth', image.shape[:2], np.float32, copy=False)
        _set(self, stamp_ns=_stamp(self.stamp_ns), image=image, depth=depth)


@dataclass(frozen=True, eq=False)
class LocalFeatures(_Record):
    """
    Local features of one image, for geometric verification.

    :param points: (N, 2) float32 x, y in pixels of the image as delivered.
    :param descriptors: (N, d) float32, L2-normalised rows.
    :param scores: (N,) float32, larger is more salient.
    :param depths: (N,) float32 metres along the optical axis, NaN where it is not known; None
        where it is known of no point.
    """

    points: Array
    descriptors: Array
    scores: Array
    depths: Array | None = None

    def __post_init__(self) -> None:
        points = _readonly(self.points, 'points', (-1, 2), np.float32)
        n, depths = len(points), self.depths
        if depths is not None:
            depths = _readonly(depths, 'depths', (n,), np.float32)
        _set(self, points=points,
             descriptors=_readonly(self.descriptors, 'descriptors', (n, -1), np.float32),
             scores=_readonly(self.scores, 'scores', (n,), np.float32), depths=depths)

    def best(self, count: int) -> LocalFeatures:
        """Return the features with the highest scores, the best first."""
        kept = np.argsort(-self.scores, kind='stable')[:count]
        return LocalFeatures(self.points[kept], self.descriptors[kept], self.scores[kept],
                             None if self.depths is None else self.depths[kept])


@dataclass(frozen=True, eq=False)
class Description(_Record):
    """
    What a network says about one frame.

    :param descriptor: (D,) float32, L2-normalised.
    :param attention: (h, w) float32 >= 0 at feature resolution, or None.
    :param local_features: for geometric verification, or None.
    """

    stamp_ns: int
    descriptor: Array
    camera: str = 'front'
    attention: Array | None = None
    local_features: LocalFeatures | None = None

    def __post_init__(self) -> None:
        attention = self.attention
        if attention is not None:
            attention = _readonly(attention, 'attention', (-1, -1), np.float32)
        _set(self, stamp_ns=_stamp(self.stamp_ns), attention=attention,
             descriptor=_readonly(self.descriptor, 'descriptor', (-1,), np.float32))


@dataclass(frozen=True, eq=False)
class View(_Record):
    """
    What one camera saw of a place.

    :param descriptor: (D,) float32, L2-normalised.
    :param thumbnail: a small JPEG for people to look at, or empty.
    """

    camera: str
    descriptor: Array
    thumbnail: bytes = b''
    local_features: LocalFeatures | None = None

    def __post_init__(self) -> None:
        _set(self, descriptor=_readonly(self.descriptor, 'descriptor', (-1,), np.float32))


@dataclass(frozen=True, eq=False)
class Place(_Record):
    """
    A place of a map: one moment of one traverse.

    :param id: fleet-unique and positive; never a row number.
    :param session: the traverse it was recorded in, unique within the map.
    :param T_map_base: pose of the robot in the map frame, or None for a map without poses.
    """

    id: int  # noqa: A003
    stamp_ns: int
    session: str
    T_map_base: Pose | None = None
    views: tuple[View, ...] = ()


@dataclass(frozen=True)
class Candidate(_Record):
    """
    A place that may be where the query was taken.

    :param similarity: cosine similarity of the descriptors, in [-1, 1].
    :param probability: that the robot is at this place, in [0, 1].
    """

    place_id: int
    stamp_ns: int
    session: str
    camera: str
    similarity: float
    probability: float
    T_map_base: Pose | None = None


class Decision(Enum):
    """What a localizer concludes about a query."""

    KNOWN = 'known'
    UNKNOWN = 'unknown place'


@dataclass(frozen=True)
class RelativePose(_Record):
    """
    Pose of the query's base in the base of the place it matched.

    :param T_match_query: base to base, with covariance where known.
    :param translation_valid: False when only the rotation is known; the position is then the
        direction that the query lies in (of length 1), or zero where that is not known either.
    :param inliers: how many local correspondences support it.
    """

    T_match_query: Pose
    rotation_valid: bool
    translation_valid: bool
    inliers: int = 0


@dataclass(frozen=True)
class Localization(_Record):
    """
    The answer to one query frame.

    :param candidates: best first; empty when nothing could be searched.
    :param probability: that the robot is at (or next to) ``candidates[0]``, in [0, 1].
    :param probability_source: what calibrated it: 'map', 'network' or 'default'.
    :param reason: one sentence: why this decision.
    :param T_map_base: pose of the robot in the map frame when known.
    :param stage_times_ns: nanoseconds per stage ('describe', 'search', 'filter', ...).
    """

    stamp_ns: int
    camera: str
    map_id: str
    map_revision: int
    network: str
    decision: Decision
    reason: str
    probability: float
    probability_source: str
    candidates: tuple[Candidate, ...] = ()
    relative_pose: RelativePose | None = None
    T_map_base: Pose | None = None
    stage_times_ns: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _set(self, stage_times_ns=MappingProxyType(dict(self.stage_times_ns)))

    @property
    def known(self) -> bool:
        """Whether the robot is at a place of the map."""
        return self.decision is Decision.KNOWN


@dataclass(frozen=True)
class LoopClosure(_Record):
    """
    Two moments at which the robot was at one place.

    Both ends name (session, place, stamp): a place of a prebuilt map has no live node in a SLAM
    graph, and adapters must be able to tell. A query that is no place of a map has place id 0.
    """

    query_session: str
    query_place_id: int
    query_stamp_ns: int
    match_session: str
    match_place_id: int
    match_stamp_ns: int
    map_id: str
    similarity: float
    probability: float
    probability_source: str
    relative_pose: RelativePose | None = None
