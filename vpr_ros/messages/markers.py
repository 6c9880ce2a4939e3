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

"""An answer to look at in RViz: the robot, the places it may be at, and what was decided."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
from vpr_ros.messages.factory import MessageFactory
from vpr_ros.messages.geometry import header
from vpr_ros.messages.geometry import pose_to_message
from vpr_ros.messages.stamps import stamp_from_ns
from vpr_ros.types import Localization
from vpr_ros.types import Pose

__all__ = ['markers_message']

# Constants of visualization_msgs/Marker.
_ARROW, _SPHERE, _LINE_STRIP, _TEXT = 0, 2, 4, 9
_ADD, _DELETE_ALL = 0, 3
# Metres, for a robot in streets or halls: an arrow as long as a small vehicle, spheres that leave
# two keyframes apart, text above the roof.
_ARROW_SIZE = (2.0, 0.35, 0.35)
_SPHERE_M, _LIKELY_SPHERE_M = 0.5, 1.0
_LINE_M = 0.1
_TEXT_M, _TEXT_ABOVE_M = 0.8, 2.0
# Red, green, blue and opacity, for a dark ground and a light one.
_ROBOT = (0.1, 0.55, 1.0, 1.0)
_WHITE, _GREY = (0.95, 0.95, 0.95, 1.0), (0.6, 0.6, 0.6, 1.0)
_NOWHERE = Pose.identity()


def markers_message(factory: MessageFactory, localization: Localization, *, map_frame: str,
                    lifetime_s: float = 3.0) -> Any:
    """
    Make a visualization_msgs/MarkerArray, which takes the place of the one before.

    Its namespaces: ``robot`` an arrow where a known robot is, ``candidates`` spheres at the places
    it may be at, from red and small to green and large by probability, ``match`` a line to the
    best of them, ``decision`` a text above the robot; above the best candidate, in grey, where the
    robot is not known. What has no pose is not shown.

    :param lifetime_s: after so long without another answer it vanishes; 0: never.
    """
    layout = header(factory, localization.stamp_ns, map_frame)
    nanoseconds = round(lifetime_s * 1e9)
    markers = _Markers(factory, layout, factory.new(
        'builtin_interfaces/msg/Duration', sec=nanoseconds // 10 ** 9,
        nanosec=nanoseconds % 10 ** 9))
    return factory.new('visualization_msgs/msg/MarkerArray',
                       markers=list(_of_answer(markers, localization)))


def _of_answer(markers: _Markers, localization: Localization) -> Iterator[Any]:
    yield markers.new('', 0, kind=_ARROW, action=_DELETE_ALL)
    shown = [(candidate.T_map_base, candidate.probability)
             for candidate in localization.candidates if candidate.T_map_base is not None]
    for number, (place, probability) in enumerate(shown):
        size = _SPHERE_M + (_LIKELY_SPHERE_M - _SPHERE_M) * _share(probability)
        yield markers.new('candidates', number, kind=_SPHERE, pose=place, scale=(size,) * 3,
                          colour=_colour(probability))
    robot = localization.T_map_base if localization.known else None
    if robot is not None:
        yield markers.new('robot', 0, kind=_ARROW, pose=robot, scale=_ARROW_SIZE, colour=_ROBOT)
        best = localization.candidates[0] if localization.candidates else None
        if best is not None and best.T_map_base is not None:
            yield markers.new('match', 0, kind=_LINE_STRIP, scale=(_LINE_M, 0.0, 0.0),
                              colour=_colour(best.probability), points=(robot, best.T_map_base))
    below = robot if robot is not None else next((place for place, _ in shown), None)
    if below is not None:
        yield markers.new(
            'decision', 0, kind=_TEXT, pose=Pose(below.position + [0.0, 0.0, _TEXT_ABOVE_M]),
            scale=(0.0, 0.0, _TEXT_M), colour=_WHITE if localization.known else _GREY,
            text=_words(localization))


def _words(localization: Localization) -> str:
    words = f'{localization.decision.value}, {_share(localization.probability):.0%}'
    if localization.known and localization.candidates:
        words += f'\n{localization.candidates[0].session}'
    return words


def _share(probability: float) -> float:
    """Return a probability within 0 and 1; one that is not known is none."""
    return float(np.clip(np.nan_to_num(probability), 0.0, 1.0))


def _colour(probability: float) -> tuple[float, float, float, float]:
    """Return red, by yellow, to green; what is unlikely shows through."""
    share = _share(probability)
    return min(1.0, 2.0 - 2.0 * share), min(1.0, 2.0 * share), 0.1, 0.5 + 0.4 * share


class _Markers:
    """Makes markers of one answer; fields that they do not need are empty."""

    def __init__(self, factory: MessageFactory, layout: Any, lifetime: Any) -> None:
        self._factory = factory
        self._header = layout
        self._lifetime = lifetime

    def new(self, namespace: str, number: int, *, kind: int, action: int = _ADD,
            pose: Pose = _NOWHERE, scale: Sequence[float] = (0.0, 0.0, 0.0),
            colour: Sequence[float] = (0.0, 0.0, 0.0, 0.0), points: Sequence[Pose] = (),
            text: str = '') -> Any:
        """Make one visualization_msgs/Marker."""
        new, nothing = self._factory.new, self._factory.octets(b'')
        x, y, z = scale
        r, g, b, a = colour
        return new(
            'visualization_msgs/msg/Marker', header=self._header, ns=namespace, id=number,
            type=kind, action=action, pose=pose_to_message(self._factory, pose),
            scale=new('geometry_msgs/msg/Vector3', x=x, y=y, z=z),
            color=new('std_msgs/msg/ColorRGBA', r=r, g=g, b=b, a=a), lifetime=self._lifetime,
            frame_locked=False,
            points=[pose_to_message(self._factory, point).position for point in points],
            colors=[], texture_resource='',
            texture=new('sensor_msgs/msg/CompressedImage', header=new(
                'std_msgs/msg/Header', stamp=stamp_from_ns(self._factory, 0), frame_id=''),
                format='', data=nothing),
            uv_coordinates=[], text=text, mesh_resource='',
            mesh_file=new('visualization_msgs/msg/MeshFile', filename='', data=nothing),
            mesh_use_embedded_materials=False)
