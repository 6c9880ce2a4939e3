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

"""A node in a process of its own."""

from __future__ import annotations

from collections.abc import Callable
import sys
from typing import Any

import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import ExternalShutdownException
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.logging import get_logger
from vpr_ros.nodes.place_node import PlaceNode
from vpr_ros.runtime.interrupts import interrupt_once

__all__ = ['run']


def run(make: Callable[[], PlaceNode[Any, Any]]) -> None:
    """
    Run a node until it is stopped; with its parameter ``autostart`` it begins at once.

    A parameter that cannot be declared as it is given ends the process with one sentence.
    """
    let_no_interrupt_through = interrupt_once()
    rclpy.init(args=sys.argv)
    try:
        _spin(make(), let_no_interrupt_through)
    except ParameterException as error:
        get_logger('vpr_ros').fatal(f'not started: {error}')
        sys.exit(1)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except Exception:
        # SIGTERM ends ROS below whatever runs, as in the midst of a transition: no fault.
        if rclpy.ok():
            raise
    finally:
        rclpy.try_shutdown()


def _spin(node: PlaceNode[Any, Any], let_no_interrupt_through: Callable[[], None]) -> None:
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    try:
        if node.get_parameter('autostart').value and (
                node.trigger_configure() == TransitionCallbackReturn.SUCCESS):
            node.trigger_activate()
        executor.spin()
    finally:
        let_no_interrupt_through()
        node.on_shutdown(LifecycleState(0, 'finalizing'))
        node.destroy_node()
