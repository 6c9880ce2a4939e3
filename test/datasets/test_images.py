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

"""Image files: order, colours and damage."""

import cv2
import numpy as np
import pytest
from vpr_ros.datasets.images import IMAGE_SUFFIXES
from vpr_ros.datasets.images import list_images
from vpr_ros.datasets.images import natural_key
from vpr_ros.datasets.images import read_image
from vpr_ros.errors import VprError


def test_natural_order():
    names = ['Image10.jpg', 'image2.jpg', 'Image1.jpg', 'a.jpg', '3.jpg', '20.jpg', 'x1y10',
             'x1y9', 'Image01.jpg']
    assert sorted(names, key=natural_key) == [
        '3.jpg', '20.jpg', 'a.jpg', 'Image01.jpg', 'Image1.jpg', 'image2.jpg', 'Image10.jpg',
        'x1y9', 'x1y10']


def test_only_images_of_this_folder_are_listed(tmp_path):
    for name in ('b.PNG', 'a.jpeg', 'notes.txt', '._a.jpeg', 'poses.csv'):
        (tmp_path / name).write_bytes(b'x')
    (tmp_path / 'folder.jpg').mkdir()
    assert [path.name for path in list_images(tmp_path)] == ['a.jpeg', 'b.PNG']
    with pytest.raises(VprError, match='nowhere'):
        list_images(tmp_path / 'nowhere')


def picture():
    rng = np.random.default_rng(1)
    small = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return cv2.resize(small, (64, 48), interpolation=cv2.INTER_LINEAR)


@pytest.mark.parametrize('suffix', [s for s in IMAGE_SUFFIXES if s != '.pgm'])
def test_images_are_read_as_rgb(tmp_path, suffix):
    rgb = picture()
    path = tmp_path / f'image{suffix}'
    assert cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    got = read_image(path)
    assert got.dtype == np.uint8
    assert got.shape == rgb.shape
    # The lossy kinds blur a little; swapped channels would differ far more.
    assert np.abs(got.astype(int) - rgb).mean() < 6


def test_grey_and_sixteen_bit_images_become_rgb_of_eight_bits(tmp_path):
    grey = picture()[:, :, 0]
    cv2.imwrite(str(tmp_path / 'grey.pgm'), grey)
    got = read_image(tmp_path / 'grey.pgm')
    assert (got == grey[:, :, None]).all()
    cv2.imwrite(str(tmp_path / 'deep.png'), grey.astype(np.uint16) * 257)
    assert (read_image(tmp_path / 'deep.png') == grey[:, :, None]).all()


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.webp', '.bmp'])
@pytest.mark.parametrize('share', [0.0, 0.4, 0.9])
def test_a_cut_off_image_is_named(tmp_path, suffix, share):
    data = cv2.imencode(suffix, picture())[1].tobytes()
    path = tmp_path / f'half{suffix}'
    path.write_bytes(data[:int(len(data) * share)])
    with pytest.raises(VprError, match=f'half{suffix}'):
        read_image(path)


def test_a_file_that_is_no_image_is_named(tmp_path):
    path = tmp_path / 'text.png'
    path.write_text('hello')
    with pytest.raises(VprError, match='text.png.*no image'):
        read_image(path)
    with pytest.raises(VprError, match=r'gone\.png'):
        read_image(tmp_path / 'gone.png')
