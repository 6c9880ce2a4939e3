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

"""What a bag holds, at a glance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vpr_ros.bags.reader import BagReader
from vpr_ros.bags.reader import Topic

__all__ = ['BagInfo', 'describe_bag']


@dataclass(frozen=True)
class BagInfo:
    """
    Summary of a bag.

    :param kind: 'rosbag1', 'rosbag2 mcap' or 'rosbag2 sqlite3'.
    :param start_ns: when the first message was received, or None for an empty bag.
    :param end_ns: when the last message was received, or None for an empty bag.
    :param image_topics: names of the topics that can be mapped or localized.
    :param truncated: whether the end of the recording is missing.
    """

    path: Path
    kind: str
    size_bytes: int
    start_ns: int | None
    end_ns: int | None
    message_count: int
    topics: tuple[Topic, ...]
    image_topics: tuple[str, ...]
    truncated: bool

    @property
    def duration_s(self) -> float:
        """Seconds from the first to the last message."""
        if self.start_ns is None or self.end_ns is None:
            return 0.0
        return (self.end_ns - self.start_ns) / 1e9


def describe_bag(path: Path | str) -> BagInfo:
    """Summarise a bag; VprError when it cannot be read."""
    path = Path(path)
    with BagReader(path) as bag:
        files = [path] if path.is_file() else [f for f in path.rglob('*') if f.is_file()]
        return BagInfo(
            path, _kind(files), sum(file.stat().st_size for file in files), bag.start_ns,
            bag.end_ns, bag.message_count, bag.topics(),
            tuple(topic.name for topic in bag.image_topics()), bag.truncated)


def _kind(files: list[Path]) -> str:
    suffixes = {suffix for file in files for suffix in file.suffixes}
    if '.bag' in suffixes:
        return 'rosbag1'
    return 'rosbag2 mcap' if '.mcap' in suffixes else 'rosbag2 sqlite3'
