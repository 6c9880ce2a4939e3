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
decodes and localizes the latest, and its answers return to the executor to be published. Odometry
is kept for some seconds, and each image gets what is known at its stamp when it is decoded: an
image whose odometry has not come by then is localized without it, for later would be too late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import logging
from pathlib import Path
import sys
from threading import Event
import time
from typing import Any

from nav_msgs.msg import Odometry
import rclpy
from rclpy.clock import JumpHandle
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
from rclpy.subscription import Subscription
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image
from vpr_ros.answers import answer_messages
from vpr_ros.answers import ANSWER_TYPES
from vpr_ros.errors import VprError
from vpr_ros.matching.localizer import Localizer
from vpr_ros.matching.localizer import open_localizer
from vpr_ros.matching.localizer_state import LocalizerState
from vpr_ros.messages.geometry import POSE_READERS
from vpr_ros.messages.images import decode_compressed_image
from vpr_ros.messages.images import decode_image
from vpr_ros.messages.rclpy_factory import message_class
from vpr_ros.messages.rclpy_factory import RclpyFactory
from vpr_ros.messages.stamps import ns_from_stamp
from vpr_ros.nodes.logs import LogBridge
from vpr_ros.nodes.parameters import declare_settings
from vpr_ros.nodes.parameters import read_node_settings
from vpr_ros.nodes.parameters import validate_changes
from vpr_ros.runtime.live_track import LiveTrack
from vpr_ros.runtime.worker import Worker
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Frame
from vpr_ros.types import Localization
from vpr_ros.types import Pose

__all__ = ['LocalizerNode', 'main']

# The latest image is worth more than all of them; a replay overrides this by parameter.
_IMAGE_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=1,
                        reliability=ReliabilityPolicy.BEST_EFFORT)
# Half a second at 200 Hz: none may be lost while the executor publishes. Best effort hears all.
_ODOMETRY_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=100,
                           reliability=ReliabilityPolicy.BEST_EFFORT)
_ANSWER_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=10,
                         reliability=ReliabilityPolicy.RELIABLE)


@dataclass(frozen=True)
class _Job:
    """One image to localize, and how."""

    serialized: bytes
    settings: LocalizeSettings


@dataclass
class _Heard:
    """
    A subscription and when it was last heard.

    :param name: of its parameter.
    :param last: of the monotonic clock.
    """

    name: str
    type_name: str
    subscription: Subscription
    last: float
    warned: bool = False

    def now(self) -> None:
        """Note that a message came."""
        self.last, self.warned = time.monotonic(), False


class LocalizerNode(LifecycleNode):
    """
    Publishes where in a map the images of a camera were taken.

    ``~/place_match`` (vpr_msgs/PlaceMatch) for every image that was looked at, ``~/loop_closure``
    (vpr_msgs/LoopClosure) for known places, ``~/pose`` (PoseWithCovarianceStamped in the map
    frame) for known places whose pose the map has. Stamps are those of the images.

    With the parameter ``resume`` it goes on where it was deactivated, unless time goes back.
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
        self._state: LocalizerState | None = None
        self._odometry = LiveTrack()
        self._jumps: JumpHandle | None = None
        self._session = ''

    # Life cycle ---------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load the map and its network; one clear sentence when that cannot be done."""
        try:
            self._load()
        except VprError as error:
            self.get_logger().error(str(error))
            return TransitionCallbackReturn.FAILURE
        # Heard while inactive, too: what is known then is of a time that no longer is.
        self._jumps = self.get_clock().create_jump_callback(
            JumpThreshold(min_forward=None, min_backward=Duration(nanoseconds=-1)),
            post_callback=self._on_time_jump)
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
        self._resume(settings.resume)
        topic = settings.image or 'image'
        self._images = self._hear(
            'image', CompressedImage if settings.compressed else Image,
            f'{topic}/compressed' if settings.compressed else topic, self._on_image, _IMAGE_QOS,
            raw=True)
        self._moves = self._hear('odometry', Odometry, settings.odometry, self._on_odometry,
                                 _ODOMETRY_QOS) if settings.odometry else None
        self._silence_timer = self.create_timer(1.0, self._watch_silence)
        told = f' and odometry on {self._moves.subscription.topic_name}' if self._moves else ''
        self.get_logger().info(
            f'localizing images on {self._images.subscription.topic_name}{told}')
        return super().on_activate(state)

    def _hear(self, name: str, kind: type, topic: str, listener: Callable[[Any], None],
              qos: QoSProfile, *, raw: bool = False) -> _Heard:
        subscription = self.create_subscription(
            kind, topic, listener, qos, raw=raw,
            qos_overriding_options=QoSOverridingOptions.with_default_policies())
        return _Heard(name, kind.__name__, subscription, time.monotonic())

    def _resume(self, wanted: bool) -> None:
        """Go on where the node was deactivated, or anew; the worker has nothing to do yet."""
        assert self._localizer is not None
        if not wanted or self._state is None or self._reset_wanted.is_set():
            self._reset_wanted.set()
            return
        self._localizer.restore(self._state)
        self.get_logger().info('going on where it was deactivated')

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop listening; the map stays loaded."""
        self._stop()
        # After the worker, which would go on changing it.
        assert self._localizer is not None
        self._state = self._localizer.state()
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Let go of the map and the network."""
        self._forget()
        return TransitionCallbackReturn.SUCCESS

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stop whatever runs."""
        self._stop()
        self._forget()
        return TransitionCallbackReturn.SUCCESS

    def _forget(self) -> None:
        if self._localizer is not None:
            self._localizer.close()
        self._localizer = self._state = None
        if self._jumps is not None:
            self._jumps.unregister()
            self._jumps = None

    def _stop(self) -> None:
        if self._worker is None:
            return
        for heard in self._all_heard():
            self.destroy_subscription(heard.subscription)
        self._worker.stop()
        self._worker = None
        self._odometry.clear()
        self.destroy_timer(self._silence_timer)
        self.destroy_guard_condition(self._answers_ready)
        for publisher in self._answers.values():
            self.destroy_publisher(publisher)

    # On the executor's thread -------------------------------------------------------------------

    def _on_image(self, serialized: bytes) -> None:
        if self._worker is None:
            return
        self._images.now()
        if self._settings_changed:
            # Validated when they were set; applied here, because Humble calls nobody afterwards.
            self._settings = read_node_settings(self, LocalizeSettings)
            self._settings_changed = False
        self._worker.submit(_Job(serialized, self._settings))

    def _on_odometry(self, message: Odometry) -> None:
        if self._worker is None or self._moves is None:
            return
        self._moves.now()
        try:
            self._odometry.add(POSE_READERS['nav_msgs/msg/Odometry'](message))
        except ValueError as error:  # as drivers send before they know
            self.get_logger().warning(f'odometry was left out: {error}',
                                      throttle_duration_sec=10.0)

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
        self._odometry.clear()
        self._reset_wanted.set()

    def _all_heard(self) -> list[_Heard]:
        return [self._images] if self._moves is None else [self._images, self._moves]

    def _watch_silence(self) -> None:
        for heard in self._all_heard():
            silent = time.monotonic() - heard.last
            if silent < self._settings.silence_s or heard.warned:
                continue
            heard.warned = True
            topic = heard.subscription.topic_name
            publishers = self.count_publishers(topic)
            hint = (f'nobody publishes it: set the parameter {heard.name}' if publishers == 0 else
                    f'{publishers} publish it: is it {heard.type_name}, and is their QoS '
                    'compatible?')
            self.get_logger().warning(f'no {heard.name} on {topic} for {silent:.0f} s; {hint}')

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
        stamp_ns = ns_from_stamp(message.header.stamp)
        frame = Frame(stamp_ns, image, camera=job.settings.camera,
                      T_odom_base=self._where_driven(stamp_ns))
        _, localization = self._localizer.localize(frame)
        return localization

    def _where_driven(self, stamp_ns: int) -> Pose | None:
        """Return T_odom_base; None where it has not come, which is not waited for."""
        pose = self._odometry.at(stamp_ns)
        last_ns = self._odometry.last_ns
        if pose is None and last_ns is not None:
            self.get_logger().warning(
                f'no odometry near an image (the last is {(last_ns - stamp_ns) / 1e9:+.2f} s from '
                'it), which is localized without it: are both stamped by one clock?',
                throttle_duration_sec=10.0)
        return pose


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
