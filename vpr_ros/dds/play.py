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


"""A bag played on a ROS 2 graph, as ``ros2 bag play`` does, with no ROS installed."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Collection
from dataclasses import dataclass
import threading
import time

from vpr_ros.bags.playback import CLOCK
from vpr_ros.bags.playback import Playback
from vpr_ros.bags.playback import PlayOptions
from vpr_ros.bags.reader import BagReader
from vpr_ros.bags.reader import Channel
from vpr_ros.bags.reader import RawMessage
from vpr_ros.dds.names import resolve_topic
from vpr_ros.dds.participant import Participant
from vpr_ros.dds.writer import Writer
from vpr_ros.errors import VprError
from vpr_ros.live.interface import Qos
from vpr_ros.messages.rosbags_factory import RosbagsFactory
from vpr_ros.messages.rosbags_factory import typestore
from vpr_ros.messages.stamps import stamp_from_ns
from vpr_ros.runtime.lateness import Lateness
from vpr_ros.runtime.read_ahead import ReadAhead

__all__ = ['Played', 'Player']

_CLOCK_TYPE = 'rosgraph_msgs/msg/Clock'
# As ROS publishes it: who misses a time needs the next one more.
_CLOCK_QOS = Qos(reliable=False, depth=1)
# What is read ahead: two seconds of raw images at 30 Hz.
_AHEAD_BYTES = 64 * 2**20
# What a message weighs beside its data: no more than a thousand wait.
_MESSAGE_BYTES = 2**16
_FILL_S = 0.2
# Who listens is seen a little before he sees who publishes.
_SETTLE_S = 0.3
_LOOK_S = 0.02
_ACKNOWLEDGE_S = 5.0
# Between two looks at whether play is to end.
_LONGEST_WAIT_S = 0.1
# A bag of one moment is not repeated without a pause.
_SHORTEST_TURN_NS = 100_000_000


@dataclass(frozen=True)
class Played:
    """
    What was published, and how late.

    :param messages: by topic, as it is called on the graph, without those that tell the time.
    :param seconds: from the first message to the last.
    :param turns: that were begun.
    :param late_s: half of the messages had gone out no later than that after their time.
    :param late_p99_s: 99 of 100 had.
    :param latest_s: all had.
    :param behind: topics of which not all had reached all who listen when play ended.
    """

    messages: dict[str, int]
    seconds: float
    turns: int
    late_s: float
    late_p99_s: float
    latest_s: float
    behind: tuple[str, ...]

    @property
    def count(self) -> int:
        """Return how many messages were published."""
        return sum(self.messages.values())


class Player:
    """
    Plays a bag on a participant.

    Each message goes out when it is due since the turn began, so that what is late makes nothing
    after it late. Messages are read ahead on a thread, and sent on that of the caller.

    :param bag: open, and used by nobody else meanwhile.
    :param participant: who stays as long as what is latched is to be heard.
    :raises VprError: where there is nothing to play.
    """

    def __init__(self, bag: BagReader, participant: Participant,
                 options: PlayOptions | None = None) -> None:
        self._options = options or PlayOptions()
        self._playback = Playback(bag, self._options)
        self._participant = participant
        self._stopped = threading.Event()
        self._writers: dict[tuple[str, str], Writer] = {}
        for channel in self._playback.channels:
            self._advertise(channel)
        self._playback.check()
        self._tell_time = _clock(participant) if self._options.clock_hz else None
        played = {channel.topic for channel in self._playback.channels if channel.count}
        self._images = [topic.name for topic in bag.image_topics() if topic.name in played]
        self._lateness = Lateness()
        self._messages = dict.fromkeys((writer.topic for writer in self._writers.values()), 0)
        self._turns = 0
        self._first_ns = self._last_ns = 0
        self._behind: list[str] = []

    def _advertise(self, channel: Channel) -> None:
        try:
            name = resolve_topic(self._playback.name(channel.topic), node='', namespace='/')
            self._writers[channel.topic, channel.type_name] = self._participant.writer(
                name, channel.type_name, channel.offer, channel.store)
        except VprError as error:  # names that only ROS 1 knows, and what DDS cannot carry
            self._playback.leave_out(channel.topic, str(error))

    @property
    def left_out(self) -> dict[str, str]:
        """Return why topics are not played, by their names in the bag."""
        return self._playback.left_out

    @property
    def topics(self) -> tuple[str, ...]:
        """Return what is played, as it is called on the graph."""
        return tuple(self._messages)

    @property
    def length_s(self) -> float:
        """Return how many seconds of the bag a turn is."""
        return self._playback.length_s

    def wait(self, timeout_s: float) -> tuple[str, ...]:
        """
        Wait until somebody listens to the images of each camera, or where there are none to all.

        :return: the topics to which nobody listens when the time is up.
        """
        end_s = time.monotonic() + timeout_s
        while unheard := self._unheard():
            if time.monotonic() > end_s or self._stopped.wait(_LOOK_S):
                return unheard
        self._stopped.wait(_SETTLE_S)
        return ()

    def _unheard(self) -> tuple[str, ...]:
        if self._images:
            # Who listens to the JPEG images of a camera needs no raw ones.
            return tuple(self._playback.name(name) for name in self._images
                         if not self._is_heard({name, f'{name}/compressed'}))
        return () if self._is_heard({topic for topic, _ in self._writers}) else self.topics

    def _is_heard(self, topics: Collection[str]) -> bool:
        return any(writer.matched() for (topic, _), writer in self._writers.items()
                   if topic in topics)

    def play(self, reached: Callable[[float], None] = lambda bag_s: None) -> Played:
        """
        Publish what the bag holds, each message at its time, to the end or until stopped.

        :param reached: is told after each message how many seconds of the bag the turn has had.
        :raises VprError: for damage when it is reached.
        """
        delay_ns = round(self._options.delay_s * 1e9)
        with ReadAhead(self._playback.turns(), weight=_weight, limit=_AHEAD_BYTES) as ahead:
            ahead.wait_for_some(_FILL_S)
            begin_ns = time.monotonic_ns() + delay_ns
            while self._pause(begin_ns):
                self._turns += 1
                length_ns = self._turn(ahead, begin_ns, reached)
                if not self._options.loop:
                    break
                begin_ns += max(length_ns, _SHORTEST_TURN_NS) + delay_ns
        self._acknowledge()
        return self.played()

    def _turn(self, ahead: ReadAhead[RawMessage | None], begin_ns: int,
              reached: Callable[[float], None]) -> int:
        """Play the bag once, and return how long that is by the schedule."""
        at_ns = 0
        for due in self._playback.schedule.turn(iter(ahead.__next__, None)):
            at_ns = due.at_ns
            if not self._pause(begin_ns + at_ns):
                break
            if due.message is None:
                if self._tell_time is not None:
                    self._tell_time(due.time_ns)
            else:
                self._send(due.message, begin_ns + at_ns)
                reached(at_ns * self._options.rate / 1e9)
        return at_ns

    def _send(self, message: RawMessage, due_ns: int) -> None:
        writer = self._writers[message.topic, message.type_name]
        # Offers are never without limit: who cannot follow loses the oldest, and holds nobody up.
        writer.write(message.data)
        now_ns = time.monotonic_ns()
        self._lateness.add(now_ns - due_ns)
        self._messages[writer.topic] += 1
        self._first_ns = self._first_ns or now_ns
        self._last_ns = now_ns

    def _pause(self, until_ns: int) -> bool:
        """Wait until then; False where play is to stop."""
        while (rest_ns := until_ns - time.monotonic_ns()) > 0:
            if self._stopped.wait(rest_ns / 1e9):
                return False
        return not self._stopped.is_set()

    def _acknowledge(self) -> None:
        """Wait until those who listen have what was sent: it goes when this process goes."""
        end_s = time.monotonic() + _ACKNOWLEDGE_S
        for writer in self._writers.values():
            while not self._stopped.is_set() and not writer.wait_for_acks(_LONGEST_WAIT_S):
                if time.monotonic() > end_s:
                    self._behind.append(writer.topic)
                    break

    def stop(self) -> None:
        """Have :meth:`play` return soon; from any thread."""
        self._stopped.set()

    def played(self) -> Played:
        """Return what was published up to now."""
        return Played(dict(self._messages), (self._last_ns - self._first_ns) / 1e9, self._turns,
                      self._lateness.of_share_s(0.5), self._lateness.of_share_s(0.99),
                      self._lateness.latest_s, tuple(self._behind))


def _weight(message: RawMessage | None) -> int:
    return _MESSAGE_BYTES + (0 if message is None else len(message.data))


def _clock(participant: Participant) -> Callable[[int], None]:
    """Return what tells the time to all who go by it."""
    writer = participant.writer(CLOCK, _CLOCK_TYPE, _CLOCK_QOS)
    factory = RosbagsFactory()

    def tell(time_ns: int) -> None:
        clock = factory.new(_CLOCK_TYPE, clock=stamp_from_ns(factory, time_ns))
        writer.write(bytes(typestore().serialize_cdr(clock, _CLOCK_TYPE)))

    return tell
