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

"""Bags as a stream of messages."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
import logging
from pathlib import Path
from types import TracebackType
from typing import Any
from typing import TypeVar

from rosbags import rosbag1
from rosbags import rosbag2
from rosbags.interfaces import Connection
from rosbags.interfaces import MessageDefinition
from rosbags.typesys.store import Typestore
from vpr_ros.bags.cdr import cdr_type
from vpr_ros.bags.cdr import CdrType
from vpr_ros.bags.damage import naming_damage
from vpr_ros.bags.definitions import Definitions
from vpr_ros.bags.offers import recorded_offer
from vpr_ros.bags.recovery import ClosedMcap
from vpr_ros.bags.recovery import is_cut_mcap
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.messages.depth_images import DEPTH_ENCODINGS
from vpr_ros.messages.geometry import POSE_READERS
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.geometry import transforms_from_message
from vpr_ros.messages.qos import Qos
from vpr_ros.messages.sensors import fix_from_message
from vpr_ros.messages.sensors import SatelliteFix
from vpr_ros.types import Frame

__all__ = ['BagMessage', 'BagReader', 'Channel', 'RawMessage', 'Topic']

_log = logging.getLogger(__name__)
_RAW_IMAGE = 'sensor_msgs/msg/Image'
_IMAGE_TYPES = (_RAW_IMAGE, 'sensor_msgs/msg/CompressedImage')
_FIX_TYPES = ('sensor_msgs/msg/NavSatFix',)
_TF_TYPES = ('tf2_msgs/msg/TFMessage', 'tf/msg/tfMessage')

Made = TypeVar('Made')


@dataclass(frozen=True)
class Topic:
    """What a bag holds under one name."""

    name: str
    type_name: str
    count: int


@dataclass(frozen=True, eq=False)
class BagMessage:
    """
    A message as it was recorded.

    :param stamp_ns: when it was received, which is not the stamp in its header.
    """

    topic: str
    type_name: str
    stamp_ns: int
    message: Any


@dataclass(frozen=True, eq=False)
class Channel:
    """
    What is needed to publish a recorded topic again.

    :param type_name: of ROS 2, also of what ROS 1 recorded.
    :param store: knows that type, as the bag defines it.
    """

    topic: str
    type_name: str
    store: Typestore
    offer: Qos
    count: int


@dataclass(frozen=True, eq=False)
class RawMessage:
    """
    A message as a ROS 2 graph carries it.

    :param stamp_ns: when it was received.
    :param data: CDR; of what ROS 1 recorded it is made.
    """

    topic: str
    type_name: str
    stamp_ns: int
    data: bytes


class BagReader:
    """
    Reads a rosbag2 folder, a bare .mcap or .db3 file, or a rosbag1 .bag file.

    A context manager. Everything streams; iterate one thing at a time, because all iterators share
    one position in the file. An MCAP file whose recorder was killed is read as far as it is whole.

    :raises VprError: naming the file, when it is missing, damaged or no bag.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        #: Whether the end of the recording is missing.
        self.truncated = False
        self._stack = ExitStack()

    def __enter__(self) -> BagReader:
        """Open the bag."""
        file = _storage(self.path)
        with naming_damage(file), self._stack:
            self._reader = self._open(file)
            self._stack.enter_context(self._reader)
            self._connections = list(self._reader.connections)
            self._stack = self._stack.pop_all()  # opened: stay open beyond this block
        self._file = file
        self._ros1 = isinstance(self._reader, rosbag1.Reader)
        self._definitions = Definitions(self.path, ros1=self._ros1)
        self._cdr_types: dict[tuple[str, MessageDefinition], CdrType] = {}
        return self

    def __exit__(self, error_type: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Close the bag."""
        self._stack.close()

    def _open(self, file: Path) -> rosbag1.Reader | rosbag2.Reader:
        if file.suffix == '.bag':
            return rosbag1.Reader(file)
        if file.suffix == '.mcap' and is_cut_mcap(file):
            closed = ClosedMcap(file)
            self.truncated = True
            _log.warning(
                '%s was not closed by its recorder: reading its first %d of %d bytes, which are '
                'whole', file, closed.whole_bytes, file.stat().st_size)
            return rosbag2.Reader(closed)
        return rosbag2.Reader(file)

    @property
    def message_count(self) -> int:
        """How many messages the bag holds."""
        return int(self._reader.message_count)

    @property
    def start_ns(self) -> int | None:
        """When the first message was received, or None for an empty bag."""
        return int(self._reader.start_time) if self.message_count else None

    @property
    def end_ns(self) -> int | None:
        """When the last message was received, or None for an empty bag."""
        return int(self._reader.end_time) - 1 if self.message_count else None

    def topics(self) -> tuple[Topic, ...]:
        """Return what the bag holds, sorted by name."""
        counts: dict[tuple[str, str], int] = {}
        for connection in self._connections:
            key = connection.topic, connection.msgtype
            counts[key] = counts.get(key, 0) + connection.msgcount
        return tuple(Topic(*key, count) for key, count in sorted(counts.items()))

    def messages(self, topics: Iterable[str] | None = None, *, start_ns: int | None = None,
                 stop_ns: int | None = None) -> Iterator[BagMessage]:
        """
        Iterate over messages in the order in which they were received.

        :param topics: their names; None for all.
        :param start_ns: skip what was received earlier.
        :param stop_ns: skip what was received then or later.
        :raises VprError: for a name the bag does not have, and for damage when it is reached.
        """
        return self._messages(self._wanted(topics), start_ns, stop_ns, self._deserialized)

    def raw_messages(self, topics: Iterable[str] | None = None, *, start_ns: int | None = None,
                     stop_ns: int | None = None) -> Iterator[RawMessage]:
        """Iterate as :meth:`messages` does over messages as a ROS 2 graph carries them."""
        return self._messages(self._wanted(topics), start_ns, stop_ns, self._carried)

    def _wanted(self, topics: Iterable[str] | None) -> list[Connection]:
        if topics is None:
            return self._connections
        wanted = {self._topic(name).name for name in topics}
        return [connection for connection in self._connections if connection.topic in wanted]

    def _messages(self, connections: list[Connection], start_ns: int | None, stop_ns: int | None,
                  made: Callable[[Connection, int, bytes], Made]) -> Iterator[Made]:
        if not connections:
            return
        seen = 0
        with naming_damage(self._file, 'read to its end'):
            for connection, stamp_ns, raw in self._reader.messages(
                    connections, start=start_ns, stop=stop_ns):
                seen += 1
                yield made(connection, stamp_ns, raw)
        if start_ns is None and stop_ns is None:
            self._check_complete(connections, seen)

    def _deserialized(self, connection: Connection, stamp_ns: int, raw: bytes) -> BagMessage:
        return BagMessage(connection.topic, connection.msgtype, stamp_ns,
                          self._definitions.deserialize(connection, raw))

    def _carried(self, connection: Connection, stamp_ns: int, raw: bytes) -> RawMessage:
        carried = self._cdr_type(connection)
        return RawMessage(connection.topic, carried.name, stamp_ns, carried.to_cdr(raw))

    def _cdr_type(self, connection: Connection) -> CdrType:
        key = connection.msgtype, connection.msgdef
        if key not in self._cdr_types:
            self._cdr_types[key] = cdr_type(connection, self._definitions, ros1=self._ros1)
        return self._cdr_types[key]

    def channels(self, topic: str) -> tuple[Channel, ...]:
        """
        Return how to publish a topic again: one channel for each type that it was recorded with.

        :raises VprError: where its type is not known, and for a topic that the bag does not have.
        """
        connections = self._wanted([topic])
        offer = recorded_offer(connections[0].topic, connections)
        counts: dict[tuple[str, str], int] = {}
        stores: dict[tuple[str, str], Typestore] = {}
        for connection in connections:
            carried = self._cdr_type(connection)
            key = connection.topic, carried.name
            counts[key] = counts.get(key, 0) + connection.msgcount
            stores[key] = carried.store
        return tuple(Channel(*key, stores[key], offer, count) for key, count in counts.items())

    def _check_complete(self, connections: list[Connection], seen: int) -> None:
        """Speak up when the bag promised more: an MCAP file without indexes reads as empty."""
        promised = sum(connection.msgcount for connection in connections)
        if seen >= promised:
            return
        topics = ', '.join(sorted({connection.topic for connection in connections}))
        text = f'{self.path} promises {promised} messages on {topics} but {seen} could be read'
        if seen == 0:
            raise VprError(f"{text}; 'mcap recover' or 'ros2 bag convert' writes a bag with a "
                           'whole index')
        _log.warning('%s', text)

    def topic_name(self, name: str) -> str:
        """Return the full name of a topic; a missing leading slash is forgiven."""
        return self._topic(name).name

    def _topic(self, name: str, types: Iterable[str] | None = None) -> Topic:
        """Find a topic that holds one of ``types``; a missing leading slash is forgiven."""
        known = {topic.name: topic for topic in self.topics()}
        topic = known.get(name) or known.get(f'/{name}')
        if topic is None:
            raise VprError(f'{self.path}: {unknown_name("topic", name, known)}')
        if types is not None and topic.type_name not in types:
            raise VprError(
                f'{self.path}: the topic {topic.name} has the type {topic.type_name}, expected '
                f'{" or ".join(types)}')
        return topic

    def image_topics(self) -> tuple[Topic, ...]:
        """
        Return the topics that hold images to look at, which those of depth are not.

        Of a topic and its compressed twin it is the raw one.
        """
        found = {topic.name: topic for topic in self.topics()
                 if topic.type_name in _IMAGE_TYPES and topic.count
                 and not topic.name.endswith('/compressedDepth')
                 and not self._holds_depth(topic)}
        return tuple(topic for name, topic in found.items()
                     if not (name.endswith('/compressed')
                             and name[:-len('/compressed')] in found))

    def _holds_depth(self, topic: Topic) -> bool:
        if topic.type_name != _RAW_IMAGE:
            return False
        try:
            first = next(self.messages([topic.name]), None)
        except VprError:
            return False  # told when its images are read
        return first is not None and first.message.encoding in DEPTH_ENCODINGS

    def depth_topic(self, name: str) -> str:
        """Return the full name of a topic that holds images of depth."""
        topic = self._topic(name, [_RAW_IMAGE])
        if topic.count and not self._holds_depth(topic):
            raise VprError(f'{self.path}: the images on {topic.name} hold no depth; expected the '
                           f'encoding {" or ".join(DEPTH_ENCODINGS)}')
        return topic.name

    def image_topic(self, name: str | None = None) -> str:
        """
        Return the full name of an image topic.

        :param name: of the topic, or of the topic whose compressed twin the bag holds; None for
            the only one.
        """
        if name:
            names = {topic.name for topic in self.topics()}
            if not names & {name, f'/{name}'} and names & {
                    f'{name}/compressed', f'/{name}/compressed'}:
                name = f'{name}/compressed'
            return self._topic(name, _IMAGE_TYPES).name
        found = self.image_topics()
        if len(found) == 1:
            return found[0].name
        if found:
            raise VprError(
                f'{self.path} holds several image topics; name one of: '
                + ', '.join(f'{topic.name} ({topic.count})' for topic in found))
        listed = ', '.join(f'{topic.name} ({topic.type_name})' for topic in self.topics())
        raise VprError(f'{self.path} holds no images, only: {listed or "nothing"}')

    def frames(self, image_topic: str | None = None, *, camera: str = 'front',
               pose_topic: str | None = None, odometry_topic: str | None = None,
               camera_info_topic: str | None = None, base_frame: str = 'base_link',
               start_ns: int | None = None, stop_ns: int | None = None) -> Iterator[Frame]:
        """Iterate over the images of one camera; see :func:`vpr_ros.bags.frames.read_frames`."""
        # The decoder needs OpenCV, which who only asks for topics need not load.
        from vpr_ros.bags.frames import read_frames
        return read_frames(
            self, image_topic, camera=camera, pose_topic=pose_topic,
            odometry_topic=odometry_topic, camera_info_topic=camera_info_topic,
            base_frame=base_frame, start_ns=start_ns, stop_ns=stop_ns)

    def poses(self, topic: str) -> Iterator[StampedPose]:
        """
        Iterate over a topic of PoseStamped, PoseWithCovarianceStamped, Odometry or transforms.

        Messages without a pose (a quaternion of zeros, as drivers send before they know) are left
        out.
        """
        name = self._topic(topic, POSE_READERS).name
        return self._poses(name)

    def _poses(self, topic: str) -> Iterator[StampedPose]:
        refused = 0
        for message in self.messages([topic]):
            try:
                yield POSE_READERS[message.type_name](message.message)
            except ValueError:
                refused += 1
        if refused:
            _log.warning('%s: %d messages on %s hold no valid pose and were left out', self.path,
                         refused, topic)

    def transforms(self, topic: str = '/tf') -> Iterator[StampedPose]:
        """
        Iterate over the transforms of '/tf' or '/tf_static'; nothing when the bag has none.

        Transforms without a rotation (a quaternion of zeros) are left out.
        """
        if not any(known.name == topic for known in self.topics()):
            return
        for message in self.messages([self._topic(topic, _TF_TYPES).name]):
            try:
                yield from transforms_from_message(message.message)
            except ValueError as error:
                _log.warning('%s: a message on %s at %d ns was left out: %s', self.path, topic,
                             message.stamp_ns, error)

    def fixes(self, topic: str) -> Iterator[SatelliteFix]:
        """Iterate over a topic of NavSatFix."""
        name = self._topic(topic, _FIX_TYPES).name
        return (fix_from_message(message.message) for message in self.messages([name]))


def _storage(path: Path) -> Path:
    """Return what to open for ``path``, or say why it is no bag."""
    if not path.exists():
        raise VprError(f'there is no bag {path}; expected a rosbag2 folder, or a file that ends '
                       'in .mcap, .db3 or .bag')
    if path.is_dir():
        return path if (path / 'metadata.yaml').exists() else _lone_storage(path)
    if path.suffix not in ('.mcap', '.db3', '.bag'):
        raise VprError(
            f'{path} is no bag by its name; expected a rosbag2 folder, or a file that ends in '
            '.mcap, .db3 or .bag (unpack a .zstd file first)')
    if path.stat().st_size == 0:
        raise VprError(f'the bag {path} is empty (0 bytes); expected a recording')
    log = path.with_name(f'{path.name}-wal')
    if path.suffix == '.db3' and log.exists() and log.stat().st_size:
        raise VprError(
            f'the bag {path} was not closed by its recorder: messages still lie in {log.name}; '
            f"merge them with: sqlite3 {path} 'PRAGMA wal_checkpoint(TRUNCATE)'")
    return path


def _lone_storage(folder: Path) -> Path:
    files = sorted(file for file in folder.iterdir() if file.suffix in ('.mcap', '.db3'))
    if len(files) == 1:
        _log.warning('%s has no metadata.yaml (was its recorder killed?): reading %s', folder,
                     files[0].name)
        return _storage(files[0])
    if files:
        raise VprError(
            f'the bag {folder} has no metadata.yaml (was its recorder killed?) and {len(files)} '
            f"storage files; rebuild it with 'ros2 bag reindex {folder}', or name one file")
    raise VprError(
        f'the folder {folder} is no bag: expected a metadata.yaml and .mcap or .db3 files in it')
