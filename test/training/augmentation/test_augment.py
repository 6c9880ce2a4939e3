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
"""What happens to the images of an example."""

import cv2
import numpy as np
import pytest
from vpr_ros.config import make_settings
from vpr_ros.errors import VprError
from vpr_ros.extraction.preparation import prepare
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.training.augmentation import augment
from vpr_ros.training.augmentation import AugmentationSettings

NOTHING = {'light': 0.0, 'night': 0.0, 'snow': 0.0, 'fog': 0.0, 'rain': 0.0, 'shadow': 0.0,
           'occlusion': 0.0, 'blur': 0.0, 'noise': 0.0, 'crop_smallest': 1.0, 'perspective': 0.0,
           'rotation_deg': 0.0, 'stretch': 1.0}
#: What happens to a whole example, and what differs from image to image.
SHARED = ({'light': 1.0}, {'night': 1.0}, {'shadow': 1.0}, {'blur': 1.0}, {'flip': 0.5},
          {'crop_smallest': 0.3, 'perspective': 0.3, 'rotation_deg': 5.0, 'stretch': 1.3})
SINGLE = ({'noise': 1.0}, {'snow': 1.0}, {'fog': 1.0}, {'rain': 1.0}, {'occlusion': 1.0})


def only(**settings):
    return AugmentationSettings(**{**NOTHING, **settings})


def scene(height=120, width=160):
    """Return a street: an even bright sky above blocks of all brightness."""
    rng = np.random.default_rng(3)
    blocks = rng.integers(20, 200, (9, 12, 3), dtype=np.uint8)
    image = cv2.resize(blocks, (width, height), interpolation=cv2.INTER_NEAREST)
    image[:height // 3] = (190, 205, 230)
    return image


def test_without_anything_it_is_the_resizing_of_networks():
    image = scene()
    for size in ((60, 80), (100, 90), (200, 300), (120, 160)):
        wanted = prepare(image, Preprocessing(*size))
        for settings in (only(), AugmentationSettings(enabled=False),
                         AugmentationSettings(strength=0.0, flip=1.0)):
            for seed in range(3):
                made, = augment([image], settings, np.random.default_rng(seed), size=size)
                np.testing.assert_array_equal(made, wanted)
                assert not np.shares_memory(made, image)
    assert augment([], AugmentationSettings(), np.random.default_rng(0)) == []


@pytest.mark.parametrize('shape', [(120, 160), (1, 1), (2, 3), (1, 50), (224, 10)])
@pytest.mark.parametrize('size', [None, (48, 64), (1, 1), (3, 2)])
def test_type_and_size_are_kept_and_the_input_is_left_alone(shape, size):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    before = image.copy()
    image.flags.writeable = False
    often = AugmentationSettings(
        light=0.9, night=0.5, snow=0.3, fog=0.3, rain=0.3, shadow=0.9, occlusion=0.9, blur=0.9,
        noise=0.9, perspective=0.5, rotation_deg=20.0, flip=0.5)
    for seed in range(25):
        changed = augment([image, image[:, :1]], often, np.random.default_rng(seed), size=size)
        assert [c.dtype for c in changed] == [np.uint8] * 2
        assert changed[0].shape == (*(size or shape), 3)
        assert changed[1].shape == (*(size or (shape[0], 1)), 3)
        assert all(c.flags.c_contiguous and c.flags.writeable for c in changed)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize('level', [0, 128, 255])
def test_images_without_contrast_do_not_break(level):
    image = np.full((40, 50, 3), level, np.uint8)
    for settings in (*SHARED, *SINGLE):
        for seed in range(5):
            changed, = augment([image], only(**settings), np.random.default_rng(seed))
            assert changed.shape == image.shape


def test_a_generator_is_a_change():
    image = scene(240, 320)
    for settings in (*SHARED[:4], SHARED[5], *SINGLE):
        made = [augment([image, image], only(**settings), np.random.default_rng(s))
                for s in (0, 0, 1)]
        np.testing.assert_array_equal(made[0], made[1])
        assert not np.array_equal(made[0], made[2])


@pytest.mark.parametrize('settings', SHARED, ids=str)
def test_light_and_view_are_those_of_the_whole_sequence(settings):
    image = scene()
    for seed in range(6):
        first, *others = augment([image] * 4, only(**settings), np.random.default_rng(seed))
        for other in others:
            np.testing.assert_array_equal(other, first)


@pytest.mark.parametrize('settings', SINGLE, ids=str)
def test_what_moves_by_itself_is_drawn_for_each_image(settings):
    image = scene()
    first, second = augment([image] * 2, only(**settings), np.random.default_rng(1))
    assert not np.array_equal(first, second)


def test_probabilities_are_kept():
    image = np.full((24, 32, 3), 120, np.uint8)
    for name, chance in (('light', 0.3), ('noise', 0.7), ('night', 0.5), ('fog', 0.2),
                         ('occlusion', 0.6), ('snow', 1.0)):
        rng = np.random.default_rng(5)
        changed = [not np.array_equal(augment([image], only(**{name: chance}), rng)[0], image)
                   for _ in range(400)]
        assert np.mean(changed) == pytest.approx(chance, abs=0.08), name


def test_one_weather_at_a_time_and_shadows_in_the_sun():
    image = scene()
    both = only(night=1.0, shadow=1.0)
    for seed in range(5):  # a night has no shadows: nothing else is drawn from then on
        assert len({augment([image], s, np.random.default_rng(seed))[0].tobytes()
                    for s in (both, only(night=1.0))}) == 1
        assert not np.array_equal(
            augment([image], only(shadow=1.0), np.random.default_rng(seed))[0], image)
    for name in ('snow', 'fog', 'rain'):
        np.testing.assert_array_equal(
            *(augment([image], only(**{name: 1.0}, shadow=s), np.random.default_rng(2))[0]
              for s in (0.0, 1.0)))


def test_less_strength_changes_less():
    image = scene(60, 80)
    for settings in (*SHARED[:4], *SINGLE):
        far = []
        for strength in (0.2, 1.0):
            changed = [augment([image], only(**settings, strength=strength),
                               np.random.default_rng(seed))[0] for seed in range(20)]
            far.append(np.mean([np.abs(c.astype(float) - image).mean() for c in changed]))
        assert far[0] < 0.6 * far[1], settings


def test_a_mirror_only_where_it_is_asked_for():
    image = scene()
    np.testing.assert_array_equal(
        augment([image], only(flip=1.0), np.random.default_rng(0))[0], image[:, ::-1])
    assert AugmentationSettings().flip == 0.0


@pytest.mark.parametrize('image', [
    np.zeros((4, 5, 3), np.float32), np.zeros((4, 5), np.uint8), np.zeros((4, 5, 4), np.uint8),
    np.zeros((0, 5, 3), np.uint8)])
def test_what_is_no_image_is_refused(image):
    with pytest.raises(ValueError, match=r'uint8 of shape \(H, W, 3\), got'):
        augment([image], AugmentationSettings(), np.random.default_rng(0))


@pytest.mark.parametrize(('values', 'said'), [
    ({'crop_smallest': 0.8, 'crop_largest': 0.5}, 'crop_smallest is at most crop_largest'),
    ({'snow': 0.5, 'fog': 0.5, 'rain': 0.1}, 'exclude each other'),
    ({'night': 1.5}, 'night'), ({'crop_smallest': 0}, 'crop_smallest'), ({'nigth': 1}, 'night')])
def test_settings_that_cannot_be(values, said):
    with pytest.raises(VprError, match=said):
        make_settings(AugmentationSettings, values)


def test_real_images_stay_the_places_they_are(shared_data):
    paths = sorted((shared_data / 'train' / 'camvid' / 'train').glob('*'))[::60]
    rng = np.random.default_rng(0)
    alike, elsewhere = [], []
    images = [prepare(cv2.imread(str(path)), Preprocessing(120, 160)) for path in paths]
    settings = AugmentationSettings(crop_smallest=1.0, perspective=0.0, rotation_deg=0.0)
    for at, image in enumerate(images):
        edges = [_edges(i) for i in (image, images[at - 1])]
        for _ in range(8):
            changed = _edges(augment([image], settings, rng)[0])
            same, other = (np.corrcoef(changed, e)[0, 1] for e in edges)
            alike.append(same)
            elsewhere.append(other)
    # By its edges a changed image is still nearer to itself than to the next.
    assert np.mean(np.array(alike) > np.array(elsewhere)) > 0.95
    assert np.median(alike) > 0.4


def _edges(image):
    light = cv2.GaussianBlur(image.mean(axis=2), (0, 0), 1.5)
    return np.log1p(np.hypot(*np.gradient(light))).ravel()
