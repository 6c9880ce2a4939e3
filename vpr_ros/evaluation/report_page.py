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

"""What all reports are made of: one page for people, no other file, no network, no script."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from numpy.typing import ArrayLike
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.pictures import data_uri
from vpr_ros.evaluation.pictures import decode_picture
from vpr_ros.evaluation.pictures import encode_jpeg
from vpr_ros.evaluation.pictures import fit_within
from vpr_ros.evaluation.report_style import STYLE
from vpr_ros.runtime.whole_file import write_whole

__all__ = [
    'card', 'facts', 'half_figure', 'heading', 'inline_picture', 'PICTURE_SIZE', 'render_page',
    'scroll_table', 'wide_figure', 'write_page',
]

PICTURE_SIZE = (320, 320)
# The page may show what it carries and nothing else, whatever text got into it.
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def write_page(text: str, path: str | Path) -> Path:
    """
    Write a page as one HTML file.

    The file appears whole or not at all. OSError when the folder cannot be written.

    :returns: the path.
    """
    path = Path(path)
    # Command lines can hold bytes that are no text.
    write_whole(path, text.encode('utf-8', errors='replace'))
    return path


def render_page(title: str, kind: str, lead: str,
                sections: Sequence[tuple[str, str, Markup | None]], *, version: str = '') -> str:
    """
    Return the HTML of a page.

    :param kind: what stands above the title, in small letters.
    :param lead: two or three sentences that say what happened.
    :param sections: id, name in the navigation and body, which begins with a :func:`heading` of
        that id; those without a body are left out. The first has the id 'summary'.
    :param version: of vpr_ros, or ''.
    """
    shown = [(id_, name, body) for id_, name, body in sections if body]
    page = element(
        'html',
        element('head', element('meta', charset='utf-8'),
                element('meta', name='viewport', content='width=device-width, initial-scale=1'),
                element('meta', http_equiv='Content-Security-Policy', content=POLICY),
                element('title', title), element('style', Markup(STYLE))),
        element('body',
                element('a', 'Skip to the summary', class_='skip', href='#summary'),
                element('div',
                        element('header', element('p', kind, class_='over'),
                                element('h1', title), element('p', lead, class_='lead')),
                        _navigation(shown),
                        element('main', *(element('section', body, id=id_,
                                                  aria_labelledby=f'{id_}-title')
                                          for id_, _, body in shown)),
                        _footer(version), class_='page')),
        lang='en')
    return '<!DOCTYPE html>\n' + page + '\n'


def _navigation(sections: Sequence[tuple[str, str, Markup]]) -> Markup:
    return element('nav', element('ul', *(
        element('li', element('a', name, href=f'#{id_}')) for id_, name, _ in sections)),
        aria_label='Sections')


def _footer(version: str) -> Markup:
    return element('footer', f'Written by vpr_ros{f" {version}" if version else ""}. This page '
                             'is one file and loads nothing from elsewhere.')


def heading(id_: str, text: str, about: str = '') -> Markup:
    """Return the heading of the section with that id, and what it is about."""
    return join([element('h2', text, id=f'{id_}-title'),
                 element('p', about, class_='about') if about else None])


def card(term: str, big: str, unit: str, small: str) -> Markup:
    """Return one number that catches the eye, with its unit and a line below."""
    return element(
        'div', element('dt', term),
        element('dd', big, element('small', unit) if unit else None, class_='big'),
        element('dd', small, class_='small'), class_='card')


def half_figure(name: str, chart: Markup, keys: Sequence[Markup]) -> Markup:
    """Return a chart that stands beside another."""
    return element('figure', element('h3', name), chart, element('figcaption', *keys))


def wide_figure(chart: Markup, keys: Sequence[Markup], name: str) -> Markup:
    """Return a chart as wide as the page."""
    # A scroll area must be reachable by keyboard.
    return element(
        'figure', element('div', chart, class_='scroll', tabindex='0', role='region',
                          aria_label=name),
        element('figcaption', *keys) if keys else None)


def scroll_table(name: str, caption: str, columns: Sequence[str],
                 rows: Sequence[Sequence[str]]) -> Markup:
    """
    Return a table of numbers that scrolls where the page is narrow.

    :param name: for those who hear the page.
    :param rows: one text per column; the first names the row.
    """
    return element('div', element(
        'table', element('caption', caption),
        element('thead', element('tr', *(element('th', column, scope='col')
                                         for column in columns))),
        element('tbody', *(element('tr', element('th', first, scope='row'),
                                   *(element('td', text) for text in others))
                           for first, *others in rows))),
        class_='scroll', tabindex='0', role='region', aria_label=name)


def facts(rows: Sequence[tuple[str, str | Markup | None]]) -> Markup:
    """Return terms and what they are; those that are empty are left out."""
    return element('dl', *(
        join([element('dt', term), element('dd', value)]) for term, value in rows if value),
        class_='origin')


def inline_picture(picture: ArrayLike | bytes, caption: str, alt: str) -> Markup:
    """
    Return a picture that the page carries, small enough to look at.

    :param picture: (H, W, 3) uint8 RGB, or the bytes of an image file.
    """
    small = fit_within(decode_picture(picture), *PICTURE_SIZE)
    source = data_uri(encode_jpeg(small, quality=78), 'image/jpeg')
    return element(
        'figure', element('img', src=source, alt=alt, width=small.shape[1],
                          height=small.shape[0], loading='lazy'),
        element('figcaption', caption))
