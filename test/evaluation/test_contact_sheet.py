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

"""One picture of many."""

import numpy as np
import pytest
from vpr_ros.evaluation.contact_sheet import contact_sheet
from vpr_ros.evaluation.contact_sheet import SheetColumn
from vpr_ros.evaluation.contact_sheet import SheetRow

RED, GREEN, BLUE = (np.full((1, 1, 3), c, np.uint8) for c in (
    (255, 0, 0), (0, 255, 0), (0, 0, 255)))
COLUMNS = [SheetColumn('image'), SheetColumn('compact', 'weights: my.safetensors')]


def tile(colour, height, width):
    return np.tile(colour, (height, width, 1))


def boxes(sheet, colour):
    """Return top, bottom, left and right of what has a colour."""
    rows, columns = np.nonzero((sheet == colour).all(axis=2))
    return [int(v) for v in (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1)]


def ink(sheet):
    return int((255 - sheet.astype(int)).sum())


def test_each_picture_stands_whole_in_its_row_and_column():
    sheet = contact_sheet(COLUMNS, [
        SheetRow('first', [tile(RED, 90, 160), tile(GREEN, 90, 160)]),
        SheetRow('second', [tile(BLUE, 200, 100), tile(BLUE, 200, 100)])])
    assert sheet.dtype == np.uint8
    red, green, blue = (boxes(sheet, colour) for colour in (RED, GREEN, BLUE))
    assert (red[1] - red[0], red[3] - red[2]) == (90, 160)
    assert green[:2] == red[:2]
    assert green[3] - green[2] == 160
    assert green[2] > red[3]
    assert blue[0] > red[1]
    assert blue[1] - blue[0] == 200
    assert [blue[2], blue[3]] == [red[2], green[2] + 100]
    # A margin all around.
    assert (np.concatenate([sheet[[0, -1]].reshape(-1, 3), sheet[:, [0, -1]].reshape(-1, 3)])
            == 255).all()


def test_titles_stand_above_their_columns_and_labels_below_the_first():
    def sheet(title, note, label):
        return contact_sheet([SheetColumn('image'), SheetColumn(title, note)], [
            SheetRow(label, [tile(RED, 40, 160), tile(GREEN, 40, 160)])])

    plain = sheet('compact', '', 'a')
    top, bottom, left, right = boxes(plain, GREEN)
    assert ink(plain[:top, left:right]) > 1000
    assert ink(plain[bottom:, left:]) == 0
    assert ink(plain[bottom:, :left]) > 100
    # Another title, note or label changes the ink where it belongs and nothing else.
    other = sheet('gem', '', 'a')
    assert (other[:top, left:] != plain[:top, left:]).any()
    assert (other[:, :left] == plain[:, :left]).all()
    assert (other[top:] == plain[top:]).all()
    labelled = sheet('compact', '', 'b')
    assert (labelled[:bottom] == plain[:bottom]).all()
    assert (labelled[bottom:, :left] != plain[bottom:, :left]).any()
    noted = sheet('compact', 'p: 3', 'a')
    assert boxes(noted, GREEN)[0] > top


@pytest.mark.parametrize('note', ['option: value, ' * 12, 'x' * 200])
def test_a_long_text_takes_more_lines_and_stays_in_its_column(note):
    def above(note):
        sheet = contact_sheet(
            [SheetColumn('image'), SheetColumn('compact', note), SheetColumn('')],
            [SheetRow('', [tile(c, 40, 160) for c in (RED, GREEN, BLUE)])])
        top, _, left, right = boxes(sheet, GREEN)
        return sheet[:top], left, right

    long, left, right = above(note)
    short, _, _ = above('option: value')
    assert long.shape[0] > short.shape[0] + 40
    # Nothing of it was lost, or drawn over a neighbour.
    assert ink(long[:, left:right]) > 5 * ink(short[:, left:right])
    assert ink(long[:, right:]) == 0
    assert ink(long[:, :left]) == ink(short[:, :left])


def test_text_is_dark_enough_to_read():
    sheet = contact_sheet([SheetColumn('HHHH', 'HHHH')], [
        SheetRow('HHHH', [tile(RED, 40, 160)])])
    top, bottom, _, _ = boxes(sheet, RED)
    for part in (sheet[:top // 2 + 6], sheet[top // 2 + 6:top], sheet[bottom:]):
        assert part.min() < 130


def test_what_is_no_sheet_is_refused():
    with pytest.raises(ValueError, match="row 'a' has 1 pictures for 2 columns"):
        contact_sheet(COLUMNS, [SheetRow('a', [tile(RED, 4, 4)])])
    with pytest.raises(ValueError, match='columns and rows'):
        contact_sheet(COLUMNS, [])
    with pytest.raises(ValueError, match='columns and rows'):
        contact_sheet([], [SheetRow('a', [])])
    with pytest.raises(ValueError, match=r'RGB uint8 pictures \(H, W, 3\), got float64 \(4, 4\)'):
        contact_sheet([SheetColumn('image')], [SheetRow('a', [np.zeros((4, 4))])])
