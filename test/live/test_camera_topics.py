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

"""Topics of cameras, as a user sets them."""

import pytest
from vpr_ros.errors import VprError
from vpr_ros.live.camera_topics import camera_topics
from vpr_ros.live.camera_topics import CameraTopics
from vpr_ros.settings import InputSettings


def told(**values):
    return [(c.camera, c.image, c.compressed, c.info, c.rectified)
            for c in camera_topics(InputSettings(**values))]


def test_nothing_set_is_one_camera_on_the_relative_topics():
    assert camera_topics(InputSettings()) == (
        CameraTopics('front', 'image', False, 'camera_info', False),)


def test_one_camera_with_a_name_and_a_topic():
    assert told(image='/left/image_rect', camera='left') == [
        ('left', '/left/image_rect', False, '/left/camera_info', True)]


def test_several_cameras_stand_in_place_of_one_and_the_first_leads():
    assert told(image='/elsewhere', cameras=['rear=/rear/image', 'front=/front/image_raw']) == [
        ('rear', '/rear/image', False, '/rear/camera_info', False),
        ('front', '/front/image_raw', False, '/front/camera_info', False)]


@pytest.mark.parametrize('flag', [True, False])
def test_compressed_images_are_asked_for_once(flag):
    assert told(cameras=['a=/a/image/compressed', 'b=/b/image_rect_color'], compressed=flag) == [
        ('a', '/a/image/compressed', True, '/a/camera_info', False),
        ('b', '/b/image_rect_color/compressed' if flag else '/b/image_rect_color', flag,
         '/b/camera_info', True)]


def test_calibrations_are_where_they_are_said_to_be():
    assert told(image='/image', camera_info=['/calibration'])[0][3] == '/calibration'
    assert told(image='/image', camera_info=['front=/calibration'])[0][3] == '/calibration'
    assert [c[3] for c in told(cameras=['a=/a/image', 'b=/b/image'], camera_info=['b=/c'])] == [
        '/a/camera_info', '/c']


def test_all_follows_from_the_full_name_as_a_remapped_topic_has_it():
    remapped = {'image': '/robot/left/image_rect'}
    camera, = camera_topics(InputSettings(compressed=True), resolve=remapped.__getitem__)
    assert camera == CameraTopics('front', '/robot/left/image_rect/compressed', True,
                                  '/robot/left/camera_info', True)


@pytest.mark.parametrize('cameras', [
    ['front'], ['front='], ['=/front/image'], ['/front/image'],
    ['front=/front/image', 'front=/rear/image'], ['front=/front/image', 'rear']])
def test_each_camera_has_a_name_of_its_own_and_a_topic(cameras):
    with pytest.raises(VprError, match=r'parameter cameras: each entry is NAME=TOPIC .* as in '
                       r'\[front=/front/image, rear=/rear/image\]; got \[' + cameras[0]):
        camera_topics(InputSettings(cameras=cameras))


@pytest.mark.parametrize(('cameras', 'compressed'), [
    (['a=/image', 'b=/image'], False), (['a=/image', 'b=/image/compressed'], True)])
def test_cameras_do_not_share_images(cameras, compressed):
    with pytest.raises(VprError, match='2 cameras cannot share the images on /image'):
        camera_topics(InputSettings(cameras=cameras, compressed=compressed))


def test_cameras_that_share_images_by_their_full_names_are_found_out():
    with pytest.raises(VprError, match='cannot share the images on /robot/image'):
        camera_topics(InputSettings(cameras=['a=image', 'b=/robot/image']),
                      resolve=lambda name: name if name[0] == '/' else f'/robot/{name}')


def test_a_calibration_belongs_to_a_camera():
    with pytest.raises(VprError, match="unknown camera in the parameter camera_info 'frnt'; did "
                       "you mean 'front'"):
        camera_topics(InputSettings(camera_info=['frnt=/camera_info']))
    with pytest.raises(VprError, match='parameter camera_info: each entry is NAME=TOPIC'):
        camera_topics(InputSettings(cameras=['a=/a', 'b=/b'], camera_info=['/camera_info']))
    with pytest.raises(VprError, match='parameter camera_info: each entry is NAME=TOPIC'):
        camera_topics(InputSettings(camera_info=['/camera_info', '/camera_info']))
