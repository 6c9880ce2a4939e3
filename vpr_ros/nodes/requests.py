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

"""What services are asked, as records."""

from __future__ import annotations

from typing import Any

from vpr_ros.errors import VprError
from vpr_ros.messages.geometry import pose_with_covariance_from_message
from vpr_ros.types import Pose

__all__ = ['poses_of']


def poses_of(request: Any) -> dict[int, Pose]:
    """
    Read a request of vpr_msgs/UpdatePoses: T_map_base by place id.

    :raises VprError: for as many ids as there are no poses, one id twice, or what is no pose.
    """
    ids = [int(number) for number in request.place_ids]
    if len(ids) != len(request.poses):
        raise VprError(f'each place has one pose, got {len(ids)} place_ids and '
                       f'{len(request.poses)} poses')
    if len(set(ids)) < len(ids):
        raise VprError('place_ids names a place twice')
    poses = {}
    for number, message in zip(ids, request.poses, strict=True):
        try:
            poses[number] = pose_with_covariance_from_message(message)
        except ValueError as error:
            raise VprError(f'the pose of place {number} is none: {error}') from error
    return poses
