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

from vpr_ros.config import setting
from vpr_ros.config import Settings
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.settings import IndexSettings
from vpr_ros.maps.settings import MapSettings
from vpr_ros.matching.loop_settings import LoopMatchingSettings
from vpr_ros.matching.loop_settings import LoopSettings
from vpr_ros.matching.settings import MatchingSettings

__all__ = ['BuildSettings', 'LocalizeSettings', 'LoopsSettings']


class BuildSettings(Settings):
    """Building a map."""

    extraction: ExtractionSettings = ExtractionSettings()
    map: MapSettings = MapSettings()  # noqa: A003


class LocalizeSettings(Settings):
    """Localizing against a map, live or on a bag."""

    map: str = setting('', 'Path of the map file (.vprmap).')  # noqa: A003
    image: str = setting(
        '', 'Image topic. Empty: on a bag, its only image topic; on a robot, the relative topic '
        '"image", for remapping.')
    compressed: bool = setting(
        False, "On a robot: subscribe to the topic's compressed images (<topic>/compressed).")
    odometry: str = setting(
        '', 'Topic of the odometry (nav_msgs/Odometry; on a bag also poses and transforms), which '
        'says how far the robot drove from image to image. Empty: none, also on a bag that has '
        'it; a data set that knows odometry gives it with its images.')
    camera: str = setting('front', 'Name of the camera in answers.')
    camera_tolerance_s: float = setting(
        0.05, 'With several cameras: how long before or after an image of the first those of the '
        'others may have been taken to be of the same moment.', ge=0.0)
    map_frame: str = setting('map', 'Frame that the poses of the map are given in.')
    base_frame: str = setting('base_link', 'Frame of the robot, for loop closures.')
    silence_s: float = setting(
        5.0, 'On a robot: warn after this many seconds without an image, or without odometry '
        'where a topic of it is set.', gt=0.0)
    resume: bool = setting(
        True, 'On a robot: activated again, go on with what was known when it was deactivated; '
        'false starts anew.')
    autostart: bool = setting(
        True, 'On a robot: configure and activate at once; false waits for a lifecycle manager.')
    extraction: ExtractionSettings = ExtractionSettings()
    index: IndexSettings = IndexSettings()
    matching: MatchingSettings = MatchingSettings()


class LoopsSettings(Settings):
    """Finding loops in a run."""

    image: str = setting('', 'Image topic. Empty: the only image topic of the bag.')
    odometry: str = setting(
        '', 'Topic of the odometry (nav_msgs/Odometry, poses or transforms), which says how far '
        'the robot drove from image to image, and how far it can be from where it was. Empty: '
        'none; a data set that knows odometry gives it with its images.')
    camera: str = setting('front', 'Name of the camera in answers.')
    base_frame: str = setting('base_link', 'Frame of the robot, for loop closures.')
    extraction: ExtractionSettings = ExtractionSettings()
    loops: LoopSettings = LoopSettings()
    matching: LoopMatchingSettings = LoopMatchingSettings()
    map: MapSettings = MapSettings()  # noqa: A003
