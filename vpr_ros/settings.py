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

"""What a host can be told: the settings of the rooms, composed."""

from __future__ import annotations

from typing import Literal

from vpr_ros.config import setting
from vpr_ros.config import Settings
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.settings import IndexSettings
from vpr_ros.maps.settings import MapSettings
from vpr_ros.matching.loop_settings import LoopSettings
from vpr_ros.matching.settings import MatchingSettings

__all__ = ['BuildSettings', 'EvaluateSettings', 'InputSettings', 'LiveSettings',
           'LocalizeSettings', 'LoopsSettings', 'MapperSettings']


class BuildSettings(Settings):
    """Building a map."""

    extraction: ExtractionSettings = ExtractionSettings()
    map: MapSettings = MapSettings()  # noqa: A003


class EvaluateSettings(Settings):
    """Comparing networks on data sets."""

    extraction: ExtractionSettings = ExtractionSettings()


class InputSettings(Settings):
    """What a robot's cameras are called, and how their images are taken in."""

    image: str = setting(
        '', 'Image topic. Empty: on a bag, its only image topic; on a robot, the relative topic '
        '"image", for remapping.')
    compressed: bool = setting(
        False, 'On a robot: subscribe to the compressed images of every camera '
        '(<topic>/compressed). A topic that ends so is compressed without it.')
    camera: str = setting('front', 'Name of the camera in answers.')
    cameras: list[str] = setting(
        [''], 'Several cameras, as NAME=TOPIC each, in place of image and camera; the first '
        'leads: its images are answered. One empty text: there is one camera.')
    camera_info: list[str] = setting(
        [''], 'On a robot: topics of the calibrations, as NAME=TOPIC each or one topic for the '
        'one camera. A camera that is not named has its "camera_info" beside its images.')
    camera_tolerance_s: float = setting(
        0.05, 'With several cameras: how long before or after an image of the first those of the '
        'others may have been taken to be of the same moment.', ge=0.0)
    camera_patience_s: float = setting(
        0.2, 'On a robot with several cameras: how long to wait for one that sends nothing.',
        ge=0.0, le=60.0)
    queue_size: int = setting(
        1, 'On a robot: how many images wait for their turn before the oldest is dropped. 1 '
        'answers about now; a replay that may lose nothing takes more, and a reliable and deep '
        'subscription (see qos_overrides).', ge=1, le=1_000_000)
    map_frame: str = setting('map', 'Frame that the poses of the map are given in.')
    base_frame: str = setting('base_link', 'Frame of the robot.')
    silence_s: float = setting(
        5.0, 'On a robot: warn after this many seconds without an image, or without odometry or '
        'poses where a topic of them is set.', gt=0.0, le=1e6, live=True)
    diagnostics_s: float = setting(
        1.0, 'On a robot: seconds between two messages on /diagnostics.', ge=0.1, le=60.0)
    autostart: bool = setting(
        True, 'On a robot: configure and activate at once; false waits for a lifecycle manager.')


class LocalizeSettings(InputSettings):
    """Localizing against a map, live or on a bag."""

    map: str = setting('', 'Path of the map file (.vprmap).')  # noqa: A003
    online: bool = setting(
        False, 'On a robot: with no map, build one of where it has been since it set out, and '
        'find loops in it.')
    odometry: str = setting(
        '', 'Topic of the odometry (nav_msgs/Odometry; on a bag also poses and transforms), which '
        'says how far the robot drove from image to image. Empty: none, also on a bag that has '
        'it; a data set that knows odometry gives it with its images.')
    odometry_wait_s: float = setting(
        0.05, 'On a robot: how long an image waits for the odometry after it, to know where it '
        'was in between.', ge=0.0, le=60.0, live=True)
    resume: bool = setting(
        True, 'On a robot: activated again, go on with what was known when it was deactivated; '
        'false starts anew.')
    publish_tf: bool = setting(
        False, 'On a robot: publish the transform from map_frame to the frame of the odometry, '
        'as one node alone may. Needs odometry.')
    tf_rate_hz: float = setting(
        20.0, 'On a robot: how often that transform is published.', gt=0.0, le=1000.0)
    tf_tolerance_s: float = setting(
        0.1, 'On a robot: how far into the future that transform is dated, so that those who '
        'look it up need not wait.', ge=0.0, le=10.0, live=True)
    tf_sigma_m: float = setting(
        1.0, 'On a robot: a pose corrects that transform where the standard deviation of its '
        'position along every axis of the ground is at most this.', gt=0.0, le=1000.0, live=True)
    tf_sigma_rad: float = setting(
        0.2, 'On a robot: and where that of its heading is at most this.', gt=0.0, le=3.2,
        live=True)
    extraction: ExtractionSettings = ExtractionSettings()
    index: IndexSettings = IndexSettings()
    matching: MatchingSettings = MatchingSettings()
    loops: LoopSettings = LoopSettings()


class LiveSettings(LocalizeSettings):
    """Localizing live where there is no ROS: with what every node of ROS has besides."""

    use_sim_time: bool = setting(
        False, 'Go by the time on /clock, as of a bag that is played or of a simulation.')


class MapperSettings(InputSettings):
    """Building a map while a robot drives."""

    map_path: str = setting('', 'Path of the map file (.vprmap).')
    extend: bool = setting(
        False, 'Add a session to the map where there is one; false refuses a file that exists.')
    session: str = setting(
        '', 'Name of the traverse, new to the map. Empty: the date and time it is begun.')
    poses: Literal['none', 'topic', 'tf'] = setting(
        'none', 'Where the pose of the robot in map_frame comes from, without which a map knows '
        'places by their time alone: the topic "pose", or the transforms from map_frame to '
        'base_frame, as SLAM publishes them.')
    pose: str = setting(
        '', 'Topic of the poses. Empty: the relative topic "pose", for remapping.')
    pose_type: Literal[
        'nav_msgs/msg/Odometry', 'geometry_msgs/msg/PoseStamped',
        'geometry_msgs/msg/PoseWithCovarianceStamped'] = setting(
        'nav_msgs/msg/Odometry', 'Type of the messages on that topic.')
    pose_wait_s: float = setting(
        1.0, 'How long an image waits for the pose at its stamp; one that gets none is left out.',
        ge=0.0, le=60.0, live=True)
    commit_s: float = setting(
        5.0, 'New places are safe in the file after so many seconds at most.', ge=0.0, le=3600.0)
    extraction: ExtractionSettings = ExtractionSettings()
    map: MapSettings = MapSettings()  # noqa: A003


class LoopsSettings(Settings):
    """Finding loops in a run."""

    image: str = setting('', 'Image topic. Empty: the only image topic of the bag.')
    odometry: str = setting(
        '', 'Topic of the odometry (nav_msgs/Odometry, poses or transforms), which says how far '
        'the robot drove from image to image, and how far it can be from where it was. Empty: '
        'none; a data set that knows odometry gives it with its images.')
    camera: str = setting('front', 'Name of the camera in answers.')
    cameras: list[str] = setting(
        [''], 'Several cameras of a bag, as NAME=TOPIC each, in place of image and camera; the '
        'first makes keyframes. One empty text: there is one camera.')
    base_frame: str = setting('base_link', 'Frame of the robot, for loop closures.')
    extraction: ExtractionSettings = ExtractionSettings()
    loops: LoopSettings = LoopSettings()
    matching: MatchingSettings = MatchingSettings()
    map: MapSettings = MapSettings()  # noqa: A003
