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
"""Light, weather, shadows and what stands in the way."""

import cv2
import numpy as np
import pytest
from vpr_ros.training.augmentation.occlusion import Occlusion
from vpr_ros.training.augmentation.photometric import Blur
from vpr_ros.training.augmentation.photometric import Light
from vpr_ros.training.augmentation.photometric import Noise
from vpr_ros.training.augmentation.photometric import streak
from vpr_ros.training.augmentation.pixels import grey
from vpr_ros.training.augmentation.pixels import mixed
from vpr_ros.training.augmentation.pixels import sky
from vpr_ros.training.augmentation.pixels import spread
from vpr_ros.training.augmentation.pixels import tinted
from vpr_ros.training.augmentation.pixels import to_bytes
from vpr_ros.training.augmentation.pixels import to_pixels
from vpr_ros.training.augmentation.shadows import Shadows
from vpr_ros.training.augmentation.weather import Fog
from vpr_ros.training.augmentation.weather import Night
from vpr_ros.training.augmentation.weather import Rain
from vpr_ros.training.augmentation.weather import Snow

H, W = 120, 160
SKYLINE = 40


def day():
    """Return a street by day: an even bright sky above blocks of all brightness."""
    rng = np.random.default_rng(3)
    blocks = rng.integers(20, 150, (9, 12, 3), dtype=np.uint8)
    image = cv2.resize(blocks, (W, H), interpolation=cv2.INTER_NEAREST)
    image[:SKYLINE] = (190, 205, 230)
    return to_pixels(image)


def drawn(kind, strength=1.0, seeds=range(20)):
    """Return the day under each of many draws, and those."""
    effects = [kind.draw(strength, np.random.default_rng(seed)) for seed in seeds]
    return [(effect, effect.apply(day(), np.random.default_rng(9))) for effect in effects]


def edges(image):
    light = cv2.GaussianBlur(grey(image), (0, 0), 1.0)
    return np.hypot(*np.gradient(light))[SKYLINE + 4:]


def test_bytes_and_pixels():
    every = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    np.testing.assert_array_equal(to_bytes(to_pixels(every)), every)
    np.testing.assert_array_equal(
        to_bytes(np.array([[[-3.0, 7.0, 0.5]]], np.float32)), [[[0, 255, 128]]])


def test_mixing_against_broadcasting():
    rng = np.random.default_rng(0)
    image, other = rng.random((2, 6, 7, 3), dtype=np.float32)
    mask = rng.random((6, 7), dtype=np.float32)
    for colour, wide in ((other, other), (mask, mask[..., None]), ((0.1, 0.5, 0.9),) * 2,
                         (0.4, 0.4)):
        for share, part in ((0.3, 0.3), (mask, mask[..., None])):
            wanted = image * (1 - part) + np.asarray(wide, np.float32) * part
            np.testing.assert_allclose(mixed(image, colour, share), wanted, atol=1e-6)
    np.testing.assert_allclose(spread(mask, (1, 2, 3)), mask[..., None] * [1, 2, 3], atol=1e-6)
    np.testing.assert_allclose(tinted(image, (1, 2, 3)), image * [1, 2, 3], atol=1e-6)


def test_the_sky_is_found():
    found = sky(day())
    assert found[2:SKYLINE - 4].min() > 0.9
    assert found[SKYLINE + 4:].mean() < 0.05
    bright = day()
    bright[:10] = 0.1  # something dark above: what is below reaches no upper border
    assert sky(bright).max() < 0.2


def test_night_darkens_and_keeps_the_place():
    correlations = []
    for night, image in drawn(Night):
        assert image.mean() < 0.7 * day().mean()
        assert night.lamps
        # The sky, brightest by day, is darker than the street.
        assert grey(image)[:SKYLINE - 4].mean() < 0.6 * grey(day())[:SKYLINE - 4].mean()
        correlations.append(np.corrcoef(edges(image).ravel(), edges(day()).ravel())[0, 1])
    assert np.median(correlations) > 0.5
    streets = [grey(image)[SKYLINE:].mean() - grey(image)[:SKYLINE - 4].mean()
               for _, image in drawn(Night)]
    assert np.mean(np.array(streets) > 0.0) > 0.8


def test_lamps_shine_where_they_are():
    for night, image in drawn(Night):
        lamp = max(night.lamps, key=lambda each: each.power)
        x, y = min(W - 1, round(lamp.x * W)), min(H - 1, round(lamp.y * H))
        assert grey(image)[y, x] > np.median(grey(image))
        unlit = Night(ambient=night.ambient, glow=night.glow, fading=night.fading, lamps=())
        assert (image - unlit.apply(day(), np.random.default_rng(9)) > -1e-5).all()


def test_what_is_night_already_does_not_become_black():
    dark = day() * np.float32(0.2)
    for seed in range(20):
        night = Night.draw(1.0, np.random.default_rng(seed))
        assert night.apply(dark.copy(), np.random.default_rng(0)).mean() > 0.35 * dark.mean()


def test_snow_brightens_the_ground_and_falls():
    ground = slice(int(0.8 * H), H)
    for snow, image in drawn(Snow):
        assert image[ground].mean() > 1.1 * day()[ground].mean()
        assert image.max() <= 1.0 + 1e-5
        clear = Snow(cover=snow.cover, horizon=snow.horizon, flakes=0, size=snow.size,
                     wind=snow.wind).apply(day(), np.random.default_rng(9))
        lighter = (grey(image) - grey(clear)) > 0.1
        assert lighter.any() == (snow.flakes > 5)
    lying = [image[ground].mean() for snow, image in drawn(Snow) if snow.cover > 0.8]
    assert np.mean(lying) > 1.8 * day()[ground].mean()


def test_fog_takes_the_far_before_the_near():
    for fog, image in drawn(Fog):
        far, near = slice(SKYLINE, SKYLINE + 20), slice(H - 20, H)
        kept = [grey(image)[rows].std() / grey(day())[rows].std() for rows in (far, near)]
        assert kept[0] < kept[1] < 1.0
        assert 0.0 < np.abs(grey(image) - fog.light * 0.99)[far].mean() \
            < np.abs(grey(day()) - fog.light)[far].mean()


def test_rain_greys_and_streaks():
    for rain, image in drawn(Rain):
        assert np.ptp(image, axis=2).mean() < np.ptp(day(), axis=2).mean()
        dry = Rain(drops=0, length=rain.length, wind=rain.wind, grey=rain.grey, haze=rain.haze)
        wet = grey(image) - grey(dry.apply(day(), np.random.default_rng(9)))
        assert wet.max() > 0.05
        # Streaks are longer than wide: along the fall they change less than across.
        along, across = (np.abs(np.diff(wet, axis=axis)).mean() for axis in (0, 1))
        if abs(rain.wind - np.pi / 2) < 0.1:
            assert along < 0.7 * across


def test_a_streak_is_a_line_of_its_length():
    for length, angle in ((1.0, 0.3), (5.0, 0.0), (9.0, np.pi / 2), (12.0, 1.0)):
        kernel = streak(length, angle)
        assert kernel.sum() == pytest.approx(1.0)
        rows, columns = np.nonzero(kernel)
        reach = np.hypot(np.ptp(rows), np.ptp(columns)) + 1
        assert reach == pytest.approx(length, abs=1.6)
        middle = (len(kernel) - 1) / 2
        assert abs(rows.mean() - middle) < 0.6
        assert abs(columns.mean() - middle) < 0.6


def test_shadows_darken_the_ground_alone_and_softly():
    fallen = []
    for _, image in drawn(Shadows):
        change = grey(image) / np.maximum(grey(day()), 1e-3)
        assert change.max() <= 1.02
        assert change[:SKYLINE - 4].min() > 0.9  # not the sky
        fallen.append((change < 0.9).mean())
        if fallen[-1] > 0.02:
            assert change.min() < 0.75
        steps = np.abs(np.diff(change[SKYLINE + 6:], axis=1))
        assert steps.max() < 0.4
    assert 0.05 < np.mean(fallen) < 0.5


def test_something_in_the_way_covers_a_part_and_nothing_else():
    image = day()
    occlusion = Occlusion(probability=1.0, largest=0.5)
    for seed in range(30):
        before = image.copy()
        covered = occlusion.apply(image, np.random.default_rng(seed))
        np.testing.assert_array_equal(image, before)
        rows, columns = np.nonzero((covered != image).any(axis=2))
        assert 0 < np.ptp(rows) < 0.5 * H
        assert 0 < np.ptp(columns) < 0.5 * W
    assert Occlusion(probability=0.0, largest=0.5).apply(image, np.random.default_rng(0)) is image


def test_light_is_what_it_says():
    image = day()
    same = Light(gamma=1.0, contrast=1.0, brightness=0.0, colour=(1.0, 1.0, 1.0), saturation=1.0)
    np.testing.assert_allclose(same.apply(image, np.random.default_rng(0)), image, atol=1e-5)
    half = Light(gamma=1.0, contrast=0.5, brightness=0.0, colour=(1.0, 1.0, 1.0), saturation=1.0)
    changed = half.apply(image, np.random.default_rng(0))
    assert changed.mean() == pytest.approx(image.mean(), abs=1e-4)
    assert changed.std() == pytest.approx(0.5 * image.std(), rel=1e-4)
    plain = Light(gamma=2.0, contrast=1.0, brightness=0.0, colour=(1.0, 1.0, 1.0), saturation=0.0)
    changed = plain.apply(image, np.random.default_rng(0))
    np.testing.assert_allclose(changed, grey(image ** 2)[..., None].repeat(3, axis=2), atol=1e-5)
    means = np.array([image.mean() for _, image in drawn(Light, seeds=range(60))])
    assert means.min() < 0.8 * day().mean() < 1.2 * day().mean() < means.max()


def test_blur_takes_edges_and_noise_is_as_strong_as_drawn():
    for _, image in drawn(Blur):
        assert image.mean() == pytest.approx(day().mean(), rel=0.02)
        strength = np.abs(np.diff(image, axis=0)).mean() + np.abs(np.diff(image, axis=1)).mean()
        sharp = np.abs(np.diff(day(), axis=0)).mean() + np.abs(np.diff(day(), axis=1)).mean()
        assert strength <= sharp
    for noise, image in drawn(Noise):
        assert (image - day()).std() == pytest.approx(noise.deviation, rel=0.02)
