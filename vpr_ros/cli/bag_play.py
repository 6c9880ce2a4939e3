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


"""Command: vpr_ros bag play."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import signal
import time
from typing import Annotated
from typing import Any
from typing import TYPE_CHECKING

import typer
from typer.core import TyperCommand
from vpr_ros.cli.console import plural
from vpr_ros.cli.console import progress
from vpr_ros.cli.console import remark
from vpr_ros.cli.console import say
from vpr_ros.cli.console import status
from vpr_ros.cli.options import Domain
from vpr_ros.cli.options import RosDistro
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.cli.console import ProgressLine
    from vpr_ros.dds.play import Played
    from vpr_ros.dds.play import Player

__all__ = ['play', 'PlayCommand']

_NODE = 'bag_player'
# As "ros2 bag play" takes it without a number.
_CLOCK_HZ = 40
_TOPIC_LISTS = ('--topic', '--topics', '--exclude-topic', '--exclude-topics')
_REMAPS = ('--remap', '-m')
# Between two looks at the line by those who watch it.
_SHOW_S = 0.1


class PlayCommand(TyperCommand):
    """Takes ``--clock`` with and without a number, and lists of topics, as ROS does."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Spell out what was left out, and parse."""
        return super().parse_args(ctx, _spelled_out(args))


def _spelled_out(args: list[str]) -> list[str]:
    """Return the words with a number behind ``--clock``, and each topic behind its option."""
    spelled: list[str] = []
    option = ''
    for at, word in enumerate(args):
        behind = args[at - 1] if at else ''
        if option and behind != option and _goes_on(option, word):
            spelled.append(option)
        elif behind not in (*_TOPIC_LISTS, *_REMAPS):
            option = word if word in (*_TOPIC_LISTS, *_REMAPS) else ''
        spelled.append(word)
        if word == '--clock' and not _is_number(args[at + 1:at + 2]):
            spelled.append(str(_CLOCK_HZ))
    return spelled


def _goes_on(option: str, word: str) -> bool:
    """Tell whether a word is one more of a list, and no bag."""
    if option in _REMAPS:
        return ':=' in word
    return word.startswith('/') and not os.path.exists(word)


def _is_number(words: list[str]) -> bool:
    try:
        return bool([float(word) for word in words])
    except ValueError:
        return False


def play(
    path: Annotated[Path, typer.Argument(metavar='BAG', help='A rosbag2 or rosbag1 recording.')],
    rate: Annotated[float, typer.Option('--rate', '-r', help='How fast to play.')] = 1.0,
    loop: Annotated[bool, typer.Option(
        '--loop', '-l', help='Begin again at the end, until Ctrl-C.')] = False,
    clock: Annotated[float, typer.Option(
        '--clock', metavar='[HZ]', help='Tell the time in the bag on /clock, 40 times a second or '
        'as often as said, for nodes with use_sim_time; a recorded /clock is not played.',
        show_default=False)] = 0.0,
    topic: Annotated[list[str], typer.Option(
        '--topic', '--topics', metavar='TOPIC ...', help='Only these topics; may be repeated.',
        show_default='all')] = [],  # noqa: B006
    exclude: Annotated[list[str], typer.Option(
        '--exclude-topic', '--exclude-topics', metavar='TOPIC ...', help='Not these topics.',
        show_default=False)] = [],  # noqa: B006
    remap: Annotated[list[str], typer.Option(
        '--remap', '-m', metavar='OLD:=NEW ...', help='Play a topic under another name.',
        show_default=False)] = [],  # noqa: B006
    start: Annotated[float, typer.Option(
        '--start', '--start-offset', min=0, metavar='S', help='Begin so many seconds into the '
        'bag; what was latched by then is sent first.')] = 0.0,
    duration: Annotated[float | None, typer.Option(
        '--duration', '--playback-duration', min=0, metavar='S', help='Play so many seconds of '
        'the bag.', show_default='to its end')] = None,
    delay: Annotated[float, typer.Option(
        '--delay', '-d', min=0, max=86_400, metavar='S',
        help='Wait so many seconds before each turn.')] = 0.0,
    wait: Annotated[float, typer.Option(
        '--wait', min=0, metavar='S', help='Begin when somebody listens to the images of each '
        'camera (in a bag without images: to anything), or when so many seconds are over.')] = 0.0,
    domain: Domain = None,
    ros_distro: RosDistro = 'jazzy',
) -> None:
    """
    Publish what a bag holds on a ROS 2 graph, as it was recorded, with no ROS installed here.

    Topics have the quality of service that they were recorded with; what the bag says nothing of
    is reliable, and static transforms are latched. Which nodes it finds, the environment says, as
    for all of ROS: `ROS_DOMAIN_ID`, `ROS_AUTOMATIC_DISCOVERY_RANGE`, `ROS_STATIC_PEERS`,
    `CYCLONEDDS_URI`. Ctrl-C ends it.

    Example: `vpr_ros bag play night.mcap --clock`

    Example: `vpr_ros bag play night.mcap --loop --rate 0.5 --topics /camera/image_raw/compressed
    /odom --wait 30`
    """
    from vpr_ros.bags.playback import PlayOptions
    from vpr_ros.bags.reader import BagReader
    from vpr_ros.dds.participant import Participant
    from vpr_ros.dds.play import Player
    from vpr_ros.runtime.interrupts import interrupt_once

    options = PlayOptions(
        topics=tuple(topic), exclude=tuple(exclude), remap=tuple(map(_renamed, remap)), rate=rate,
        start_s=start, duration_s=float('inf') if duration is None else duration, loop=loop,
        delay_s=delay, clock_hz=clock)
    # However it is ended, others on the graph are told that this node leaves.
    interrupt_once(signal.SIGTERM)
    with BagReader(path) as bag, Participant(
            _NODE, domain=domain, ros_distro=ros_distro) as participant:
        player = Player(bag, participant, options)
        for name, reason in player.left_out.items():
            remark(f'{name} is left out: {reason}')
        say(f'Playing {len(player.topics)} {plural(len(player.topics), "topic")} on domain '
            f'{participant.domain}.')
        with _told(player):
            if wait:
                _wait(player, wait)
            length_s = round(player.length_s)
            with progress('playing, in seconds', length_s) as line:
                player.play(_Line(line, length_s).show)


def _renamed(text: str) -> tuple[str, str]:
    old, colon, new = text.partition(':=')
    if not (old and colon and new):
        raise VprError(f'--remap {text}: expected OLD:=NEW, as in /image_raw:=/camera/image_raw')
    return old, new if new.startswith('/') else f'/{new}'


@contextmanager
def _told(player: Player) -> Iterator[None]:
    """Say at the end, also at an early one, what was published."""
    try:
        yield
    finally:
        _tell(player.played())


def _tell(played: Played) -> None:
    for name in played.behind:
        remark(f'not all who listen to {name} had all of it when play ended')
    text = (f'[bold]{played.count}[/] {plural(played.count, "message")} in '
            f'{played.seconds:.1f} s')
    if played.turns > 1:
        text += f', {played.turns} turns'
    if played.count:
        text += (f'; late by {1e3 * played.late_s:.1f} ms at the median, '
                 f'{1e3 * played.late_p99_s:.1f} ms for 99 of 100, '
                 f'{1e3 * played.latest_s:.1f} ms at most')
    say(text)


def _wait(player: Player, seconds: float) -> None:
    with status('waiting for somebody who listens'):
        unheard = player.wait(seconds)
    if unheard:
        remark(f'nobody listens to {", ".join(unheard)} after {seconds:g} s: played all the same')


class _Line:
    """Shows on a line how far the turn is."""

    def __init__(self, line: ProgressLine, length_s: int) -> None:
        self._line, self._length_s = line, length_s
        self._shown_s = self._bag_s = 0.0
        self._turn = 1

    def show(self, bag_s: float) -> None:
        """Take in how many seconds of the bag were played."""
        now_s = time.monotonic()
        if bag_s < self._bag_s:
            self._turn += 1
            self._line.restart()
            self._line.note(f'turn {self._turn}')
        self._bag_s = bag_s
        if now_s - self._shown_s > _SHOW_S or bag_s > self._length_s - _SHOW_S:
            self._shown_s = now_s
            self._line.reach(round(bag_s), self._length_s)
