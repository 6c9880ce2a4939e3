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

"""Windows of fixed cameras: cutting, overlap and loading."""

import cv2
from hypothesis import given
from hypothesis import strategies as st
import numpy as np
import pytest
from vpr_ros.errors import VprError
from vpr_ros.training.webcams import cut
from vpr_ros.training.webcams import load_pairs
from vpr_ros.training.webcams import load_scenes
from vpr_ros.training.webcams import load_single
from vpr_ros.training.webcams import overlap
from vpr_ros.training.webcams import random_window
from vpr_ros.training.webcams import Window

RNG = np.random.default_rng(0)


@st.composite
def windows(draw):
    width, height = draw(st.floats(1e-3, 1.0)), draw(st.floats(1e-3, 1.0))
    right, down = draw(st.floats(0.0, 1.0)), draw(st.floats(0.0, 1.0))
    return Window(right * (1 - width), down * (1 - height), width, height)


POINTS = np.random.default_rng(1).uniform(0.0, 1.0, (40_000, 2))


def inside(window):
    return ((POINTS[:, 0] >= window.x) & (POINTS[:, 0] < window.x + window.width)
            & (POINTS[:, 1] >= window.y) & (POINTS[:, 1] < window.y + window.height))


@given(st.integers(0, 10_000))
def test_overlap_is_what_random_points_say(seed):
    rng = np.random.default_rng(seed)
    a, b = (random_window(rng, smallest=0.2, largest=0.9) for _ in range(2))
    both, either = inside(a) & inside(b), inside(a) | inside(b)
    assert overlap(a, b) == pytest.approx(both.sum() / either.sum(), abs=0.03)


@given(windows(), windows())
def test_overlap_is_a_symmetric_share(a, b):
    assert 0.0 <= overlap(a, b) <= 1.0 + 1e-9
    assert overlap(a, b) == overlap(b, a)
    assert overlap(a, a) == pytest.approx(1.0)


@pytest.mark.parametrize(('b', 'wanted'), [
    (Window(0.5, 0.0, 0.5, 0.5), 0.0), (Window(0.6, 0.6, 0.4, 0.4), 0.0),
    (Window(0.25, 0.0, 0.5, 0.5), 1 / 3), (Window(0.0, 0.0, 1.0, 1.0), 0.25)])
def test_overlap_by_hand(b, wanted):
    assert overlap(Window(0.0, 0.0, 0.5, 0.5), b) == pytest.approx(wanted)


@given(st.integers(0, 10_000), st.floats(0.05, 1.0), st.floats(0.0, 1.0), st.floats(0.3, 3.0))
def test_random_windows_stay_inside(seed, smallest, share, aspect):
    largest = smallest + share * (1.0 - smallest)
    window = random_window(np.random.default_rng(seed), smallest=smallest, largest=largest,
                           aspect=aspect)
    assert smallest - 1e-9 <= window.width <= largest + 1e-9
    assert window.x >= 0.0
    assert window.y >= 0.0
    assert window.x + window.width <= 1.0 + 1e-9
    assert window.y + window.height <= 1.0 + 1e-9


def test_cut_takes_the_part_it_names():
    image = RNG.integers(0, 256, (40, 80, 3), dtype=np.uint8)
    part = cut(image, Window(0.25, 0.5, 0.5, 0.25), (10, 40))
    assert np.array_equal(part, image[20:30, 20:60])
    assert np.array_equal(cut(image, Window(0.0, 0.0, 1.0, 1.0), (40, 80)), image)


def test_cut_averages_where_it_shrinks():
    image = RNG.integers(0, 256, (40, 80, 3), dtype=np.uint8)
    small = cut(image, Window(0.0, 0.0, 1.0, 1.0), (10, 20))
    assert abs(float(small[3, 7, 1]) - image[12:16, 28:32, 1].mean()) <= 0.51


EXTREMES = [Window(0.0, 0.0, 1.0, 1.0), Window(0.999, 0.999, 0.001, 0.001),
            Window(0.0, 0.0, 1e-6, 1e-6), Window(1.0 - 1e-9, 0.0, 1e-9, 1.0),
            Window(0.0, 1.0 - 1e-9, 1.0, 1e-9), Window(0.5, 0.5, 0.5, 0.5)]


@pytest.mark.parametrize('window', EXTREMES)
@pytest.mark.parametrize('jitter', [0.0, 0.2, 1.0])
@pytest.mark.parametrize('shape', [(48, 64), (1, 1), (3, 2)])
def test_cut_stays_inside_the_image(window, jitter, shape):
    image = np.full((*shape, 3), 77, np.uint8)
    for seed in range(20):
        part = cut(image, window, (16, 24), rng=np.random.default_rng(seed), jitter=jitter)
        assert part.shape == (16, 24, 3)
        assert part.dtype == np.uint8
        assert (part == 77).all()  # nothing from beyond the border


@given(windows(), st.integers(0, 1000))
def test_cut_of_any_window(window, seed):
    image = np.full((31, 47, 3), 77, np.uint8)
    part = cut(image, window, (16, 24), rng=np.random.default_rng(seed), jitter=0.3)
    assert (part == 77).all()
    assert part.shape == (16, 24, 3)


def test_jitter_moves_the_window_a_little():
    y, x = np.mgrid[0:200, 0:200]
    image = np.stack([x, y, 0 * x], axis=2).astype(np.uint8)  # a pixel tells where it was
    window = Window(0.4, 0.4, 0.2, 0.2)
    rng = np.random.default_rng(0)
    centres = np.array([cut(image, window, (20, 20), rng=rng, jitter=0.2).mean(axis=(0, 1))
                        for _ in range(100)])[:, :2]
    assert centres.std(axis=0).min() > 1.0
    assert np.abs(centres - 100).max() < 0.5 * 0.2 * 200
    assert np.array_equal(cut(image, window, (20, 20), rng=rng), cut(image, window, (20, 20)))


def test_a_window_at_the_border_keeps_its_size():
    y, x = np.mgrid[0:200, 0:200]
    image = np.stack([x, y, 0 * x], axis=2).astype(np.uint8)
    for corner in (0.0, 0.8):
        window = Window(corner, corner, 0.2, 0.2)
        for seed in range(40):
            part = cut(image, window, (20, 20), rng=np.random.default_rng(seed), jitter=0.2)
            seen = part.astype(int)[..., :2].max(axis=(0, 1)) - part[..., :2].min(axis=(0, 1))
            assert seen.min() >= 0.9 * 0.2 * 200 * 19 / 20 - 2  # the window shrinks by up to 10 %


def write(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1])


def textured(height=24, width=32):
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_scenes(tmp_path):
    images = [textured() for _ in range(3)]
    for number, image in enumerate(images):
        write(tmp_path / 'b' / f'{number}.png', image)
    for camera in ('a', 'hidden'):
        write(tmp_path / camera / '0.png', textured())
        write(tmp_path / camera / '1.JPG', textured())
    (tmp_path / 'a' / 'notes.txt').write_text('no image')
    (tmp_path / 'readme.txt').write_text('no camera')
    scenes = load_scenes(tmp_path, leave_out=('hidden',))
    assert [scene.name for scene in scenes] == ['a', 'b']
    assert [len(scene.images) for scene in scenes] == [2, 3]
    for got, wanted in zip(scenes[1].images, images, strict=True):
        assert np.array_equal(got, wanted)  # RGB, in order of names


def test_black_images_show_no_place(tmp_path):
    black = RNG.integers(0, 12, (24, 32, 3), dtype=np.uint8)
    for camera, images in {'day and night': [textured(), black, textured()],
                           'night': [black, black, black], 'one left': [textured(), black],
                           'fog': [np.full((24, 32, 3), 200, np.uint8)] * 2}.items():
        for number, image in enumerate(images):
            write(tmp_path / camera / f'{number}.png', image)
    scenes = load_scenes(tmp_path)
    assert [(scene.name, len(scene.images)) for scene in scenes] == [('day and night', 2)]
    assert len(load_scenes(tmp_path, least_contrast=0.0)) == 4


def test_pairs_with_one_reference_are_one_scene(tmp_path):
    shared, other = textured(), textured()
    queries = [textured() for _ in range(3)]
    for number, (query, reference) in enumerate(
            zip(queries, [shared, other, shared], strict=True)):
        write(tmp_path / 'query' / f'{number}.png', query)
        write(tmp_path / 'reference' / f'{number}.png', reference)
    scenes = load_pairs(tmp_path)
    assert [len(scene.images) for scene in scenes] == [3, 2]
    for scene, wanted in zip(scenes, [[shared, queries[0], queries[2]], [other, queries[1]]],
                             strict=True):
        for got, image in zip(scene.images, wanted, strict=True):
            assert np.array_equal(got, image)


def test_a_query_without_partner(tmp_path):
    write(tmp_path / 'query' / '7.png', textured())
    (tmp_path / 'reference').mkdir()
    with pytest.raises(VprError, match=r'7\.png has no partner .*reference'):
        load_pairs(tmp_path)


def test_single_images(tmp_path):
    for name in ('b', 'a', 'c'):
        write(tmp_path / f'{name}.png', textured())
    scenes = load_single(tmp_path)
    assert [scene.name for scene in scenes] == ['a', 'b', 'c']
    assert all(len(scene.images) == 1 for scene in scenes)


def test_a_file_that_is_no_image(tmp_path):
    (tmp_path / 'camera').mkdir()
    (tmp_path / 'camera' / 'broken.jpg').write_bytes(b'\xff\xd8 no more')
    with pytest.raises(VprError, match=r'cannot decode the image .*broken\.jpg'):
        load_scenes(tmp_path)


@pytest.mark.parametrize('load', [load_scenes, load_pairs, load_single])
def test_a_folder_that_is_not_there(load, tmp_path):
    with pytest.raises(VprError, match='no folder of training images at .*absent'):
        load(tmp_path / 'absent')
