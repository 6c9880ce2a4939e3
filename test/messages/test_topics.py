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

"""What the names of topics tell."""

import pytest
from vpr_ros.messages.topics import camera_info_topic_of
from vpr_ros.messages.topics import compressed_topic
from vpr_ros.messages.topics import is_compressed
from vpr_ros.messages.topics import is_rectified
from vpr_ros.messages.topics import named_topics


@pytest.mark.parametrize(('image', 'info'), [
    ('/camera/image_raw', '/camera/camera_info'),
    ('/robot/left/image_rect/compressed', '/robot/left/camera_info'),
    ('/image', '/camera_info'), ('image', 'camera_info'), ('image/compressed', 'camera_info'),
    ('left/image', 'left/camera_info'), ('~/image', '~/camera_info')])
def test_a_calibration_is_beside_its_images(image, info):
    assert camera_info_topic_of(image) == info


def test_a_compressed_twin():
    assert compressed_topic('/image') == compressed_topic('/image/compressed')
    assert is_compressed(compressed_topic('/image'))
    assert not is_compressed('/image_compressed')


@pytest.mark.parametrize(('topic', 'rectified'), [
    ('/camera/image_rect', True), ('/camera/image_rect_color/compressed', True),
    ('/camera/rectified', True), ('/image_rectified', True), ('/camera/image_raw', False),
    ('/rect/image', False), ('/camera/direction', False), ('/image_correct', False)])
def test_rectified_images_have_it_in_the_name_of_their_topic(topic, rectified):
    assert is_rectified(topic) is rectified


def test_names_and_topics():
    assert list(named_topics(['rear=/r', 'front', 'left=']).items()) == [
        ('rear', '/r'), ('front', ''), ('left', '')]
    with pytest.raises(ValueError, match="comes twice in 'a=/c'"):
        named_topics(['a=/b', 'a=/c'])
    with pytest.raises(ValueError, match="is missing in '=/b'"):
        named_topics(['=/b'])
