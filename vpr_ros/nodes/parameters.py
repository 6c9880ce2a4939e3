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

"""Settings as the parameters of a node."""

from __future__ import annotations

from typing import TypeVar

from rcl_interfaces.msg import FloatingPointRange
from rcl_interfaces.msg import IntegerRange
from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
from vpr_ros.config import make_settings
from vpr_ros.config import Parameter
from vpr_ros.config import parameters
from vpr_ros.config import Settings
from vpr_ros.errors import VprError

__all__ = ['declare_settings', 'read_node_settings', 'validate_changes']

AnySettings = TypeVar('AnySettings', bound=Settings)
_LARGEST_INTEGER = 2 ** 31 - 1
_LARGEST_NUMBER = 1e308


def declare_settings(node: Node, model: type[Settings]) -> None:
    """Declare every setting, with its description and range; those that are not live read-only."""
    for row in parameters(model):
        node.declare_parameter(row.name, row.default, _descriptor(row))


def _descriptor(row: Parameter) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=row.description, read_only=not row.live,
        # Or "radius:=1" would be refused for a number; the schema checks the type itself.
        dynamic_typing=row.type is float,
        additional_constraints=' or '.join(repr(c) for c in row.choices))
    if row.minimum is None and row.maximum is None:
        return descriptor
    if row.type is int:
        descriptor.integer_range = [IntegerRange(
            from_value=int(row.minimum if row.minimum is not None else -_LARGEST_INTEGER),
            to_value=int(row.maximum if row.maximum is not None else _LARGEST_INTEGER), step=1)]
    if row.type is float:
        descriptor.floating_point_range = [FloatingPointRange(
            from_value=float(row.minimum if row.minimum is not None else -_LARGEST_NUMBER),
            to_value=float(row.maximum if row.maximum is not None else _LARGEST_NUMBER),
            step=0.0)]
    return descriptor


def read_node_settings(node: Node, model: type[AnySettings]) -> AnySettings:
    """Make settings of the node's parameters; VprError names the one that is wrong."""
    return make_settings(
        model, {row.name: node.get_parameter(row.name).value for row in parameters(model)})


def validate_changes(node: Node, model: type[Settings],
                     changes: list[RosParameter]) -> SetParametersResult:
    """Say whether parameters may take these values; nothing is applied here."""
    names = {row.name for row in parameters(model)}
    values = {name: node.get_parameter(name).value for name in names
              if node.has_parameter(name)}
    values.update({change.name: change.value for change in changes if change.name in names})
    try:
        make_settings(model, values)
    except VprError as error:
        return SetParametersResult(successful=False, reason=str(error))
    return SetParametersResult(successful=True)
