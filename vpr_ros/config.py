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

"""
The mechanics of settings: one typed model is ROS parameters, a YAML file and command-line flags.

A room owns its settings as a frozen :class:`Settings` model; hosts compose them by nesting. Here
such a model is flattened to dotted parameter names and back, read from and written to ROS 2
parameter files, and errors name the nearest right name. Only what ROS parameters can carry is
allowed: bool, int, float, str and non-empty lists of one of them; an empty string means unset.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
import fnmatch
from pathlib import Path
import textwrap
from typing import Any
from typing import get_args
from typing import get_origin
from typing import Literal
from typing import TypeAlias
from typing import TypeVar

import pydantic
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
import yaml

__all__ = ['flatten', 'is_of_every_node', 'make_settings', 'Parameter', 'parameters',
           'parse_assignments', 'read_parameter_file', 'read_yaml', 'setting', 'Settings',
           'write_parameter_file']

Kind: TypeAlias = type
_SCALARS: tuple[Kind, ...] = (bool, int, float, str)
Value = bool | int | float | str | list[bool] | list[int] | list[float] | list[str]


class Settings(pydantic.BaseModel):
    """Base of all settings: immutable, and unknown names are refused."""

    model_config = pydantic.ConfigDict(frozen=True, extra='forbid', validate_default=True,
                                       allow_inf_nan=False)


AnySettings = TypeVar('AnySettings', bound=Settings)


def setting(default: Any, description: str, *, ge: float | None = None, gt: float | None = None,
            le: float | None = None, lt: float | None = None, live: bool = False) -> Any:
    """
    Declare one setting.

    :param live: whether it may change while the host runs.
    """
    return pydantic.Field(default=default, description=description, ge=ge, gt=gt, le=le, lt=lt,
                          json_schema_extra={'live': live})


@dataclass(frozen=True)
class Parameter:
    """
    One row of the table that ROS declarations, YAML, command line and docs are made from.

    :param type: bool, int, float, str or list.
    :param item: what a list holds: bool, int, float or str; None for anything else.
    :param minimum: smallest allowed number, or None.
    :param choices: the allowed strings, or empty.
    """

    name: str
    type: type  # noqa: A003
    default: Value
    description: str
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False
    item: Kind | None = None


def parameters(model: type[Settings], prefix: str = '') -> list[Parameter]:
    """Return the flat table of a settings model; nested names are joined by dots."""
    rows: list[Parameter] = []
    for name, field in model.model_fields.items():
        kind: Any = field.annotation
        origin = get_origin(kind)
        # In Python 3.10 list[int] is an instance of type, and no class.
        if origin is None and isinstance(kind, type) and issubclass(kind, Settings):
            rows += parameters(kind, f'{prefix}{name}.')
            continue
        choices = get_args(kind) if origin is Literal else ()
        item = get_args(kind)[0] if origin is list else None
        plain = str if choices else (origin or kind)
        if plain not in (*_SCALARS, list) or (plain is list and item not in _SCALARS):
            raise TypeError(f'{model.__name__}.{name}: ROS parameters cannot carry {kind}')
        extra = field.json_schema_extra
        bounds = {k: getattr(m, k) for m in field.metadata for k in ('ge', 'gt', 'le', 'lt')
                  if getattr(m, k, None) is not None}
        rows.append(Parameter(
            name=f'{prefix}{name}', type=plain, default=field.get_default(),
            description=field.description or '',
            minimum=bounds.get('ge', bounds.get('gt')),
            maximum=bounds.get('le', bounds.get('lt')), choices=choices,
            item=item, live=bool(extra.get('live')) if isinstance(extra, dict) else False))
    return rows


def make_settings(model: type[AnySettings], values: Mapping[str, object]) -> AnySettings:
    """
    Make settings from flat ``name -> value`` pairs; names that are left out keep their default.

    Unknown names, wrong types and values out of range raise :class:`VprError`, which names the
    parameter. An integer is widened where a float is expected.
    """
    table = {row.name: row for row in parameters(model)}
    nested: dict[str, Any] = {}
    for name, value in values.items():
        if name not in table:
            group = name.rpartition('.')[0]
            if table.get(group) and table[group].type is str:
                raise VprError(f'parameter {group} is a text, got a mapping with '
                               f'{name[len(group) + 1:]!r}: put it in quotes, as in '
                               f'{name.split(".")[-2]}: "{{name: value}}"')
            raise unknown_name('parameter', name, table)
        _check_type(table[name], value)
        *groups, last = name.split('.')
        level = nested
        for group in groups:
            level = level.setdefault(group, {})
        level[last] = value
    try:
        return model.model_validate(nested)
    except pydantic.ValidationError as error:
        problems = '; '.join(
            f"parameter {'.'.join(str(part) for part in e['loc'])}: "
            f"{e['msg'][:1].lower()}{e['msg'][1:]}, "
            f"got {e['input']!r}" for e in error.errors())
        raise VprError(problems) from error


def _check_type(row: Parameter, value: Any) -> None:
    # Stricter than pydantic, which would read the text 'yes' as true and true as 1.
    _check_kind(row.name, row.type, value)
    if isinstance(value, list) and row.item is not None:
        if not value:
            raise VprError(f'parameter {row.name} must not be an empty list: ROS cannot tell what '
                           'it holds')
        for index, item in enumerate(value):
            _check_kind(f'{row.name}[{index}]', row.item, item)


def _check_kind(name: str, kind: Kind, value: object) -> None:
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise VprError(f'parameter {name} must be {_type_name(kind)}, got {value!r} '
                       f'({_type_name(type(value))})')


def _type_name(kind: type) -> str:
    names = {bool: 'true or false', int: 'an integer', float: 'a number', str: 'a text',
             list: 'a list'}
    return names.get(kind, kind.__name__)


def read_yaml(path: Path, what: str) -> Any:
    """
    Return what a YAML file holds.

    :param what: it is, for the message of the VprError when it cannot be read.
    """
    try:
        return yaml.safe_load(path.read_text(encoding='utf-8'))
    # Bytes that are no text and dates that do not exist are a ValueError.
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise VprError(f'cannot read the {what} {path}: {error}') from error


def read_parameter_file(path: Path, node: str) -> dict[str, object]:
    """
    Return the flat parameters that a ROS 2 parameter file holds for a node.

    Sections are node names as ROS writes them (``localizer``, ``/ns/localizer``, wildcards such as
    ``/**``); later sections win.

    :param node: its name. Where it stands below a namespace, as in ``/ns/localizer``, sections of
        other namespaces are those of other robots.
    """
    document = read_yaml(path, 'parameter file')
    if not isinstance(document, dict):
        raise VprError(f'{path} is no ROS parameter file: expected a section such as "/**:" with '
                       '"ros__parameters:" below it')
    flat: dict[str, object] = {}
    for section, body in _sections(document, path):
        if _names(section, node):
            flat.update(flatten(body))
    return flat


def _names(section: str, node: str) -> bool:
    (above, _, pattern), (namespace, _, name) = section.rpartition('/'), node.rpartition('/')
    if above and namespace:
        return fnmatch.fnmatchcase(node, section)
    return fnmatch.fnmatchcase(name, pattern)


def is_of_every_node(name: str) -> bool:
    """Tell whether every node of ROS has this parameter, beside those of its own."""
    return (name in ('start_type_description_service', 'use_sim_time')
            or name.startswith('qos_overrides.'))


def _sections(tree: Mapping[Any, Any], path: Path, above: str = '',
              ) -> Iterator[tuple[str, Mapping[Any, Any]]]:
    """Return (name of the node, its parameters); namespaces may be nested or in the name."""
    for key, body in tree.items():
        section = f"{above}/{str(key).strip('/')}"
        if not isinstance(body, dict) or not body:
            raise VprError(f'{path}: section {str(key)!r} must hold "ros__parameters:"')
        if 'ros__parameters' not in body:
            yield from _sections(body, path, section)
        elif body['ros__parameters'] is None:
            yield section, {}  # all of them commented out
        elif isinstance(body['ros__parameters'], dict):
            yield section, body['ros__parameters']
        else:
            raise VprError(f'{path}: "ros__parameters:" of section {str(key)!r} must hold '
                           f"name: value, got {body['ros__parameters']!r}")


def flatten(tree: Mapping[Any, Any], prefix: str = '') -> dict[str, Any]:
    """Return dotted name -> value of nested mappings."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat.update(flatten(value, f'{prefix}{name}.'))
        else:
            flat[f'{prefix}{name}'] = value
    return flat


def parse_assignments(model: type[Settings], assignments: Iterable[str]) -> dict[str, object]:
    """
    Return flat parameters from texts like ``matching.candidates:=5``, as ROS writes them.

    What the model wants as a text stays as it was written (``camera:=2``); other values are YAML.
    Unknown names are left to :func:`make_settings`.
    """
    types = {row.name: row.type for row in parameters(model)}
    flat: dict[str, object] = {}
    for text in assignments:
        name, separator, value = text.partition(':=')
        name = name.strip()
        if not separator or not name:
            name, equals, value = text.partition('=')
            hint = f'; write {name.strip()}:={value}' if equals and name.strip(' :') else ''
            raise VprError(f'a parameter is given as name:=value, got {text!r}{hint}')
        if types.get(name, str) is str or not value:
            flat[name] = value
            continue
        try:
            flat[name] = yaml.safe_load(value)
        # A date that does not exist is a ValueError.
        except (yaml.YAMLError, ValueError) as error:
            raise VprError(f'parameter {name}: cannot read the value {value!r}') from error
    return flat


def write_parameter_file(model: type[Settings], node: str) -> str:
    """Return the text of a ROS 2 parameter file with every default and its description."""
    lines = [f'# Parameters of {node}: every name, its default and what it means.',
             '# Made from the schema; an empty text means unset.',
             '/**:', '  ros__parameters:']
    open_groups: list[str] = []
    for row in parameters(model):
        *groups, last = row.name.split('.')
        for depth, group in enumerate(groups):
            if open_groups[:depth + 1] != groups[:depth + 1]:
                lines.append(f"{'  ' * (depth + 2)}{group}:")
        open_groups = groups
        indent = '  ' * (len(groups) + 2)
        for part in textwrap.wrap(_explain(row), width=97 - len(indent)):
            lines.append(f'{indent}# {part}')
        value = yaml.safe_dump(row.default, default_flow_style=True, width=1000).strip()
        lines.append(f"{indent}{last}: {value.removesuffix('...').strip()}")
    return '\n'.join(lines) + '\n'


def _explain(row: Parameter) -> str:
    text = row.description
    if row.choices:
        text += f" One of: {', '.join(repr(c) for c in row.choices)}."
    if row.minimum is not None and row.maximum is not None:
        text += f' Range {row.minimum:g} to {row.maximum:g}.'
    elif row.minimum is not None:
        text += f' At least {row.minimum:g}.'
    elif row.maximum is not None:
        text += f' At most {row.maximum:g}.'
    return text
