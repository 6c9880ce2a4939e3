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
Images in, places out, whoever carries the messages.

The thread of the graph only moves messages: images wait undecoded, the latest alone unless
``queue_size`` says otherwise, a worker decodes and localizes them, and its answers return to that
thread to be published. Odometry is kept for some seconds, and each image gets what is known at
its stamp when it is decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import logging
import math
from pathlib import Path
import time
from typing import Any

from vpr_ros.answers import answer_messages
from vpr_ros.answers import ANSWER_TYPES
from vpr_ros.errors import VprError
from vpr_ros.live.camera_topics import camera_topics
from vpr_ros.live.graph import Graph
from vpr_ros.live.graph import Timer
from vpr_ros.live.host import Host
from vpr_ros.live.in_map import InMap
from vpr_ros.live.inputs import image_input
from vpr_ros.live.inputs import ImageDecoder
from vpr_ros.live.inputs import Inputs
from vpr_ros.live.interface import LOCALIZER
from vpr_ros.live.localizing import Answer
from vpr_ros.live.localizing import LiveLocalizer
from vpr_ros.live.localizing import Query
from vpr_ros.live.map_to_odom import MapToOdom
from vpr_ros.live.online import Online
from vpr_ros.live.raw_image import RawImage
from vpr_ros.live.recognizer import MapFacts
from vpr_ros.live.recognizer import Recognizer
from vpr_ros.live.rig import Rig
from vpr_ros.messages.attention import attention_message
from vpr_ros.messages.geometry import POSE_READERS
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.geometry import tf_message
from vpr_ros.messages.markers import markers_message
from vpr_ros.messages.results import new_place_message
from vpr_ros.runtime.live_track import LiveTrack
from vpr_ros.runtime.time_jumps import goes_back
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Localization

__all__ = ['LocalizerHost']

_log = logging.getLogger(__name__)
_CLOCK_BEHIND_S = 1.0


class LocalizerHost(Host[LocalizeSettings]):
    """
    Publishes where in a map the images of a robot's cameras were taken.

    ``~/place_match`` (vpr_msgs/PlaceMatch) for every image that was looked at, ``~/loop_closure``
    (vpr_msgs/LoopClosure) for known places, ``~/pose`` (PoseWithCovarianceStamped in the map
    frame) for known places whose pose the map has; see :data:`vpr_ros.live.interface.LOCALIZER`
    for the rest. Stamps are those of the images.

    With ``resume`` it goes on where it was deactivated, unless time goes back. With ``online``
    there is no map but the one that it builds of where it has been.
    """

    def __init__(self, graph: Graph, settings: Callable[[], LocalizeSettings]) -> None:
        super().__init__(graph, LOCALIZER, settings, task='localization')
        #: Is told of each image that was looked at, after what it came to was published.
        self.on_answer: Callable[[Answer], None] = _tell_nobody
        self.live: LiveLocalizer | None = None
        #: What it listens to, for people.
        self.hears = ''
        self._odometry = LiveTrack()
        self._odometry_frames = '', ''  # that of its poses, and that of the robot in it
        self._run = 0  # how often all began anew
        self._last_image_ns = 0
        self._went_back_s = -math.inf  # when the stamps of images did, of the monotonic clock
        self._inputs: Inputs | None = None
        self._tf_timer: Timer | None = None
        self._tf_problem = ''
        self._map_to_odom = MapToOdom(sigma_m=math.inf, sigma_rad=math.inf)

    # Life ---------------------------------------------------------------------------------------

    def load(self) -> None:
        """Load the map and its network."""
        s = self.settings
        if bool(s.map) == s.online:
            raise VprError(
                'parameter map is empty: give the path of a map, made with "vpr_ros map build", '
                'or set online to find loops without one' if not s.map else
                f'online builds a map of its own, and map names {s.map}: leave one of them out')
        if s.publish_tf and not s.odometry:
            raise VprError('publish_tf needs odometry: set the parameter odometry to its topic')
        self.session = f'{self.graph.node_name} {time.time_ns()}'
        self._cameras = camera_topics(s, resolve=self.graph.resolve)
        self._rig = Rig(self._cameras, s.base_frame)
        recognizer: Recognizer = (
            Online(s, session=self.session) if s.online else
            InMap(Path(s.map).expanduser(), s, session=self.session))
        self.live = LiveLocalizer(recognizer, rig=self._rig, odometry=self._odometry,
                                  decode=ImageDecoder(self._cameras, self.graph.read))
        _log.info('%s', recognizer.facts())

    def unload(self) -> None:
        """Let go of the map and the network."""
        if self.live is not None and self.worker is not None:
            live = self.live
            self.have_done(lambda: live.recognizer.close())
        self.live = None

    def begin(self) -> None:
        """Listen to cameras and odometry, and answer."""
        s = self.settings
        assert self.live is not None and self.worker is not None
        live = self.live
        self.have_done(lambda: (live.recognizer.resume if s.resume else live.recognizer.reset)())
        self._tf_problem = ''
        self.speak(*ANSWER_TYPES, 'markers', 'attention', *(['new_place'] if s.online else []),
                   *(['/tf'] if s.publish_tf else []))
        self._inputs = Inputs(self.graph, LOCALIZER, self.health)
        odometry = s.odometry and self._inputs.hear(
            'odometry', 'odometry', self._on_odometry, topic=s.odometry)
        topics = self._inputs.hear_cameras(self._cameras, self._rig, s, self._on_moment)
        if s.publish_tf:
            self._tf_timer = self.graph.every(1.0 / s.tf_rate_hz, self._publish_tf, steady=False)
        self.hears = f"images on {', '.join(topics)}" + (
            f' and odometry on {odometry}' if odometry else '')
        _log.info('localizing %s', self.hears)

    def end(self) -> None:
        """Stop listening; the map stays loaded."""
        if self._inputs is not None:
            self._inputs.close()
            self._inputs = None
        if self._tf_timer is not None:
            self._tf_timer.close()
            self._tf_timer = None
        self._odometry.clear()
        self._map_to_odom.reset()

    def reset(self) -> None:
        """Forget where the robot was, and what is looked at or waits to be."""
        assert self.live is not None and self.worker is not None
        self._run += 1
        if self._inputs is not None:
            self._inputs.forget_images()
        self.worker.forget()
        live = self.live
        self.have_done(lambda: live.recognizer.reset())
        self._map_to_odom.reset()

    def hurry(self) -> None:
        """Let an image wait for no odometry."""
        self._odometry.hurry()

    def time_went_back(self) -> None:
        """Forget what was known of a time that no longer is."""
        _log.info('starting anew')
        self._last_image_ns = 0
        self._odometry.clear()
        self.reset()

    def has_begun_anew(self) -> bool:
        """
        Tell whether images of the new time have come already.

        A bag that begins again sends its first image and its clock at once, in any order: what
        that image began is not to be begun again without it.
        """
        began_s, self._went_back_s = self._went_back_s, -math.inf  # the next jump is another
        return time.monotonic() - began_s < _CLOCK_BEHIND_S

    # On the thread of the graph -----------------------------------------------------------------

    def _on_moment(self, images: tuple[RawImage, ...]) -> None:
        stamp_ns = images[0].stamp_ns
        if goes_back(stamp_ns, self._last_image_ns):
            # What recognizes places sees that, too, when it comes to this image.
            self._went_back_s = time.monotonic()
            self._map_to_odom.reset()
        self._last_image_ns = stamp_ns
        self.submit(Query(images, self.settings, self.is_heard('attention'), self._run),
                    stamp_ns=stamp_ns)

    def _on_odometry(self, message: Any) -> None:
        try:
            sample = POSE_READERS['nav_msgs/msg/Odometry'](message)
        except ValueError as error:  # as drivers send before they know
            self.health.left_out('odometry', str(error))
            if self.seldom.due('odometry'):
                _log.warning('odometry was left out: %s', error)
            return
        self._odometry_frames = sample.parent, sample.child
        self._odometry.add(sample, asked_ns=self.waiting_since_ns())

    def left_out(self, why: str) -> None:
        """Note that an image could not be used."""
        self.health.left_out(image_input(self._cameras, self._cameras[0]), why)

    def tell(self, result: Any) -> None:
        """Publish an answer."""
        answer: Answer = result
        if answer.run != self._run:  # of where the robot was believed to be before a reset
            return
        s, found, facts = self.settings, answer.recognition.localization, self._facts()
        factory = self.graph.factory
        self._warn_of_odometry(answer)
        if answer.recognition.place is not None:
            self.publish('new_place', new_place_message(
                factory, answer.recognition.place, map_id=facts.map_id, map_frame=s.map_frame))
        if answer.picture is not None:
            self.publish('attention', attention_message(
                factory, answer.picture.image, answer.picture.attention,
                stamp_ns=answer.stamp_ns, frame_id=self._cameras[0].camera))
        if found is not None:
            # Another map may have been loaded since.
            datum = facts.datum if facts.map_id == found.map_id else None
            for topic, message in answer_messages(
                    factory, found, session=self.session, settings=s, datum=datum,
                    closure=answer.recognition.closure):
                self.publish(topic, message)
        self.health.worked(answer.stage_times_ns,
                           age_ns=time.monotonic_ns() - answer.received_ns)
        if found is not None:
            self.health.outcome(found.reason)
            self.health.known(found.known)
            if self.is_heard('markers'):
                self.publish('markers', markers_message(factory, found, map_frame=s.map_frame))
            self._correct(found, answer)
        elif answer.recognition.place is not None:
            self.health.outcome('too few places yet to compare with')
        self.on_answer(answer)

    def _warn_of_odometry(self, answer: Answer) -> None:
        last_ns = self._odometry.last_ns
        if not self.settings.odometry or answer.T_odom_base is not None or last_ns is None:
            return
        if self._last_image_ns < answer.stamp_ns:
            return  # time went back since: its odometry is forgotten
        if self.seldom.due('no odometry'):
            _log.warning(
                'no odometry near an image (the last is %+.2f s from it), which is localized '
                'without it: are both stamped by one clock?', (last_ns - answer.stamp_ns) / 1e9)

    def _correct(self, found: Localization, answer: Answer) -> None:
        """Take a known pose as a correction of odometry, where it is certain enough."""
        s = self.settings
        if not (s.publish_tf and found.known):
            return
        self._map_to_odom.change(sigma_m=s.tf_sigma_m, sigma_rad=s.tf_sigma_rad)
        frame = self._odometry_frames[1] or s.base_frame
        T_child_base = self._rig.base_of(frame)
        if found.T_map_base is None:
            self._tf_problem = 'the map does not know where this place is'
        elif answer.T_odom_base is None:
            self._tf_problem = 'there is no odometry at the stamp of the image'
        elif T_child_base is None:
            self._tf_problem = (f'no transform joins {frame}, which odometry follows, and '
                                f'{s.base_frame}')
        else:
            self._tf_problem = self._map_to_odom.update(found.T_map_base,
                                                        answer.T_odom_base @ T_child_base)

    def _publish_tf(self) -> None:
        T_map_odom = self._map_to_odom.T_map_odom
        if T_map_odom is None or not self._odometry_frames[0]:
            return
        s = self.settings
        self.publish('/tf', tf_message(self.graph.factory, [StampedPose(
            self.graph.now_ns() + round(s.tf_tolerance_s * 1e9), s.map_frame,
            self._odometry_frames[0], T_map_odom)]))

    # What diagnostics say -----------------------------------------------------------------------

    def facts(self) -> Mapping[str, str]:
        """Return what diagnostics say of the map."""
        if self.live is None:
            return {}
        facts = self._facts()
        # No fault: places are recognized without, but how the robot stands to them is not known.
        calibration = '; '.join(self._rig.missing()) or 'known'
        return {'map': facts.name, 'map id': facts.map_id, 'map revision': str(facts.revision),
                'places': str(facts.places), 'network': facts.network,
                'calibration': calibration}

    def problems(self) -> Sequence[str]:
        """Return what keeps the host from doing all it could."""
        if not self._tf_problem:
            return ()
        return (f'the transform from {self.settings.map_frame} is not corrected: '
                f'{self._tf_problem}',)

    def _facts(self) -> MapFacts:
        assert self.live is not None
        return self.live.recognizer.facts()

    # On the worker's thread ---------------------------------------------------------------------

    def work(self, job: Any) -> Answer:
        """Answer one query."""
        assert self.live is not None
        return self.live.answer(job)


def _tell_nobody(answer: Answer) -> None:
    """Nobody waits for it."""
