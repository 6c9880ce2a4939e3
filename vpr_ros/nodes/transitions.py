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


"""Transitions that the state of a node does not allow."""

from __future__ import annotations

from typing import Any

from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.lifecycle import LifecycleNode

__all__ = ['refuse_impossible_transitions']


def refuse_impossible_transitions(node: LifecycleNode) -> None:
    """
    Have a node answer no where a transition is not possible.

    Without this "ros2 lifecycle set" of such a transition ends the process: rclpy refuses since
    Kilted (ros2/rclpy issue 1209), and that of Humble and Jazzy raises.
    """
    service = node._service_change_state
    change = service.callback

    def change_or_refuse(request: Any, response: Any) -> Any:
        try:
            return change(request, response)
        except rclpy_implementation.RCLError as error:
            wanted = request.transition.label or request.transition.id
            # Without the place in the sources of ROS that it ends with.
            reason = str(error).partition(', at ')[0]
            node.get_logger().error(f'no transition {wanted} from this state: {reason}')
            response.success = False
            return response

    service.callback = change_or_refuse
