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

"""Which topics the cameras of a robot are heard on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.messages.topics import camera_info_topic_of
from vpr_ros.messages.topics import compressed_topic
from vpr_ros.messages.topics import is_compressed
from vpr_ros.messages.topics import is_rectified
from vpr_ros.messages.topics import named_topics
from vpr_ros.settings import InputSettings

__all__ = ['camera_topics', 'CameraTopics', 'named_cameras']


@dataclass(frozen=True)
class CameraTopics:
    """
    Where a camera is heard.

    :param image: topic of its images.
    :param compressed: whether these are sensor_msgs/CompressedImage, not sensor_msgs/Image.
    :param info: topic of its calibration.
    :param rectified: whether the images are rectified.
    """

    camera: str
    image: str
    compressed: bool
    info: str
    rectified: bool


def _as_given(topic: str) -> str:
    return topic


def camera_topics(settings: InputSettings, *,
                  resolve: Callable[[str], str] = _as_given) -> tuple[CameraTopics, ...]:
    """
    Return the topics of each camera; the first camera leads.

    :param resolve: gives the full name of an image topic, remapped where it is. As in
        image_transport all else follows from that name: one who remaps ``image`` to
        ``/front/image_raw`` gets ``/front/image_raw/compressed`` and ``/front/camera_info``.
    :raises VprError: for texts that are not NAME=TOPIC, and cameras that share a name or topic.
    """
    images = {camera: resolve(topic) for camera, topic in _image_topics(settings).items()}
    if settings.compressed:
        images = {camera: compressed_topic(topic) for camera, topic in images.items()}
    for topic, count in Counter(images.values()).items():
        if count > 1:
            raise VprError(f'parameter cameras: {count} cameras cannot share the images on '
                           f'{topic}; give each its own topic')
    infos = _info_topics(_given(settings.camera_info), list(images))
    return tuple(
        CameraTopics(camera, topic, is_compressed(topic),
                     infos.get(camera) or camera_info_topic_of(topic), is_rectified(topic))
        for camera, topic in images.items())


def named_cameras(cameras: Sequence[str]) -> dict[str, str]:
    """
    Return the image topic of each camera by its name, as the parameter ``cameras`` has them.

    :return: empty where the parameter is not set.
    :raises VprError: for texts that are not NAME=TOPIC, and cameras that share a name.
    """
    return _named('cameras', _given(cameras), 'front=/front/image', 'rear=/rear/image')


def _given(texts: Sequence[str]) -> list[str]:
    # ROS knows no empty list of texts: one empty text stands for it.
    return [text for text in texts if text]


def _image_topics(settings: InputSettings) -> Mapping[str, str]:
    return named_cameras(settings.cameras) or {settings.camera: settings.image or 'image'}


def _info_topics(texts: Sequence[str], cameras: Sequence[str]) -> Mapping[str, str]:
    if len(texts) == 1 and len(cameras) == 1 and '=' not in texts[0]:
        return {cameras[0]: texts[0]}
    infos = _named('camera_info', texts, 'front=/front/camera_info', 'rear=/rear/camera_info')
    for camera in infos:
        if camera not in cameras:
            raise unknown_name('camera in the parameter camera_info', camera, cameras)
    return infos


def _named(parameter: str, texts: Sequence[str], *example: str) -> dict[str, str]:
    try:
        topics = named_topics(texts)
        bare = [name for name, topic in topics.items() if not topic]
        if bare:
            raise ValueError(f'no topic is given for {", ".join(bare)}')
    except ValueError as error:
        raise VprError(f'parameter {parameter}: each entry is NAME=TOPIC with a name of its own, '
                       f'as in [{", ".join(example)}]; got [{", ".join(texts)}] ({error})'
                       ) from error
    return topics
