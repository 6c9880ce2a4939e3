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


"""What of a bag is played, and in which order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from vpr_ros.bags.reader import BagReader
from vpr_ros.bags.reader import Channel
from vpr_ros.bags.reader import RawMessage
from vpr_ros.bags.schedule import Schedule
from vpr_ros.errors import VprError
from vpr_ros.messages.stamps import LAST_STAMP_NS

__all__ = ['CLOCK', 'Playback', 'PlayOptions']

#: The topic on which the time in a bag is told.
CLOCK = '/clock'


@dataclass(frozen=True)
class PlayOptions:
    """
    What of a bag is played, and how.

    :param topics: their names; empty: all.
    :param exclude: topics that are not played.
    :param remap: the new names of topics, as pairs with those in the bag.
    :param rate: how fast time goes.
    :param start_s: where to begin, from the first message of the bag.
    :param duration_s: how much to play, in seconds of the bag.
    :param loop: begin again at the end, until stopped.
    :param delay_s: what to wait before each turn.
    :param clock_hz: how often the time in the bag is told, in the place of a recorded /clock; 0:
        never.
    """

    topics: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    remap: tuple[tuple[str, str], ...] = ()
    rate: float = 1.0
    start_s: float = 0.0
    duration_s: float = float('inf')
    loop: bool = False
    delay_s: float = 0.0
    clock_hz: float = 0.0


class Playback:
    """
    The messages of a bag in the order in which they go out, again and again if asked for.

    :raises VprError: where there is nothing to play, and for topics that the bag does not have.
    """

    def __init__(self, bag: BagReader, options: PlayOptions) -> None:
        self._bag = bag
        self._options = options
        first_ns, last_ns = bag.start_ns, bag.end_ns
        if first_ns is None or last_ns is None:
            raise VprError(f'{bag.path} holds no messages, so there is nothing to play')
        self._first_ns, self._last_ns = first_ns, last_ns
        if options.start_s * 1e9 > last_ns - first_ns:
            raise VprError(f'{bag.path} lasts {(last_ns - first_ns) / 1e9:.1f} s: play cannot '
                           f'begin after {options.start_s:g} s')
        self._start_ns = first_ns + round(options.start_s * 1e9)
        self._stop_ns = 1 + (last_ns if options.duration_s * 1e9 > last_ns - self._start_ns else
                             self._start_ns + round(options.duration_s * 1e9))
        #: When what is due.
        self.schedule = Schedule(self._start_ns, rate=options.rate, clock_hz=options.clock_hz)
        #: Why topics are not played, by their names.
        self.left_out: dict[str, str] = {}
        #: What is played, by topics and types.
        self.channels = tuple(self._channels())
        self.check()
        if options.clock_hz and last_ns > LAST_STAMP_NS:
            raise VprError(f'{bag.path} ends {last_ns} ns after the epoch, which is too late for '
                           f'{CLOCK}: play it without')
        self._names = {bag.topic_name(old): new for old, new in options.remap}

    def check(self) -> None:
        """Speak up where no topic is left."""
        if not self.channels:
            reasons = '; '.join(self.left_out.values()) or 'all topics are excluded'
            raise VprError(f'{self._bag.path}: no topic can be played: {reasons}')

    def name(self, topic: str) -> str:
        """Return how a topic of the bag is to be called."""
        return self._names.get(topic, topic)

    def _channels(self) -> Iterator[Channel]:
        names = self._options.topics or [topic.name for topic in self._bag.topics()]
        wanted = sorted({self._bag.topic_name(name) for name in names})
        excluded = {self._bag.topic_name(name) for name in self._options.exclude}
        if self._options.clock_hz:
            excluded.add(CLOCK)
        for name in wanted:
            if name in excluded:
                continue
            try:
                yield from self._bag.channels(name)
            except VprError as error:
                self.left_out[name] = str(error)

    def leave_out(self, topic: str, reason: str) -> None:
        """Play on without a topic."""
        self.channels = tuple(one for one in self.channels if one.topic != topic)
        self.left_out[topic] = reason

    @property
    def length_s(self) -> float:
        """Return how many seconds of the bag a turn is."""
        return (min(self._last_ns, self._stop_ns) - self._start_ns) / 1e9

    def turns(self) -> Iterator[RawMessage | None]:
        """
        Yield the messages of a turn and then None; again and again where the bag is looped.

        Play that begins later begins with what was latched by then.

        :raises VprError: for a turn without messages.
        """
        topics = sorted({channel.topic for channel in self.channels})
        before = list(self._latched_before())
        while True:
            count = 0
            for message in chain(before, self._bag.raw_messages(
                    topics, start_ns=self._start_ns, stop_ns=self._stop_ns)):
                count += 1
                yield message
            if not count:
                raise VprError(f'{self._bag.path}: nothing to play: there are no messages on '
                               f'{", ".join(topics)} in that time')
            yield None
            if not self._options.loop:
                return

    def _latched_before(self) -> Iterator[RawMessage]:
        if self._start_ns == self._first_ns:
            return
        for channel in self.channels:
            if channel.offer.latched and channel.count:
                yield from deque(
                    (message for message in self._bag.raw_messages(
                        [channel.topic], stop_ns=self._start_ns)
                     if message.type_name == channel.type_name), channel.offer.depth)
