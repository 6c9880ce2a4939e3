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

"""Descriptions that are made once."""

import os
from pathlib import Path
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from vpr_ros.datasets.crop import Crop
from vpr_ros.datasets.crop import CroppedImages
from vpr_ros.datasets.images import ImageFiles
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.errors import VprError
from vpr_ros.evaluation.comparison.description_cache import default_cache_folder
from vpr_ros.evaluation.comparison.description_cache import DescriptionCache
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings

ROOT = Path(__file__).resolve().parents[3]
THUMBNAIL = ExtractionSettings(network='thumbnail', device='cpu', batch_size=3)
COMPACT = ExtractionSettings(network='compact', device='cpu', batch_size=3)
SEQUENCES = ExtractionSettings(
    network='seqvlad', device='cpu', batch_size=2, options='{trunk: mobilenet_v2, weights: random,'
    ' sequence_length: 3, clusters: 4, height: 64, width: 64}')
FRAMES = 10


def draw(folder: Path, count: int = FRAMES) -> list[Path]:
    """Write images that differ, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(count):
        coarse = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
        paths.append(folder / f'{number:03d}.png')
        cv2.imwrite(str(paths[-1]), cv2.resize(coarse, (96, 72), interpolation=cv2.INTER_CUBIC))
    return paths


class CountedFiles(ImageFiles):
    """Files that say which of them were read."""

    def __init__(self, paths: list[Path]) -> None:
        super().__init__(paths)
        self.count_from_now()

    def count_from_now(self) -> None:
        self.reads: list[int] = []

    def read(self, index: int) -> np.ndarray:
        self.reads.append(index)
        return super().read(index)


@pytest.fixture(scope='module')
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp('images')
    draw(folder)
    return folder


def traverse_of(folder: Path) -> Traverse:
    return Traverse.of(CountedFiles(sorted(folder.glob('*.png'))), name='drive')


def described(cache: DescriptionCache, settings: ExtractionSettings, traverse: Traverse):
    """Return the descriptions of a traverse by an extractor that counts its frames."""
    extractor = make_extractor(settings)
    seen: list[int] = []
    describe = extractor.describe_batch

    def counted(frames):
        seen.extend(frame.stamp_ns for frame in frames)
        return describe(frames)

    extractor.describe_batch = counted
    found = cache.describe(extractor, settings, traverse)
    return found, [int(np.searchsorted(traverse.stamps_ns, stamp)) for stamp in seen]


def shards(folder: Path) -> list[Path]:
    return sorted(folder.rglob('*.npz'))


def test_descriptions_are_those_of_the_extractor_with_features_and_attention(images, tmp_path):
    traverse = traverse_of(images)
    found, seen = described(DescriptionCache(tmp_path, frames=4), COMPACT, traverse)
    expected = [d for _, d in make_extractor(COMPACT).describe_all(traverse.frames())]
    assert seen == list(range(FRAMES))
    assert len(found) == FRAMES
    assert len(found.files) == 3
    np.testing.assert_allclose(found.descriptors, [d.descriptor for d in expected], atol=1e-6)
    assert found.seconds.shape == (FRAMES,)
    assert (found.seconds > 0).all()
    got = list(found.descriptions())
    assert [d.stamp_ns for d in got] == [d.stamp_ns for d in expected]
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine.local_features.descriptors,
                                   theirs.local_features.descriptors, atol=1e-5)
        np.testing.assert_array_equal(mine.local_features.points, theirs.local_features.points)
    attention = expected[7].attention
    levels = (attention - attention.min()) / (attention.max() - attention.min()) * 255
    np.testing.assert_allclose(found.attention(7), levels, atol=1.0)


def test_nothing_is_described_twice_and_hardly_an_image_read(images, tmp_path):
    cache = DescriptionCache(tmp_path, frames=4)
    first, _ = described(cache, THUMBNAIL, traverse_of(images))
    again = traverse_of(images)
    second, seen = described(DescriptionCache(tmp_path, frames=4), THUMBNAIL, again)
    assert seen == []
    np.testing.assert_array_equal(first.descriptors, second.descriptors)
    again.images.count_from_now()
    second.descriptors, second.seconds, list(second.descriptions())
    assert again.images.reads == []


def test_a_network_without_attention_says_so(images, tmp_path):
    found, _ = described(DescriptionCache(tmp_path), THUMBNAIL, traverse_of(images))
    assert found.attention(3) is None
    assert [d.local_features for d in found.descriptions()] == [None] * FRAMES


@pytest.mark.parametrize('spacing_s', [0.0, 2.0])
def test_a_network_of_sequences_goes_on_where_it_was_killed(images, tmp_path, spacing_s):
    settings = SEQUENCES.model_copy(update={'sequence_spacing_s': spacing_s})
    traverse = traverse_of(images)
    whole, _ = described(DescriptionCache(tmp_path / 'whole', frames=4), settings, traverse)
    cache = DescriptionCache(tmp_path / 'killed', frames=4)
    described(cache, settings, traverse)
    for lost in (1, 2):
        kept = shards(tmp_path / 'killed')
        kept[lost].unlink()
        found, seen = described(cache, settings, traverse)
        np.testing.assert_allclose(found.descriptors, whole.descriptors, atol=1e-6)
        # Its own frames, after at most two that their sequences reach back to: with 2 s between
        # frames of a sequence, as far as four.
        own = list(range(4 * lost, min(4 * lost + 4, FRAMES)))
        assert seen[-len(own):] == own
        before = seen[:-len(own)]
        assert len(before) == 2
        assert min(before) >= 4 * lost - (2 if spacing_s == 0 else 4)


def test_what_is_resumed_keeps_the_spacing_that_reaches_over_several_shards(images, tmp_path):
    settings = SEQUENCES.model_copy(update={'sequence_spacing_s': 3.0})
    traverse = traverse_of(images)
    whole, _ = described(DescriptionCache(tmp_path / 'whole', frames=1), settings, traverse)
    expected = [d.descriptor for _, d in make_extractor(settings).describe_all(traverse)]
    np.testing.assert_allclose(whole.descriptors, expected, atol=1e-5)
    cache = DescriptionCache(tmp_path / 'killed', frames=1)
    described(cache, settings, traverse)
    # The frame at 3 s is in no sequence before that of 6 s, which another shard has.
    for path in shards(tmp_path / 'killed')[4:]:
        path.unlink()
    found, seen = described(cache, settings, traverse)
    np.testing.assert_allclose(found.descriptors, expected, atol=1e-5)
    assert seen == [0, 3, *range(4, FRAMES)]


def test_sequences_that_reach_over_shards_are_those_of_one_run(images, tmp_path):
    traverse = traverse_of(images)
    found, _ = described(DescriptionCache(tmp_path, frames=4), SEQUENCES, traverse)
    expected = [d.descriptor for _, d in make_extractor(SEQUENCES).describe_all(traverse)]
    np.testing.assert_allclose(found.descriptors, expected, atol=1e-5)


@pytest.mark.parametrize('damage', [
    lambda data: data[:len(data) // 2], lambda data: b'', lambda data: b'no archive',
    lambda data: data[:200] + bytes([data[200] ^ 0xff]) + data[201:]])
def test_a_damaged_file_is_made_again_and_told(images, tmp_path, caplog, damage):
    cache = DescriptionCache(tmp_path, frames=4)
    first, _ = described(cache, THUMBNAIL, traverse_of(images))
    before = first.descriptors
    path = shards(tmp_path)[1]
    path.write_bytes(damage(path.read_bytes()))
    second, seen = described(cache, THUMBNAIL, traverse_of(images))
    assert seen == [4, 5, 6, 7]
    assert 'is damaged' in caplog.text
    assert path.name in caplog.text
    np.testing.assert_array_equal(before, second.descriptors)


def test_a_file_of_another_size_is_none_of_ours(images, tmp_path, caplog):
    cache = DescriptionCache(tmp_path, frames=4)
    described(cache, THUMBNAIL, traverse_of(images))
    files = shards(tmp_path)
    files[0].write_bytes(files[2].read_bytes())
    _, seen = described(cache, THUMBNAIL, traverse_of(images))
    assert seen == [0, 1, 2, 3]
    assert 'expected descriptors of shape (4, ' in caplog.text


def test_a_changed_image_is_noticed(tmp_path):
    paths = draw(tmp_path / 'images')
    cache = DescriptionCache(tmp_path / 'cache')
    described(cache, THUMBNAIL, traverse_of(tmp_path / 'images'))
    cv2.imwrite(str(paths[6]), np.full((72, 96, 3), 99, np.uint8))
    _, seen = described(DescriptionCache(tmp_path / 'cache'), THUMBNAIL,
                        traverse_of(tmp_path / 'images'))
    assert seen == list(range(FRAMES))


def test_of_a_long_traverse_an_image_of_another_size_is_noticed_unread(tmp_path):
    paths = draw(tmp_path / 'images', 60)
    cache = DescriptionCache(tmp_path / 'cache')
    described(cache, THUMBNAIL, traverse_of(tmp_path / 'images'))
    unread = traverse_of(tmp_path / 'images')
    described(DescriptionCache(tmp_path / 'cache'), THUMBNAIL, unread)
    assert len(unread.images.reads) == 16
    other = next(i for i in range(60) if i not in unread.images.reads)
    cv2.imwrite(str(paths[other]), np.full((72, 96, 3), 99, np.uint8))
    _, seen = described(DescriptionCache(tmp_path / 'cache'), THUMBNAIL,
                        traverse_of(tmp_path / 'images'))
    assert len(seen) == 60


def test_another_name_stamp_or_choice_of_frames_is_another_traverse(images, tmp_path):
    cache = DescriptionCache(tmp_path)
    traverse = traverse_of(images)
    described(cache, THUMBNAIL, traverse)
    later = Traverse.of(traverse.images, name='drive', period_s=2.0)
    for other in (later, traverse[::2], traverse[1:]):
        _, seen = described(cache, THUMBNAIL, other)
        assert len(seen) == len(other)


def test_another_crop_is_another_traverse(images, tmp_path):
    cache = DescriptionCache(tmp_path)
    files = ImageFiles(sorted(images.glob('*.png')))
    cut = [Traverse.of(CroppedImages(files, Crop(bottom=share)), name='drive')
           for share in (0.1, 0.2)]
    first, second = (described(cache, THUMBNAIL, traverse) for traverse in cut)
    assert len(first[1]) == len(second[1]) == FRAMES
    assert np.abs(first[0].descriptors - second[0].descriptors).max() > 0.01
    assert described(cache, THUMBNAIL, cut[0])[1] == []


def test_other_weights_are_another_network(images, tmp_path):
    cache = DescriptionCache(tmp_path)
    settings = [ExtractionSettings(network='compact', device='cpu', local_features='none',
                                   options=f'{{weights: random, seed: {seed}}}')
                for seed in (1, 2)]
    traverse = traverse_of(images)
    for each in settings:
        _, seen = described(cache, each, traverse)
        assert len(seen) == FRAMES
    assert described(cache, settings[0], traverse)[1] == []


def test_local_features_are_added_when_they_are_asked_for_and_kept_when_not(images, tmp_path,
                                                                            caplog):
    cache = DescriptionCache(tmp_path)
    plain = COMPACT.model_copy(update={'local_features': 'none'})
    traverse = traverse_of(images)
    first, _ = described(cache, plain, traverse)
    assert [d.local_features for d in first.descriptions()] == [None] * FRAMES
    second, seen = described(cache, COMPACT, traverse)
    assert len(seen) == FRAMES
    assert all(len(d.local_features.points) for d in second.descriptions())
    for settings in (plain, COMPACT):
        assert described(cache, settings, traverse)[1] == []
    fewer = COMPACT.model_copy(update={'local_count': 9})
    assert len(described(cache, fewer, traverse)[1]) == FRAMES
    assert caplog.text == ''


def test_a_folder_that_cannot_be_written_says_what_to_do(images, tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(VprError, match=r'cannot be kept in .*file.*--cache.*--no-cache'):
        described(DescriptionCache(tmp_path / 'file'), THUMBNAIL, traverse_of(images))


def test_the_usual_folder_is_where_the_user_keeps_caches(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    assert default_cache_folder() == tmp_path / 'vpr_ros' / 'descriptions'
    monkeypatch.setenv('XDG_CACHE_HOME', 'relative')
    assert default_cache_folder() == Path.home() / '.cache' / 'vpr_ros' / 'descriptions'


RUN = """
import sys, time
from pathlib import Path
from vpr_ros.datasets.images import ImageFiles
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.evaluation.comparison.description_cache import DescriptionCache
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings

class Slow(ImageFiles):
    def read(self, index):
        time.sleep(0.05)
        return super().read(index)

settings = ExtractionSettings(network='thumbnail', device='cpu', batch_size=3)
images = Slow(sorted(Path(sys.argv[1]).glob('*.png')))
DescriptionCache(Path(sys.argv[2]), frames=4).describe(
    make_extractor(settings), settings, Traverse.of(images, name='drive'))
"""


def test_a_run_that_is_killed_goes_on_with_the_shard_under_way(tmp_path):
    draw(tmp_path / 'images', 60)
    process = subprocess.Popen(
        [sys.executable, '-c', RUN, str(tmp_path / 'images'), str(tmp_path / 'cache')],
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})
    waited = time.monotonic()
    while len(shards(tmp_path / 'cache')) < 3:
        assert process.poll() is None, 'it ended before it could be killed'
        assert time.monotonic() - waited < 120
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    there = len(shards(tmp_path / 'cache'))
    assert 3 <= there < 15
    traverse = traverse_of(tmp_path / 'images')
    found, seen = described(DescriptionCache(tmp_path / 'cache', frames=4), THUMBNAIL, traverse)
    assert seen == list(range(4 * there, 60))
    fresh, _ = described(DescriptionCache(tmp_path / 'fresh', frames=4), THUMBNAIL, traverse)
    np.testing.assert_array_equal(found.descriptors, fresh.descriptors)
