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


"""Names of nodes and topics, by the rules of ROS, and what they are called in DDS."""

from __future__ import annotations

import re

from vpr_ros.errors import VprError

__all__ = ['checked_namespace', 'checked_node_name', 'dds_topic', 'full_node_name',
           'resolve_topic']

_TOKEN = '[A-Za-z_][A-Za-z0-9_]*'
_NODE = re.compile(_TOKEN)
_FULL = re.compile(f'(/{_TOKEN})+')
_SUBSTITUTION = re.compile(r'\{([^{}]*)\}')
# 255 in DDS, less 8 for prefixes.
_LONGEST_TOPIC = 247
_LONGEST_NODE = 255


def checked_node_name(name: str) -> str:
    """Return the name of a node; VprError where it is none."""
    if not _NODE.fullmatch(name) or len(name) > _LONGEST_NODE:
        raise VprError(f'{name!r} is no name of a node: expected letters, digits and underscores '
                       f'(at most {_LONGEST_NODE}), the first of them no digit')
    return name


def checked_namespace(namespace: str) -> str:
    """Return the full namespace of a node, as ``/`` or ``/robot``; VprError where it is none."""
    full = namespace if namespace.startswith('/') else f'/{namespace}'
    if full != '/' and (not _FULL.fullmatch(full) or len(full) > _LONGEST_TOPIC - 2):
        raise VprError(f'{namespace!r} is no namespace: expected / or such as /robot/front, of '
                       'letters, digits and underscores')
    return full


def full_node_name(node: str, namespace: str) -> str:
    """Return the name of a node in its namespace, such as ``/robot/localizer``."""
    return f"{namespace.rstrip('/')}/{node}"


def resolve_topic(topic: str, *, node: str, namespace: str) -> str:
    """
    Return the full name of a topic.

    :param topic: ``~/name`` lies below the name of the node, ``name`` in its namespace, and
        ``/name`` where it says; ``{node}``, ``{ns}`` and ``{namespace}`` stand for those.
    :raises VprError: for what is no name of a topic.
    """
    names = {'node': node, 'ns': namespace, 'namespace': namespace}
    full = _SUBSTITUTION.sub(lambda found: names.get(found[1], found[0]), topic)
    if full == '~' or full.startswith('~/'):
        full = full_node_name(node, namespace) + full[1:]
    elif not full.startswith('/'):
        full = full_node_name(full, namespace)
    if not _FULL.fullmatch(full):
        raise VprError(f'{topic!r} is no name of a topic: expected such as /camera/image_raw, '
                       'image or ~/pose, of letters, digits and underscores, no part of which '
                       'begins with a digit')
    if len(full) > _LONGEST_TOPIC:
        raise VprError(f'the name of the topic {full!r} has {len(full)} characters: expected '
                       f'{_LONGEST_TOPIC} at most')
    return full


def dds_topic(topic: str) -> str:
    """Return what a topic of ROS, by its full name, is called in DDS."""
    return f'rt{topic}'
