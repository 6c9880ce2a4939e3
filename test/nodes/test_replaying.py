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

"""What a bag tells about how it is to be played; nothing of ROS is needed."""

from __future__ import annotations

import json
from pathlib import Path
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from vpr_ros.bags.writer import BagWriter
from vpr_ros.config import write_parameter_file
from vpr_ros.errors import VprError
from vpr_ros.messages.geometry import odometry_message
from vpr_ros.messages.geometry import StampedPose
from vpr_ros.messages.geometry import tf_message
from vpr_ros.messages.images import compressed_image_message
from vpr_ros.messages.images import image_message
from vpr_ros.messages.sensors import camera_info_message
from vpr_ros.nodes.replaying import parse_remappings
from vpr_ros.nodes.replaying import plan_replay
from vpr_ros.nodes.replaying import settings_of
from vpr_ros.settings import LocalizeSettings
from vpr_ros.types import Camera
from vpr_ros.types import Pose

IMAGE = np.zeros((8, 12, 3), np.uint8)
ROOT = Path(__file__).resolve().parents[2]


def write(path: Path, *, raw: tuple[str, ...] = (), jpeg: tuple[str, ...] = (), images: int = 4,
          odometry: int = 0, static: bool = False, info: str = '') -> Path:
    with BagWriter(path) as bag:
        for topic in raw:
            for n in range(images):
                bag.write(topic, 'sensor_msgs/msg/Image', image_message(
                    bag.factory, IMAGE, stamp_ns=n, frame_id='camera'), n)
        for topic in jpeg:
            for n in range(images):
                bag.write(topic, 'sensor_msgs/msg/CompressedImage', compressed_image_message(
                    bag.factory, IMAGE, stamp_ns=n, frame_id='camera'), n)
        pose = StampedPose(0, 'odom', 'base_link', Pose.identity())
        for n in range(odometry):
            bag.write('/odom', 'nav_msgs/msg/Odometry', odometry_message(bag.factory, pose), n)
        if static:
            bag.write('/tf_static', 'tf2_msgs/msg/TFMessage', tf_message(bag.factory, [pose]), 0)
        if info:
            bag.write(info, 'sensor_msgs/msg/CameraInfo', camera_info_message(
                bag.factory, Camera('camera', 12, 8, np.eye(3)), stamp_ns=0,
                frame_id='camera'), 0)
    return path


def plan(bag: Path, *, lossless: bool = False, remap: str = '', **settings: Any) -> Any:
    return plan_replay(bag, LocalizeSettings(**settings), lossless=lossless,
                       remappings=parse_remappings(remap))


def test_compressed_images_are_known_by_their_topic(tmp_path):
    bag = write(tmp_path / 'a.mcap', jpeg=('/cam/image/compressed',))
    replay = plan(bag)
    assert replay.parameters == {'image': '/cam/image/compressed', 'compressed': False}
    assert replay.remappings == {}
    assert plan(bag, image='/cam/image').parameters == replay.parameters
    assert plan(bag, image='/cam/image', compressed=True).parameters == replay.parameters


def test_compressed_images_of_another_name_are_played_on_one_that_says_so(tmp_path):
    bag = write(tmp_path / 'a.mcap', jpeg=('/cam/jpeg',))
    replay = plan(bag)
    assert replay.parameters['image'] == '/cam/jpeg/compressed'
    assert replay.remappings == {'/cam/jpeg': '/cam/jpeg/compressed'}
    assert plan(bag, remap='/cam/jpeg:=/front').remappings == {'/cam/jpeg': '/front/compressed'}


def test_several_cameras_are_looked_for_one_by_one(tmp_path):
    bag = write(tmp_path / 'a.mcap', raw=('/front/image',), jpeg=('/rear/image/compressed',),
                info='/rear/info')
    replay = plan(bag, cameras=['front=/front/image', 'rear=/rear/image'],
                  camera_info=['rear=/rear/info'], remap='/front/image:=/f,/rear/info:=/i')
    assert replay.parameters == {
        'cameras': ['front=/f', 'rear=/rear/image/compressed'], 'compressed': False,
        'camera_info': ['rear=/i']}
    with pytest.raises(VprError, match='several image topics; name one of: /front/image'):
        plan(bag)


def test_the_one_camera_has_the_calibration_that_is_named(tmp_path):
    bag = write(tmp_path / 'a.mcap', raw=('/image',), info='/calibration')
    assert plan(bag, camera_info=['/calibration']).parameters['camera_info'] == ['/calibration']
    with pytest.raises(VprError, match='no topic /info, only: /calibration, /image'):
        plan(bag, camera_info=['/info'])


def test_static_transforms_reach_who_asks_for_the_last_ones(tmp_path):
    replay = plan(write(tmp_path / 'a.mcap', raw=('/image',), static=True))
    assert replay.qos['/tf_static']['durability'] == 'transient_local'
    assert set(replay.qos) == {'/tf_static'}


def test_without_loss_the_queue_holds_the_bag_and_odometry_is_reliable_too(tmp_path):
    bag = write(tmp_path / 'a.mcap', raw=('/image',), images=7, odometry=300)
    replay = plan(bag, lossless=True, odometry='/odom', remap='/odom:=/wheels')
    assert replay.parameters['queue_size'] == 7
    assert replay.parameters['odometry'] == '/wheels'
    rules = 'qos_overrides.{}.subscription.{}'
    assert replay.parameters[rules.format('/wheels', 'depth')] == 300
    assert replay.parameters[rules.format('/wheels', 'reliability')] == 'reliable'
    assert replay.parameters[rules.format('/image', 'history')] == 'keep_last'
    assert set(replay.qos) == {'/image', '/odom'}


def test_the_parameter_file_has_its_say_and_arguments_win(tmp_path):
    file = tmp_path / 'localize.yaml'
    file.write_text(write_parameter_file(LocalizeSettings, 'localizer').replace(
        "image: ''", 'image: /from/file').replace("odometry: ''", 'odometry: /odom')
        + '    use_sim_time: true\n')
    settings = settings_of(file, {'image': '/given'})
    assert (settings.image, settings.odometry) == ('/given', '/odom')


@pytest.mark.parametrize('text', ['/a', '/a:=', ':=/b', '/a:=/b,/c'])
def test_a_remapping_that_is_none_is_refused(text):
    with pytest.raises(VprError, match='/old:=/new'):
        parse_remappings(text)


def ask(**question: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, '-m', 'vpr_ros.nodes.replaying'],
                          input=json.dumps(question), cwd=ROOT, capture_output=True, text=True,
                          check=False)


def test_launch_files_ask_another_python_and_get_the_plan(tmp_path):
    bag = write(tmp_path / 'a.mcap', jpeg=('/cam/jpeg',), static=True)
    question = {'bag': str(bag), 'params_file': str(ROOT / 'config/localize.yaml'),
                'parameters': {'map': 'm.vprmap'}, 'lossless': True, 'remap': ''}
    expected = plan(bag, lossless=True)
    told = json.loads(ask(**question).stdout)
    assert told == {'parameters': expected.parameters, 'remappings': expected.remappings,
                    'qos': expected.qos}
    refused = ask(**{**question, 'bag': str(tmp_path / 'b.mcap')})
    assert refused.returncode == 1
    assert refused.stderr.startswith('there is no bag')
