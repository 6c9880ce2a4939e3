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

"""What the nodes hear, say and offer: the tables that hosts, documents and displays agree on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vpr_ros.messages.qos import Qos

__all__ = ['ANSWER_QOS', 'CALIBRATION_QOS', 'IMAGE_QOS', 'Interface', 'INTERFACES', 'LOCALIZER',
           'MAPPER', 'PICTURE_QOS', 'Qos', 'Service', 'STILL_TRANSFORMS_QOS', 'Topic',
           'TRACK_QOS', 'TRANSFORMS_QOS']

# The latest image is worth more than all of them; a replay overrides this by parameter.
IMAGE_QOS = Qos(reliable=False, depth=1)
# Half a second at 200 Hz: none may be lost while the executor publishes. Best effort hears all.
TRACK_QOS = Qos(reliable=False, depth=100)
CALIBRATION_QOS = Qos(reliable=False, depth=10)
TRANSFORMS_QOS = Qos(reliable=True, depth=100)
STILL_TRANSFORMS_QOS = Qos(reliable=True, depth=100, latched=True)
ANSWER_QOS = Qos(reliable=True, depth=10)
# Reliable, for RViz asks for that; one, because pictures are large.
PICTURE_QOS = Qos(reliable=True, depth=1)


@dataclass(frozen=True)
class Topic:
    """
    A topic of a node.

    :param name: as ROS resolves it: ``~/`` is the name of the node, no slash the namespace.
    :param type: such as ``sensor_msgs/msg/Image``.
    :param when: the condition under which it is there; empty: always.
    :param parameter: the parameter that names another topic in its place; empty: none.
    """

    name: str
    type: str  # noqa: A003
    direction: Literal['in', 'out']
    qos: Qos
    description: str
    when: str = ''
    parameter: str = ''


@dataclass(frozen=True)
class Service:
    """A service of a node; its name as that of a topic."""

    name: str
    type: str  # noqa: A003
    description: str


@dataclass(frozen=True)
class Interface:
    """All that a node is spoken to by, beside its parameters and those of its life cycle."""

    node: str
    summary: str
    topics: tuple[Topic, ...]
    services: tuple[Service, ...]

    def topic(self, name: str, direction: Literal['in', 'out'] = 'out') -> Topic:
        """Return one topic by its name, with or without ``~/``."""
        (found, *_) = [topic for topic in self.topics if topic.direction == direction
                       and name in (topic.name, topic.name.removeprefix('~/'))]
        return found

    def service(self, name: str) -> Service:
        """Return one service by its name, with or without ``~/``."""
        (found,) = [service for service in self.services
                    if name in (service.name, service.name.removeprefix('~/'))]
        return found


_CAMERAS = (
    Topic('image', 'sensor_msgs/msg/Image', 'in', IMAGE_QOS,
          'Images of a camera: colour, grey, Bayer or YUV.',
          when='`compressed` is false; with `cameras`, one topic of each', parameter='image'),
    Topic('image/compressed', 'sensor_msgs/msg/CompressedImage', 'in', IMAGE_QOS,
          'The same as JPEG or PNG.',
          when='`compressed` is true, or the topic ends in `/compressed`', parameter='image'),
    Topic('camera_info', 'sensor_msgs/msg/CameraInfo', 'in', CALIBRATION_QOS,
          'Calibration of a camera: the first holds until one differs. Beside its images, unless '
          'the parameter says where.', parameter='camera_info'),
    Topic('/tf_static', 'tf2_msgs/msg/TFMessage', 'in', STILL_TRANSFORMS_QOS,
          'How the cameras are mounted: the transforms from `base_frame` to the frames that '
          'images are stamped with.'),
)

_DIAGNOSTICS = Topic(
    '/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray', 'out', ANSWER_QOS,
    'Rates of the inputs, drops, the time of each stage, the age of results, and the reason '
    'where there are none; every `diagnostics_s`.')

_NEW_PLACE = Topic(
    '~/new_place', 'vpr_msgs/msg/NewPlace', 'out', ANSWER_QOS,
    'A place that has just been added to the map, with the stamp of the image that made it.')

_PAUSE = Service(
    '~/pause', 'std_srvs/srv/SetBool',
    'Pass over images while `data` is true; what was known stays known.')

_UPDATE_POSES = Service(
    '~/update_poses', 'vpr_msgs/srv/UpdatePoses',
    'Move places of the map to where a SLAM system has them now: all of them, or none where one '
    'is not known.')

LOCALIZER = Interface(
    'localizer',
    'Says where in a map the images of a robot were taken, or, `online`, where the robot was '
    'before since it set out.',
    topics=(
        *_CAMERAS,
        Topic('odometry', 'nav_msgs/msg/Odometry', 'in', TRACK_QOS,
              'How far the robot drove from image to image.', when='`odometry` is set',
              parameter='odometry'),
        Topic('~/place_match', 'vpr_msgs/msg/PlaceMatch', 'out', ANSWER_QOS,
              'The answer to every image that was looked at: known or unknown place, why, with '
              'which probability, the candidates, and the time of each stage.'),
        Topic('~/loop_closure', 'vpr_msgs/msg/LoopClosure', 'out', ANSWER_QOS,
              'Two moments at one place: the image and the place of the map that it shows.',
              when='the place is known'),
        Topic('~/pose', 'geometry_msgs/msg/PoseWithCovarianceStamped', 'out', ANSWER_QOS,
              'The robot in `map_frame`.', when='the place is known and the map has its pose'),
        Topic('~/fix', 'sensor_msgs/msg/NavSatFix', 'out', ANSWER_QOS,
              'The same as latitude, longitude and altitude.',
              when='there is a pose and the map knows where on earth its origin lies'),
        Topic(_NEW_PLACE.name, _NEW_PLACE.type, 'out', _NEW_PLACE.qos, _NEW_PLACE.description,
              when='`online` is true'),
        Topic('~/markers', 'visualization_msgs/msg/MarkerArray', 'out', ANSWER_QOS,
              'The robot, the candidates by their probability, and the match, for RViz and '
              'Foxglove.', when='somebody listens'),
        Topic('~/attention', 'sensor_msgs/msg/Image', 'out', PICTURE_QOS,
              'The image under what the network attended to.', when='somebody listens'),
        _DIAGNOSTICS,
        Topic('/tf', 'tf2_msgs/msg/TFMessage', 'out', TRANSFORMS_QOS,
              'The transform from `map_frame` to the frame of the odometry, which one node alone '
              'may publish.', when='`publish_tf` is true and a pose was certain enough'),
    ),
    services=(
        Service('~/load_map', 'vpr_msgs/srv/LoadMap',
                'Localize in another map; the map before it is used until that is loaded, and '
                'where it cannot be.'),
        Service('~/save_map', 'vpr_msgs/srv/SaveMap', 'Write the map in use to a file.'),
        Service('~/relocalize', 'vpr_msgs/srv/Relocalize',
                'Forget where the robot was and find it anew; the answer comes when the place is '
                'known, or when the time is up. Not `online`, where it would lose the map.'),
        _PAUSE,
        Service('~/reset', 'std_srvs/srv/Trigger',
                'Forget where the robot was; an `online` map is begun anew.'),
        _UPDATE_POSES,
    ))

MAPPER = Interface(
    'mapper',
    'Builds a map, or a further session of one, while a robot drives.',
    topics=(
        *_CAMERAS,
        Topic('pose', 'nav_msgs/msg/Odometry', 'in', TRACK_QOS,
              'The robot in `map_frame`; of another type where `pose_type` says so.',
              when='`poses` is `topic`', parameter='pose'),
        Topic('/tf', 'tf2_msgs/msg/TFMessage', 'in', TRANSFORMS_QOS,
              'The transforms from `map_frame` to `base_frame`, as SLAM publishes them.',
              when='`poses` is `tf`'),
        _NEW_PLACE,
        _DIAGNOSTICS,
    ),
    services=(
        Service('~/save_map', 'vpr_msgs/srv/SaveMap',
                'Make the map complete where it is, or write it to another file.'),
        _PAUSE,
        _UPDATE_POSES,
    ))

INTERFACES = (LOCALIZER, MAPPER)
