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

"""What an active host hears."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from functools import partial
import logging
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.live.camera_topics import CameraTopics
from vpr_ros.live.graph import Graph
from vpr_ros.live.graph import Subscription
from vpr_ros.live.health import Health
from vpr_ros.live.interface import Interface
from vpr_ros.live.interface import Topic
from vpr_ros.live.raw_image import RawImage
from vpr_ros.live.rig import Rig
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.geometry import transforms_from_message
from vpr_ros.messages.images import decode_compressed_image
from vpr_ros.messages.images import decode_image
from vpr_ros.messages.stamps import stamp_of_serialized
from vpr_ros.runtime.gatherer import Gatherer
from vpr_ros.settings import InputSettings

__all__ = ['image_input', 'ImageDecoder', 'Inputs']

_log = logging.getLogger(__name__)
_STAMP_BYTES = 12


def image_input(cameras: Sequence[CameraTopics], camera: CameraTopics) -> str:
    """Return what the images of a camera are called in diagnostics."""
    return 'image' if len(cameras) == 1 else f'image {camera.camera}'


class ImageDecoder:
    """
    Decodes images of cameras, whose topics say what they are made of.

    :param read: makes a message of CDR and the name of its type.
    """

    def __init__(self, cameras: Sequence[CameraTopics],
                 read: Callable[[bytes, str], Any]) -> None:
        self._compressed = {camera.camera: camera.compressed for camera in cameras}
        self._read = read

    def __call__(self, raw: RawImage) -> NDArray[np.uint8]:
        """Return (H, W, 3) RGB; VprError or ValueError where it cannot be decoded."""
        if self._compressed[raw.camera]:
            return decode_compressed_image(self._read(raw.data, 'sensor_msgs/msg/CompressedImage'))
        return decode_image(self._read(raw.data, 'sensor_msgs/msg/Image'))


class Inputs:
    """
    The subscriptions of a host while it is active, each watched for silence and for its QoS.

    :param interface: what the host hears, and how.
    """

    def __init__(self, graph: Graph, interface: Interface, health: Health) -> None:
        self._graph = graph
        self._interface = interface
        self._health = health
        self._subscriptions: list[Subscription] = []
        self._gatherer: Gatherer[RawImage] | None = None
        self._said: set[str] = set()

    def close(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            subscription.close()
        self._subscriptions.clear()

    def forget_images(self) -> None:
        """Forget images that wait for those of other cameras."""
        if self._gatherer is not None:
            self._gatherer.clear()

    def hear(self, name: str, row: str, listener: Callable[[Any], None], *, topic: str = '',
             type_name: str = '', parameter: str = '', raw: bool = False,
             needed: bool = True) -> str:
        """
        Listen to a topic, and return its full name.

        :param name: of the input, for people.
        :param row: of the table; ``topic`` and ``type_name`` stand in place of what it says.
        :param parameter: that names the topic; the first word of the name where left out.
        :param raw: hand messages on as they came (CDR).
        :param needed: whether silence is worth a warning.
        """
        said: Topic = self._interface.topic(row, 'in')
        kind = type_name or said.type

        def heard(data: bytes) -> None:
            self._health.heard(name)
            try:
                message = data if raw else self._graph.read(data, kind)
            except ValueError as error:
                self._health.left_out(name, str(error))
                return
            listener(message)

        # Not by the full name: that would be remapped once more.
        subscription = self._graph.subscribe(
            topic or said.name, kind, said.qos, heard, partial(self._health.incompatible, name))
        self._subscriptions.append(subscription)
        self._health.listen(name, subscription.topic, kind.rpartition('/')[2], needed=needed,
                            parameter=parameter)
        return subscription.topic

    def hear_cameras(self, cameras: Sequence[CameraTopics], rig: Rig, settings: InputSettings,
                     on_moment: Callable[[tuple[RawImage, ...]], None]) -> list[str]:
        """Listen to cameras, what calibrates and mounts them, and return the topics of images."""
        gatherer = self._gatherer = Gatherer(
            [camera.camera for camera in cameras], round(settings.camera_tolerance_s * 1e9),
            patience_ns=round(settings.camera_patience_s * 1e9))

        def on_image(camera: CameraTopics, data: bytes) -> None:
            try:
                stamp_ns = stamp_of_serialized(data)
            except ValueError as error:
                self._health.left_out(image_input(cameras, camera), str(error))
                return
            if not stamp_ns:
                self._once(f'images of camera {camera.camera} come without a stamp: the time at '
                           'which they arrive stands in for it')
                stamp_ns = self._graph.now_ns()
            raw = RawImage(stamp_ns, camera.camera, bytes(data), time.monotonic_ns())
            for moment in gatherer.add(raw):
                on_moment(moment)

        topics = []
        for camera in cameras:
            name = image_input(cameras, camera)
            row = 'image/compressed' if camera.compressed else 'image'
            self._hear_info(camera, rig)
            topics.append(self.hear(
                name, row, partial(on_image, camera), topic=camera.image, raw=True,
                parameter='image' if len(cameras) == 1 else 'cameras'))
        self.hear_still_transforms(rig.hear_transforms)
        return topics

    def hear_still_transforms(self, on_transforms: Callable[[list[StampedPose]], None]) -> None:
        """Listen to the transforms that never change."""
        self.hear('/tf_static', '/tf_static', self._transforms(on_transforms), needed=False)

    def hear_moving_transforms(self, on_transforms: Callable[[list[StampedPose]], None]) -> None:
        """Listen to the transforms that do."""
        self.hear('/tf', '/tf', self._transforms(on_transforms), parameter='map_frame')

    def _transforms(self, on_transforms: Callable[[list[StampedPose]], None],
                    ) -> Callable[[Any], None]:
        def listener(message: Any) -> None:
            try:
                on_transforms(transforms_from_message(message))
            except ValueError as error:
                self._once(f'a message of transforms was left out: {error}')
        return listener

    def _hear_info(self, camera: CameraTopics, rig: Rig) -> None:
        last = b''
        name = f'camera_info {camera.camera}'

        def listener(data: bytes) -> None:
            # As many as images, and all the same but for their stamp: looked at once.
            nonlocal last
            content = bytes(data[_STAMP_BYTES:])
            if content == last:
                return
            last = content
            try:
                rig.hear_info(camera.camera,
                              self._graph.read(data, 'sensor_msgs/msg/CameraInfo'))
            except ValueError as error:
                self._health.left_out(name, str(error))

        self.hear(name, 'camera_info', listener, topic=camera.info, raw=True, needed=False)

    def _once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            _log.warning('%s', sentence)
