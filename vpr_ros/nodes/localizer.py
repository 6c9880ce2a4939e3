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
The node ``localizer``: images in, places out.

Its executor thread only moves messages: the images wait undecoded in a slot of one, a worker
decodes and localizes the latest, and its answers return to the executor to be published.
"""

from __future__ import annotations

from dataclasses import dataclass
import logging
from pathlib import Path
import sys
from threading import Event
import time

import rclpy
from rclpy.clock import JumpThreshold
from rclpy.clock import TimeJump
from rclpy.duration import Duration
from rclpy.executors import ExternalShutdownException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import HistoryPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from vpr_ros.answers import answer_messages
from vpr_ros.answers import ANSWER_TYPES
from vpr_ros.errors import VprError
from vpr_ros.matching.localizer import Localizer
from vpr_ros.matching.localizer import open_localizer
from vpr_ros.messages.images import decode_compressed_image
from vpr_ros.messages.images import decode_image
from vpr_ros.messages.rclpy_factory import message_class
from vpr_ros.messages.rclpy_factory import RclpyFactory
from vpr_ros.messages.stamps import ns_from_stamp
from vpr_ros.nodes.logs import LogBridge
from vpr_ros.nodes.parameters import declare_settings
from vpr_ros.nodes.parameters import read_node_settings
from vpr_ros.nodes.parameters import validate_changes
from vpr_ros.runtime.worker import Worker
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Frame
from vpr_ros.types import Localization

__all__ = ['LocalizerNode', 'main']

# The latest image is worth more than all of them; a replay overrides this by parameter.
_IMAGE_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1,
                        reliability=ReliabilityPolicy.BEST_EFFORT)
_ANSWER_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10,
                         reliability=ReliabilityPolicy.RELIABLE)


@dataclass(frozen=True)
class _Job:
    """One image to localize, and how."""

    serialized: bytes
    settings: LocalizeSettings


class LocalizerNode(LifecycleNode):
    """
    Publishes where in a map the images of a camera were taken.

    ``~/place_match`` (vpr_msgs/PlaceMatch) for every image that was looked at, ``~/loop_closure``
    (vpr_msgs/LoopClosure) for known places, ``~/pose`` (PoseWithCovarianceStamped in the map
    frame) for known places whose pose the map has. Stamps are those of the images.
    """

    def __init__(self) -> None:
        super().__init__('localizer')
        logging.getLogger('vpr_ros').addHandler(LogBridge(self.get_logger()))
        declare_settings(self, LocalizeSettings)
        self.add_on_set_parameters_callback(self._on_set_parameters)
        self._factory = RclpyFactory()
        self._localizer: Localizer | None = None
        self._worker: Worker[_Job, Localization] | None = None
        self._settings = LocalizeSettings()
        self._settings_changed = False
        # Not a part of the job: a job may be replaced before its turn comes.
        self._reset_wanted = Event()
        self._session = ''
        self._last_image = 0.0
        self._warned_of_silence = False

    # Life cycle ---------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the map and its network; one clear sentence when that cannot be done."""
        try:
            self._load()
        except VprError as error:
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        return TransitionCallbackReturn.SUCCESS

    def _load(self) -> None:
        self._answer_classes = {topic: message_class(type_name)
                                for topic, type_name in ANSWER_TYPES.items()}
        self._settings = read_node_settings(self, LocalizeSettings)
        if not self._settings.map:
            raise VprError('parameter map is empty: give the path of a map, made with '
                           '"vpr_ros map build"')
        self._localizer = open_localizer(
            Path(self._settings.map), self._settings.extraction, self._settings.matching,
            self._settings.index)
        snapshot = self._localizer.snapshot
        self.get_logger().info(f'{len(snapshot)} places of {self._settings.map}, described by '
                               f'{snapshot.network.name}')

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to listen and to answer."""
        settings = self._settings
        self._session = f'{self.get_name()} {time.time_ns()}'
        self._answers = {topic: self.create_publisher(kind, f'~/{topic}', _ANSWER_QOS)
                         for topic, kind in self._answer_classes.items()}
        self._answers_ready = self.create_guard_condition(self._publish_answers)
        self._worker = Worker(self._localize, self._answers_ready.trigger)
        topic = settings.image or 'image'
        self._images = self.create_subscription(
            CompressedImage if settings.compressed else Image,
            f'{topic}/compressed' if settings.compressed else topic, self._on_image, _IMAGE_QOS,
            raw=True, qos_overriding_options=QoSOverridingOptions.with_default_policies())
        self._jumps = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1)),
            post_callback=self._on_time_jump)
        self._last_image, self._warned_of_silence = time.monotonic(), False
        self._silence_timer = self.create_timer(1.0, self._watch_silence)
        self._reset_wanted.set()
        self.get_logger().info(f'localizing images on {self._images.topic_name}')
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; the map stays loaded."""
        self._stop()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of the map and the network."""
        self._localizer = None
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop whatever runs."""
        self._stop()
        return TransitionCallbackReturn.SUCCESS

    def _stop(self) -> None:
        if self._worker is None:
            return
        self.destroy_subscription(self._images)
        self._worker.stop()
        self._worker = None
        self._jumps.unregister()
        self.destroy_timer(self._silence_timer)
        self.destroy_guard_condition(self._answers_ready)
        for publisher in self._answers.values():
            self.destroy_publisher(publisher)

    # On the executor's thread -------------------------------------------------------------------

    def _on_image(self, serialized: bytes) -> None:
        if self._worker is None:
            return
        self._last_image, self._warned_of_silence = time.monotonic(), False
        if self._settings_changed:
            # Validated when they were set; applied here, because Humble calls nobody afterwards.
            self._settings = read_node_settings(self, LocalizeSettings)
            self._settings_changed = False
        self._worker.submit(_Job(serialized, self._settings))

    def _publish_answers(self) -> None:
        if self._worker is None:
            return
        for answer in self._worker.collect():
            if isinstance(answer, Exception):
                self.get_logger().warning(f'an image was left out: {answer}')
            else:
                self._publish(answer)

    def _publish(self, answer: Localization) -> None:
        for topic, message in answer_messages(self._factory, answer, session=self._session,
                                              settings=self._settings):
            self._answers[topic].publish(message)

    def _on_set_parameters(self, changes: list[Parameter]) -> object:
        self._settings_changed = True
        return validate_changes(self, LocalizeSettings, changes)

    def _on_time_jump(self, jump: TimeJump) -> None:
        self.get_logger().info('time went back: starting anew')
        self._reset_wanted.set()

    def _watch_silence(self) -> None:
        silent = time.monotonic() - self._last_image
        if silent < self._settings.silence_s or self._warned_of_silence:
            return
        self._warned_of_silence = True
        topic = self._images.topic_name
        publishers = self.count_publishers(topic)
        hint = ('nobody publishes it: set the parameter image' if publishers == 0 else
                f'{publishers} publish it: is it an image, and is their QoS compatible?')
        self.get_logger().warning(f'no image on {topic} for {silent:.0f} s; {hint}')

    # On the worker's thread ---------------------------------------------------------------------

    def _localize(self, job: _Job) -> Localization:
        assert self._localizer is not None
        if job.settings.matching is not self._localizer.settings:
            self._localizer.change_settings(job.settings.matching)
        if self._reset_wanted.is_set():
            self._reset_wanted.clear()
            self._localizer.reset()
        if job.settings.compressed:
            message = deserialize_message(job.serialized, CompressedImage)
            image = decode_compressed_image(message)
        else:
            message = deserialize_message(job.serialized, Image)
            image = decode_image(message)
        frame = Frame(ns_from_stamp(message.header.stamp), image, camera=job.settings.camera)
        _, localization = self._localizer.localize(frame)
        return localization


def main() -> None:
    """Run the node until it is stopped."""
    rclpy.init(args=sys.argv)
    node = LocalizerNode()
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if node.get_parameter('autostart').value and (
                node.trigger_configure() == TransitionCallbackReturn.SUCCESS):
            node.trigger_activate()
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        node.on_shutdown(LifecycleState(0, 'finalizing'))
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == '__main__':
    main()
