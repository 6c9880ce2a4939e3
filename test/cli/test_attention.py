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

"""What networks attend to: single pictures, and networks side by side."""

from pathlib import Path
import sys

import numpy as np
import pytest
import torch
from vpr_ros.bags.make import write_traverse
from vpr_ros.cli.attention import attention
from vpr_ros.datasets.image_folder import read_image_folder
from vpr_ros.datasets.images import read_image
from vpr_ros.errors import VprError
from vpr_ros.networks import registry
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.networks.registry import register_network

TEXT_ABOVE = 80


class Oldest(SequenceNetwork):
    """Attend to the corner that the brightness of the oldest frame of three chooses."""

    def __init__(self):
        super().__init__(name='oldest', dimension=2, preprocessing=Preprocessing(8, 8), length=3)

    def encode_frames(self, images):
        return images.mean(dim=(1, 2, 3))

    def aggregate(self, encodings):
        dark = (encodings[:, 0] < 0.5).float()
        attention = torch.zeros(len(dark), 2, 2)
        attention[:, 0, 0], attention[:, 1, 1] = dark, 1 - dark
        return NetworkOutput(torch.stack([dark, 1 - dark], dim=1), attention)


def oldest():
    return Oldest()


@pytest.fixture
def one_of_sequences(monkeypatch):
    """Register a network whose attention shows which frame it saw two frames ago."""
    monkeypatch.setattr(registry, '_NETWORKS', dict(registry._NETWORKS))
    monkeypatch.setitem(sys.modules, 'network_of_sequences', sys.modules[__name__])
    register_network('oldest', 'network_of_sequences:oldest')


@pytest.fixture
def greys(tmp_path: Path) -> Path:
    """Return a folder of three dark pictures and three bright ones."""
    import cv2

    folder = tmp_path / 'greys'
    folder.mkdir()
    for number in range(6):
        level = 60 if number < 3 else 200
        cv2.imwrite(str(folder / f'{number}.png'), np.full((100, 100, 3), level, np.uint8))
    return folder


def rows_of(sheet: np.ndarray, *, cell: int, column: int, rows: int) -> list[np.ndarray]:
    """Return the square pictures of a column, from the bottom: titles above may be of any size."""
    left = 12 + column * (max(150, cell) + 12)
    step = (sheet.shape[0] - first_row(sheet)) // rows
    top = first_row(sheet)
    return [sheet[top + at * step:top + at * step + cell, left:left + cell] for at in range(rows)]


def first_row(sheet: np.ndarray) -> int:
    """Return where the first picture begins: its first line is of one colour, and not white."""
    left = sheet[:, 12:12 + 60].astype(int)
    even = (left.max(axis=(1, 2)) - left.min(axis=(1, 2)) <= 2) & (left.max(axis=(1, 2)) < 250)
    return int(np.argmax(even))


def looks_at_first_corner(picture: np.ndarray) -> bool:
    """Tell whether the upper left is painted more warmly than the lower right."""
    warm = picture[..., 0].astype(int) - picture[..., 2]
    half = len(warm) // 2
    return bool(warm[:half, :half].mean() > warm[half:, half:].mean())


def test_networks_stand_side_by_side_with_a_row_for_each_image(command, traverses, tmp_path):
    morning = traverses / 'morning'
    done = command(tmp_path, 'attention', morning / '000.png', morning / '001.png', '--networks',
                   'compact', '--networks', 'compact{weights: ""}', '-o', 'new/out.png',
                   '--cell', 200)
    assert done.returncode == 0, done.stderr
    assert '2 images' in done.stdout
    sheet = read_image(tmp_path / 'new' / 'out.png')
    # Three columns of 200 pixels; two rows of images of 160 x 120, grown to 200 x 150.
    assert sheet.shape[1] == 3 * 200 + 4 * 12
    assert 2 * 150 < sheet.shape[0] < 2 * 150 + 150
    first, second, third = (sheet[:, left:left + 200] for left in (12, 224, 436))
    shown = [read_image(morning / f'{n:03d}.png').mean() for n in (0, 1)]
    assert first[-190:-40].mean() == pytest.approx(shown[1], abs=30)
    # The same network twice paints the same over the image; only the title differs.
    assert (second[TEXT_ABOVE:] == third[TEXT_ABOVE:]).all()
    assert (second[:TEXT_ABOVE] != third[:TEXT_ABOVE]).any()
    assert np.abs(first[TEXT_ABOVE:].astype(int) - second[TEXT_ABOVE:]).mean() > 5


def test_a_folder_is_a_stream_and_single_images_have_no_past(one_of_sequences, greys, tmp_path):
    def corners(name, *, count, **source):
        out = tmp_path / name
        attention(out=out, networks=['oldest'], cell=100, **source)
        return [looks_at_first_corner(p)
                for p in rows_of(read_image(out), cell=100, column=1, rows=count)]

    delayed = [True, True, True, True, True, False]
    assert corners('images.png', count=6, images=greys) == delayed
    assert corners('folder.png', count=6, pictures=[greys]) == delayed
    # A folder given twice starts anew, and each file by itself sees nothing else.
    assert corners('twice.png', count=12, pictures=[greys, greys]) == delayed * 2
    files = [greys / '0.png', greys / '4.png', greys / '2.png', greys / '5.png']
    assert corners('files.png', count=4, pictures=files) == [True, False, True, False]
    # Thinned, the stream is 0, 2 and 4.
    assert corners('thinned.png', count=3, images=greys, every=2) == [True, True, True]


def test_a_bag_in_one_picture(one_of_sequences, traverses, tmp_path):
    bag = tmp_path / 'in.mcap'
    write_traverse(bag, read_image_folder(traverses / 'morning'), encoding='jpeg')
    attention(out=tmp_path / 'out.jpg', bag=bag, every=4, networks=['oldest'], cell=80)
    assert (tmp_path / 'out.jpg').read_bytes().startswith(b'\xff\xd8')
    sheet = read_image(tmp_path / 'out.jpg')
    assert 3 * 60 < sheet.shape[0] < 3 * 60 + 150


def test_a_picture_is_replaced_only_when_asked(one_of_sequences, greys, tmp_path):
    out = tmp_path / 'out.png'
    out.write_bytes(b'precious')
    with pytest.raises(VprError, match='--overwrite'):
        attention(out=out, pictures=[greys], networks=['oldest'])
    assert out.read_bytes() == b'precious'
    attention(out=out, pictures=[greys], networks=['oldest'], overwrite=True)
    assert out.read_bytes() != b'precious'


@pytest.mark.parametrize(('options', 'said'), [
    ({'networks': 'compact,thumbnail{patch: 8}'}, "'thumbnail{patch: 8}' has no attention"),
    ({'networks': 'compakt'}, "did you mean 'compact'"),
    ({'networks': 'compact{wieghts: x}'}, "did you mean 'weights'"),
    ({'networks': 'compact{weights: x'}, 'do not close'),
    ({'networks': 'compact', 'out': 'folder'}, 'ends in .png or .jpg'),
    ({'networks': 'compact', 'out': 'x.webp'}, 'ends in .png or .jpg'),
    ({'networks': 'compact', 'network': 'gem'}, 'leave out --network'),
    ({'networks': 'compact', 'param': ['extraction.options:={patch: 8}']}, 'leave out --network'),
    ({'networks': 'compact', 'images': 'greys'}, 'one source'),
    ({'networks': 'compact', 'pictures': []}, 'one source'),
    ({'networks': 'compact', 'topic': '/image'}, '--topic belongs to --bag'),
    ({'networks': 'compact', 'pictures': ['absent.png']}, 'no such image: absent.png'),
    ({'networks': 'compact', 'pictures': ['greys'] * 11}, '66 images are too many'),
    ({}, 'name what looks at them with --networks'),
    ({'pictures': [], 'images': 'greys'}, '-o names the file'),
    ({'pictures': [], 'images': 'greys', 'out': 'folder', 'cell': 100}, '--cell belongs'),
])
def test_what_does_not_go_together_is_refused(greys, tmp_path, monkeypatch, options, said):
    monkeypatch.chdir(tmp_path)
    given = {'out': 'out.png', 'pictures': ['greys/0.png'], **options}
    if 'networks' in given:
        given['networks'] = [given['networks']]
    for name in ('out', 'images'):
        if name in given:
            given[name] = Path(given[name])
    given['pictures'] = [Path(path) for path in given['pictures']]
    with pytest.raises(VprError) as refused:
        attention(**given)
    assert said in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ['greys']
