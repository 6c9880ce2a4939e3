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

"""What an active node hears."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from functools import partial
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rclpy.node import Node
from rclpy.qos import qos_policy_name_from_kind
from rclpy.qos import QoSPolicyKind
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.serialization import deserialize_message
from rclpy.subscription import Subscription
from vpr_ros.live.camera_topics import CameraTopics
from vpr_ros.live.health import Health
from vpr_ros.live.raw_image import RawImage
from vpr_ros.live.rig import Rig
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.geometry import transforms_from_message
from vpr_ros.messages.images import decode_compressed_image
from vpr_ros.messages.images import decode_image
from vpr_ros.messages.rclpy_factory import message_class
from vpr_ros.messages.stamps import stamp_of_serialized
from vpr_ros.live.interface import Interface
from vpr_ros.live.interface import Topic
from vpr_ros.nodes.qos import profile
from vpr_ros.runtime.gatherer import Gatherer
from vpr_ros.settings import InputSettings

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

__all__ = ['image_input', 'ImageDecoder', 'Inputs']

# Those that ROS lets be overridden by default, and durability, for calibrations told once.
_OVERRIDABLE = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY,
                QoSPolicyKind.DURABILITY)
# What the header of a message takes before its frame: encapsulation and stamp.
_STAMP_BYTES = 12


def image_input(cameras: Sequence[CameraTopics], camera: CameraTopics) -> str:
    """Return what the images of a camera are called in diagnostics."""
    return 'image' if len(cameras) == 1 else f'image {camera.camera}'


class ImageDecoder:
    """Decodes images of cameras, whose topics say what they are made of."""

    def __init__(self, cameras: Sequence[CameraTopics]) -> None:
        self._compressed = {camera.camera: camera.compressed for camera in cameras}

    def __call__(self, raw: RawImage) -> NDArray[np.uint8]:
        """Return (H, W, 3) RGB; VprError or ValueError where it cannot be decoded."""
        if self._compressed[raw.camera]:
            kind = message_class('sensor_msgs/msg/CompressedImage')
            return decode_compressed_image(deserialize_message(raw.data, kind))
        kind = message_class('sensor_msgs/msg/Image')
        return decode_image(deserialize_message(raw.data, kind))


class Inputs:
    """
    The subscriptions of a node while it is active, each watched for silence and for its QoS.

    :param interface: what the node hears, and how.
    """

    def __init__(self, node: Node, interface: Interface, health: Health) -> None:
        self._node = node
        self._interface = interface
        self._health = health
        self._subscriptions: list[Subscription] = []
        self._gatherer: Gatherer[RawImage] | None = None
        self._said: set[str] = set()

    def close(self) -> None:
        """Stop listening."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
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
        :param raw: hand messages on as they came.
        :param needed: whether silence is worth a warning.
        """
        said: Topic = self._interface.topic(row, 'in')
        kind = message_class(type_name or said.type)
        events = SubscriptionEventCallbacks(
            incompatible_qos=lambda event: self._misfit(name, event.last_policy_kind))

        def heard(message: Any) -> None:
            self._health.heard(name)
            listener(message)

        subscription = self._node.create_subscription(
            kind, topic or said.name, heard, profile(said.qos), raw=raw, event_callbacks=events,
            qos_overriding_options=QoSOverridingOptions(_OVERRIDABLE))
        self._subscriptions.append(subscription)
        full_name: str = subscription.topic_name
        self._health.listen(name, full_name, kind.__name__, needed=needed, parameter=parameter)
        return full_name

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
                stamp_ns = self._node.get_clock().now().nanoseconds
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

        def listener(data: bytes) -> None:
            # As many as images, and all the same but for their stamp: looked at once.
            nonlocal last
            content = bytes(data[_STAMP_BYTES:])
            if content != last:
                last = content
                kind = message_class('sensor_msgs/msg/CameraInfo')
                rig.hear_info(camera.camera, deserialize_message(data, kind))

        self.hear(f'camera_info {camera.camera}', 'camera_info', listener, topic=camera.info,
                  raw=True, needed=False)

    def _misfit(self, name: str, policy: Any) -> None:
        self._health.incompatible(name, qos_policy_name_from_kind(policy))

    def _once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._node.get_logger().warning(sentence)
