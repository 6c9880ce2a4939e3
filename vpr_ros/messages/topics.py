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

"""What the names of topics tell, by the conventions of image_transport and image_proc."""

from __future__ import annotations

from collections.abc import Iterable
import re

__all__ = ['camera_info_topic_of', 'compressed_topic', 'is_compressed', 'is_rectified',
           'named_topics']

_COMPRESSED = '/compressed'


def is_compressed(topic: str) -> bool:
    """Tell whether a topic is the compressed twin of another."""
    return topic.endswith(_COMPRESSED)


def compressed_topic(topic: str) -> str:
    """Return the compressed twin of an image topic, or the topic where it is that already."""
    return topic if is_compressed(topic) else topic + _COMPRESSED


def camera_info_topic_of(image_topic: str) -> str:
    """Return the name that image_transport gives to the calibration of an image topic."""
    above, slash, _ = _uncompressed(image_topic).rpartition('/')
    return f'{above}{slash}camera_info'


def is_rectified(image_topic: str) -> bool:
    """Tell whether images are rectified, which nothing but the name of their topic says."""
    last_name = _uncompressed(image_topic).rpartition('/')[2]
    return re.search(r'(^|_)rect(ified)?(_|$)', last_name) is not None


def named_topics(texts: Iterable[str]) -> dict[str, str]:
    """
    Read texts of the form ``NAME=TOPIC``; the topic is empty where a text is a name alone.

    :raises ValueError: where a name is missing, or given twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, _, topic = text.partition('=')
        if not name or name in found:
            raise ValueError(f'a name {"comes twice" if name else "is missing"} in {text!r}')
        found[name] = topic
    return found


def _uncompressed(topic: str) -> str:
    return topic[:-len(_COMPRESSED)] if is_compressed(topic) else topic
