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
What it takes to play a bag into a localizer: parameters of the node, and a command.

The bag itself says which topics hold its images, how many there are, and of which type they are.
Nothing of ROS is imported. Launch files run this module as a command, in the Python of the nodes,
which has what it takes to read bags.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from dataclasses import dataclass
import json
from pathlib import Path
import sys

from vpr_ros.bags.reader import BagReader
from vpr_ros.config import make_settings
from vpr_ros.config import parameters
from vpr_ros.config import read_parameter_file
from vpr_ros.errors import VprError
from vpr_ros.live.camera_topics import camera_topics
from vpr_ros.messages.topics import compressed_topic
from vpr_ros.messages.topics import is_compressed
from vpr_ros.settings import LocalizeSettings

__all__ = ['main', 'parse_remappings', 'plan_replay', 'Replay', 'settings_of']

_LATCHED = {'durability': 'transient_local', 'reliability': 'reliable', 'history': 'keep_last',
            'depth': 100}
_LOSSLESS = {'durability': 'volatile', 'reliability': 'reliable', 'history': 'keep_all'}
# What waits on any other topic than those of images, at least.
_LEAST_DEPTH = 100


@dataclass(frozen=True)
class Replay:
    """
    A bag as a localizer hears it.

    :param parameters: of the node.
    :param remappings: topic of the bag -> topic that it is played on.
    :param qos: topic of the bag -> how it is published, where that differs from its recording.
    """

    parameters: Mapping[str, object]
    remappings: Mapping[str, str]
    qos: Mapping[str, Mapping[str, object]]


def parse_remappings(text: str) -> dict[str, str]:
    """Return old -> new of a text such as ``/a:=/b,/c:=/d``."""
    pairs: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(','))):
        old, separator, new = part.partition(':=')
        if not (separator and old and new):
            raise VprError(f'a topic is remapped as /old:=/new, several as /a:=/b,/c:=/d; got '
                           f'{part!r}')
        pairs[old] = new
    return pairs


def settings_of(params_file: Path, given: Mapping[str, object]) -> LocalizeSettings:
    """Return the settings of a parameter file for the localizer, under those that were given."""
    known = {row.name for row in parameters(LocalizeSettings)}
    # A parameter file of a node also holds what is none of the settings, such as use_sim_time.
    in_file = {name: value for name, value in read_parameter_file(params_file, 'localizer').items()
               if name in known}
    return make_settings(LocalizeSettings, {**in_file, **given})


def plan_replay(bag: Path, settings: LocalizeSettings, *, lossless: bool,
                remappings: Mapping[str, str] | None = None) -> Replay:
    """
    Look into a bag and say how it is played into a localizer.

    :param settings: whose topics are those of the bag.
    :param lossless: let nothing be dropped between the bag and the answers.
    :param remappings: topic of the bag -> topic that it is to be played on.
    :raises VprError: for what is no rosbag2, and for topics that the bag does not have.
    """
    if bag.suffix == '.bag':
        raise VprError(f'{bag} is a bag of ROS 1, which "ros2 bag play" does not know; convert '
                       f'it: rosbags-convert --src {bag} --dst {bag.with_suffix("")}')
    renamed = dict(remappings or {})
    with BagReader(bag) as reader:
        counts = {topic.name: topic.count for topic in reader.topics()}
        types = {topic.name: topic.type_name for topic in reader.topics()}
        if not settings.image and not any(settings.cameras):
            settings = settings.model_copy(update={'image': reader.image_topic()})
        cameras = {heard.camera: reader.image_topic(heard.image)
                   for heard in camera_topics(settings)}
    for topic in cameras.values():
        name = renamed.get(topic, topic)
        # By its name alone the node knows what is compressed.
        if types[topic].endswith('/CompressedImage') and not is_compressed(name):
            renamed[topic] = compressed_topic(name)
    infos = [info.rpartition('=')[2] for info in settings.camera_info if info]
    heard_too = [topic for topic in (settings.odometry, *infos) if topic]
    missing = [topic for topic in heard_too if topic not in counts]
    if missing:
        raise VprError(f'{bag} has no topic {missing[0]}, only: {", ".join(sorted(counts))}')
    played = {topic: renamed.get(topic, topic) for topic in (*cameras.values(), *heard_too)}
    return Replay(
        {**_inputs(settings, cameras, played),
         **(_nothing_lost(played, counts, cameras) if lossless else {})},
        renamed,
        {**(dict.fromkeys(played, _LOSSLESS) if lossless else {}),
         **{topic: _LATCHED for topic in counts if topic.rpartition('/')[2] == 'tf_static'}})


def _inputs(settings: LocalizeSettings, cameras: Mapping[str, str],
            played: Mapping[str, str]) -> dict[str, object]:
    """Return the parameters that name topics, each by the name that it is played on."""
    inputs: dict[str, object] = {'compressed': False}
    if any(settings.cameras):
        inputs['cameras'] = [f'{camera}={played[topic]}' for camera, topic in cameras.items()]
    else:
        (inputs['image'],) = (played[topic] for topic in cameras.values())
    if settings.odometry:
        inputs['odometry'] = played[settings.odometry]
    if any(settings.camera_info):
        inputs['camera_info'] = [
            f'{name}{equals}{played[topic]}' for name, equals, topic in (
                info.rpartition('=') for info in settings.camera_info if info)]
    return inputs


def _nothing_lost(played: Mapping[str, str], counts: Mapping[str, int],
                  cameras: Mapping[str, str]) -> dict[str, object]:
    overrides: dict[str, object] = {'queue_size': max(1, *(counts[t] for t in cameras.values()))}
    for topic, name in played.items():
        rules = f'qos_overrides.{name}.subscription'
        overrides |= {f'{rules}.reliability': 'reliable', f'{rules}.history': 'keep_last',
                      f'{rules}.depth': max(_LEAST_DEPTH, counts[topic])}
    return overrides


def main() -> None:
    """Read a plan's question as JSON from standard input and answer in JSON."""
    asked = json.load(sys.stdin)
    try:
        replay = plan_replay(
            Path(asked['bag']), settings_of(Path(asked['params_file']), asked['parameters']),
            lossless=asked['lossless'], remappings=parse_remappings(asked['remap']))
    except VprError as error:
        sys.exit(str(error))
    json.dump(asdict(replay), sys.stdout)


if __name__ == '__main__':
    main()
