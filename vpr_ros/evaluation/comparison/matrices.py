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


"""The similarities of all systems on all pairs, small, side by side."""

from __future__ import annotations

import math

from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.result_folder import StoredMatrix
from vpr_ros.evaluation.markup import element
from vpr_ros.evaluation.markup import join
from vpr_ros.evaluation.markup import Markup
from vpr_ros.evaluation.pictures import data_uri
from vpr_ros.evaluation.pictures import encode_jpeg
from vpr_ros.evaluation.pictures import encode_png
from vpr_ros.evaluation.pictures import matrix_colours
from vpr_ros.evaluation.pictures import shrink_matrix
from vpr_ros.evaluation.report_page import heading

__all__ = ['matrices_section', 'MOST_MATRICES']

#: More would make the page slow to open; the rest lies in the folders of the results.
MOST_MATRICES = 60
# Rows of references and columns of queries.
LARGEST = (260, 340)
PNG_CELLS = 20_000


def matrices_section(comparison: Comparison, *, most: int = MOST_MATRICES) -> Markup | None:
    """Return the section, None when no system has a matrix."""
    rows, shown, left_out = [], 0, 0
    for table, pair in comparison.each_pair():
        figures = []
        for system, result in comparison.of_pair(table, pair):
            matrix = comparison.folder(result).read_matrix()
            if matrix is None:
                continue
            if shown >= most:
                left_out += 1
                continue
            shown += 1
            figures.append(_figure(
                matrix, comparison.signs.name(system, table.words(system)),
                f'{system.label} on {pair}, {system.conditions}'))
        if figures:
            rows += [element('h3', comparison.pair_name(table, pair)),
                     element('div', *figures, class_='matrices')]
    if not rows:
        return None
    about = ('Every query from left to right, every reference from bottom to top, and how similar '
             'a system finds them, on the scale below each. A system that knows the route draws '
             'one thin line; a cloud around it is doubt, and stripes are images that resemble '
             'everything.')
    if left_out:
        about += (f' {left_out} more {"is" if left_out == 1 else "are"} left out of this page: '
                  'the files matrix.png beside the results in runs/ have all.')
    return join([heading('matrices', 'Similarity', about), *rows])


def _figure(matrix: StoredMatrix, name: Markup, words: str) -> Markup:
    small = shrink_matrix(matrix.levels.T[::-1], *LARGEST).astype('uint8')
    colours = matrix_colours()[small]
    source = data_uri(encode_png(colours), 'image/png') if small.size <= PNG_CELLS else \
        data_uri(encode_jpeg(colours, quality=80), 'image/jpeg')
    # A drive of thousands against a map of hundreds shall not be a thread.
    shape = min(max(matrix.references / matrix.queries, 0.5), 1.4)
    digits = max(2, 1 - math.floor(math.log10(max(matrix.high - matrix.low, 1e-6))))
    ramp = element('img', src=data_uri(encode_png(matrix_colours()[None, ::4]), 'image/png'),
                   alt='', class_='ramp')
    return element(
        'figure',
        element('img', src=source, class_='cells', style=f'aspect-ratio:{1 / shape:.3f}',
                loading='lazy', alt=f'Similarity of {matrix.queries} queries and '
                f'{matrix.references} references: {words}'),
        element('figcaption', name,
                element('span', f'{matrix.low:.{digits}f} ', ramp, f' {matrix.high:.{digits}f}',
                        class_='scale')))
