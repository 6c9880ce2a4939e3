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


"""A ROS 2 graph without ROS: messages go over DDS as CDR, which nodes of ROS speak, too."""

from __future__ import annotations

from vpr_ros.errors import VprError

try:
    import cyclonedds  # noqa: F401
except ImportError as error:
    raise VprError(f'DDS without ROS needs the library cyclonedds ({error}): '
                   "pip install 'vpr_ros[dds]'") from error
