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

"""How a host is doing, and why nothing comes out of it where nothing does."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from enum import IntEnum
import time
from types import MappingProxyType

from vpr_ros.messages.topics import compressed_topic
from vpr_ros.runtime.recent_values import RecentValues

__all__ = ['Health', 'Level', 'Status']

_ACTIVE = 'active'


class Level(IntEnum):
    """As diagnostic_msgs/DiagnosticStatus counts them."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


@dataclass(frozen=True)
class Status:
    """
    How one thing is doing.

    :param message: one sentence.
    :param values: what was measured, with units in the names.
    """

    name: str
    level: Level
    message: str
    values: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, 'values', MappingProxyType(dict(self.values)))


@dataclass
class _Input:
    """
    A topic that is listened to.

    :param last_s: when it was last heard, or when listening began.
    :param complaint: why it is silent; empty while it is not, or not for long.
    :param warned: whether that has been said.
    :param policy: that of a publisher which does not fit; empty where all do.
    """

    name: str
    topic: str
    type_name: str
    parameter: str
    needed: bool
    last_s: float
    rate: RecentValues
    left_out: RecentValues
    heard_count: int = 0
    left_out_count: int = 0
    left_out_why: str = ''
    complaint: str = ''
    warned: bool = False
    publishers: int | None = None
    policy: str = ''

    def silence(self, silent_s: float, publishers: Callable[[str], int]) -> str:
        """Return one sentence: what is missing, since when, and what to do."""
        noun = self.name.partition(' ')[0]
        return (f'no {noun} on {self.topic} for {silent_s:.0f} s; '
                f'{self._advice(publishers(self.topic), publishers)}')

    def _advice(self, count: int, publishers: Callable[[str], int]) -> str:
        kind = self.type_name.rpartition('/')[2]
        if count:
            unfit = f' A publisher does not fit: {self.policy}' if self.policy else ''
            return (f'{count} {"publishes" if count == 1 else "publish"} it: is it {kind}, and is '
                    f'their QoS compatible?{unfit}')
        if kind == 'Image' and publishers(compressed_topic(self.topic)):
            return (f'nobody publishes it, but {compressed_topic(self.topic)}: set the parameter '
                    'compressed')
        return f'nobody publishes it: set the parameter {self.parameter}'


class Health:
    """
    Keeps what diagnostics are made of; one thread tells it all.

    :param task: what the host does, for the name of its status.
    :param clock: seconds that only go forward.
    """

    def __init__(self, *, task: str = 'localization',
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._task = task
        self._clock = clock
        self._inputs: dict[str, _Input] = {}
        began_s = clock()
        self._stages: dict[str, RecentValues] = {}
        self._ages = RecentValues(began_s)
        self._known = RecentValues(began_s)
        self._answer_count = 0
        self._outcome = ''

    def listen(self, name: str, topic: str, type_name: str, *, needed: bool = True,
               parameter: str = '') -> None:
        """
        Watch an input from now on, anew where it was watched before.

        :param name: such as ``odometry`` or ``image front``: its first word says what is missing.
        :param type_name: of its messages, with or without the package.
        :param needed: whether silence is worth a warning.
        :param parameter: that names its topic; the first word of the name where left out.
        """
        now_s = self._clock()
        self._inputs[name] = _Input(
            name, topic, type_name, parameter or name.partition(' ')[0], needed, now_s,
            RecentValues(now_s), RecentValues(now_s))

    def forget_inputs(self) -> None:
        """Watch none: nothing is listened to any more."""
        self._inputs.clear()

    def heard(self, name: str) -> None:
        """Note that a message came."""
        heard = self._inputs[name]
        heard.last_s = self._clock()
        heard.rate.add(heard.last_s)
        heard.heard_count += 1
        heard.complaint, heard.warned = '', False

    def left_out(self, name: str, why: str) -> None:
        """Note that a message could not be used."""
        heard = self._inputs[name]
        heard.left_out.add(self._clock())
        heard.left_out_count += 1
        heard.left_out_why = why

    def incompatible(self, name: str, policy: str) -> None:
        """Note that the quality of service of a publisher does not fit."""
        self._inputs[name].policy = policy

    def worked(self, stage_times_ns: Mapping[str, int], *, age_ns: int) -> None:
        """
        Note one answer.

        :param age_ns: from when its image came to when it was sent.
        """
        now_s = self._clock()
        self._answer_count += 1
        self._ages.add(now_s, age_ns * 1e-6)
        for stage, lasted_ns in stage_times_ns.items():
            if stage not in self._stages:
                self._stages[stage] = RecentValues(now_s)
            self._stages[stage].add(now_s, lasted_ns * 1e-6)

    def outcome(self, text: str) -> None:
        """Note what was decided last, and why."""
        self._outcome = text

    def known(self, known: bool) -> None:
        """Note whether an answer names a place."""
        self._known.add(self._clock(), float(known))

    def silence(self, silence_s: float, publishers: Callable[[str], int]) -> list[str]:
        """
        Return a sentence for each needed input that has just become silent for too long.

        :param publishers: tells how many publish a topic.
        """
        now_s = self._clock()
        new = []
        for heard in self._inputs.values():
            heard.publishers = publishers(heard.topic)
            silent_s = now_s - heard.last_s
            if silent_s < silence_s or not heard.needed:
                continue
            heard.complaint = heard.silence(silent_s, publishers)
            if not heard.warned:
                new.append(heard.complaint)
            heard.warned = True
        return new

    def statuses(self, *, dropped: int, state: str, facts: Mapping[str, str],
                 problems: Sequence[str]) -> list[Status]:
        """
        Return how each input is doing, and all of it.

        :param dropped: how many images made room for later ones.
        :param state: ``active``; in any other state silence is no fault, and the state is told.
        :param facts: other values to show.
        :param problems: sentences about what is wrong beside silence.
        """
        return [*(self._input_status(heard, state) for heard in self._inputs.values()),
                self._status(dropped, state, facts, problems)]

    def _input_status(self, heard: _Input, state: str) -> Status:
        now_s = self._clock()
        rate, left_out = heard.rate.summary(now_s), heard.left_out.summary(now_s)
        values = {'topic': heard.topic, 'type': heard.type_name,
                  'rate (Hz)': _number(rate.rate_hz), 'received': str(heard.heard_count)}
        if heard.heard_count:
            values['since the last (s)'] = _number(now_s - heard.last_s)
        if heard.publishers is not None:
            values['publishers'] = str(heard.publishers)
        if heard.left_out_count:
            values['left out'] = str(heard.left_out_count)
            values['last left out because'] = heard.left_out_why
        if heard.policy:
            values['QoS of a publisher that does not fit'] = heard.policy
        name = f'input {heard.name}'
        if state != _ACTIVE:
            return Status(name, Level.OK, state, values)
        if heard.complaint:
            return Status(name, Level.WARN, heard.complaint, values)
        if heard.policy and not rate.count:
            return Status(name, Level.WARN, f'a publisher on {heard.topic} does not fit: its QoS '
                          f'differs in {heard.policy}; see qos_overrides', values)
        if left_out.count:
            return Status(name, Level.WARN, f'{left_out.count} messages of the last 10 s were '
                          f'left out, the last because: {heard.left_out_why}', values)
        if not heard.heard_count:
            return Status(name, Level.OK, f'nothing yet on {heard.topic}', values)
        return Status(name, Level.OK, f'{rate.rate_hz:.1f} Hz on {heard.topic}', values)

    def _status(self, dropped: int, state: str, facts: Mapping[str, str],
                problems: Sequence[str]) -> Status:
        now_s = self._clock()
        ages, known = self._ages.summary(now_s), self._known.summary(now_s)
        values = {'state': state, 'answers': str(self._answer_count),
                  'answers (Hz)': _number(ages.rate_hz), 'dropped': str(dropped)}
        if ages.count:
            values |= {'age mean (ms)': _number(ages.mean), 'age max (ms)': _number(ages.largest)}
        for stage, window in self._stages.items():
            lasted = window.summary(now_s)
            if lasted.count:
                values |= {f'{stage} mean (ms)': _number(lasted.mean),
                           f'{stage} max (ms)': _number(lasted.largest)}
        if known.count:
            values['known (%)'] = _number(100.0 * known.mean)
        if self._outcome:
            values['last answer'] = self._outcome
        values |= facts
        name = self._task
        silent = [heard.complaint for heard in self._inputs.values() if heard.complaint]
        wrong = [*problems, *(silent if state == _ACTIVE else ())]
        if wrong:
            return Status(name, Level.WARN, '; '.join(wrong), values)
        if state != _ACTIVE:
            return Status(name, Level.OK, state, values)
        return Status(name, Level.OK, self._outcome or 'nothing has been answered yet', values)


def _number(value: float) -> str:
    return f'{value:.4g}'
