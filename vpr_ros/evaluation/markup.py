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

"""HTML and SVG text that cannot forget to escape."""

from __future__ import annotations

from html import escape

__all__ = ['css_percent', 'element', 'join', 'Markup', 'number']

# Elements that have no end tag in HTML.
VOID = frozenset({'br', 'hr', 'img', 'link', 'meta'})


class Markup(str):
    """Text that is markup already; every other text is escaped."""

    __slots__ = ()


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """
    Make an element.

    :param children: text is escaped, :class:`Markup` kept, None and '' left out.
    :param attributes: ``class_`` becomes class, other underscores become dashes; None and False
        are left out, True has no value. ``viewBox`` and the like keep their case.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip('_').replace('_', '-')
        parts.append(key if value is True else f'{key}="{escape(_text(value), quote=True)}"')
    start = f'<{" ".join(parts)}>'
    if name in VOID:
        return Markup(start)
    return Markup(f'{start}{join(children)}</{name}>')


def join(children: object) -> Markup:
    """Put children one after the other, escaping what is not markup."""
    if isinstance(children, (str, int, float)):
        children = (children,)
    return Markup(''.join(
        child if isinstance(child, Markup) else escape(_text(child), quote=False)
        for child in children if child is not None))  # type: ignore[attr-defined]


def number(value: float, digits: int = 1) -> str:
    """Return a short number for coordinates: no trailing zeros."""
    text = f'{value:.{digits}f}'
    return text.rstrip('0').rstrip('.') if '.' in text else text


def css_percent(share: float) -> str:
    """Return a share in [0, 1] as a length in CSS; what lies outside ends at the edge."""
    return f'{number(100 * min(max(share, 0.0), 1.0), 1)}%'


def _text(value: object) -> str:
    return number(value, 2) if isinstance(value, float) else str(value)
