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
"""What workers make of examples: a function of their keys, whoever reads them and when."""

import numpy as np
import pytest
import torch
from vpr_ros.extraction.preparation import prepare
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.training.augmentation.settings import AugmentationSettings
from vpr_ros.training.loading import batches
from vpr_ros.training.loading import PreparedExamples
from vpr_ros.training.loading import step_keys
from vpr_ros.training.loading import worker_count
from vpr_ros.training.places import PlaceImages

_INPUT = Preprocessing(height=24, width=32)


class Noise:
    """Twelve images of noise, larger than the input."""

    def __len__(self):
        return 12

    def read(self, index):
        return np.random.default_rng(index).integers(0, 256, (40, 52, 3)).astype(np.uint8)

    def label(self, index):
        return str(index)


def examples(*, sequences=False, **augmentation):
    images = PlaceImages.of(Noise(), positions=np.zeros((12, 2)))
    return PreparedExamples(images.sequences(3) if sequences else images, _INPUT,
                            AugmentationSettings(**augmentation), sequences=sequences)


def expected(index):
    """Return an image as every user of a network prepares it, (3, H, W)."""
    return torch.from_numpy(prepare(Noise().read(index), _INPUT)).permute(2, 0, 1)


def test_without_numbers_an_example_is_as_it_is_prepared_anywhere():
    for index in (0, 7):
        image = examples()[(index, ())]
        assert image.shape == (3, 24, 32) and image.dtype == torch.uint8
        assert torch.equal(image, expected(index))


def test_augmentation_can_be_left_out():
    assert torch.equal(examples(enabled=False)[(4, (1, 2, 3))], expected(4))
    assert not torch.equal(examples()[(4, (1, 2, 3))], expected(4))


def test_sequences_have_their_images_in_order():
    sequence = examples(sequences=True)[(5, ())]
    assert torch.equal(sequence, torch.stack([expected(i) for i in (5, 6, 7)]))
    assert sequence.shape == (3, 3, 24, 32)
    changed = examples(sequences=True)[(5, (0,))]
    assert changed.shape == (3, 3, 24, 32) and not torch.equal(changed, sequence)
    single = PreparedExamples(PlaceImages.of(Noise()), _INPUT, AugmentationSettings(),
                              sequences=True)
    assert single[(2, ())].shape == (1, 3, 24, 32)  # a sequence of one image


def test_changes_are_those_of_the_seed_the_step_and_the_position():
    numbers = np.array([3, 3, 8])
    keys = step_keys(numbers, seed=1, step=40)
    assert [example for example, _ in keys] == [3, 3, 8]
    read = examples()
    images = [read[key] for key in keys]
    assert not torch.equal(images[0], images[1])  # one image, two positions
    for other in (step_keys(numbers, seed=1, step=41), step_keys(numbers, seed=2, step=40)):
        assert not torch.equal(read[other[0]], images[0])
    again = [examples()[key] for key in step_keys(numbers, seed=1, step=40)]
    assert all(map(torch.equal, images, again))


def test_a_process_that_takes_a_part_of_a_step_makes_the_same_changes():
    numbers = np.arange(6)
    whole = step_keys(numbers, seed=0, step=3)
    assert step_keys(numbers[2:4], seed=0, step=3, first=2) == whole[2:4]
    assert len({key for _, key in whole}) == 6


def test_what_is_not_our_own_is_shown_as_it_is():
    keys = step_keys(np.array([2, 9, 3, 10]), seed=0, step=3, own=9)
    read = examples()
    for key, own in zip(keys, (True, False, True, False), strict=True):
        assert torch.equal(read[key], expected(key[0])) != own
    everything = step_keys(np.array([2, 9, 3, 10]), seed=0, step=3)
    assert [keys[0], keys[2]] == [everything[0], everything[2]]


@pytest.mark.parametrize('sequences', [False, True])
def test_workers_change_nothing(sequences):
    keys = [step_keys(np.array(numbers), seed=0, step=step)
            for step, numbers in enumerate([(4, 1, 4), (9, 0), (2, 2, 7), (5,)])]
    own = list(batches(examples(sequences=sequences), keys, workers=0))
    assert [len(batch) for batch in own] == [3, 2, 3, 1]
    read = examples(sequences=sequences)
    for batch, part in zip(own, keys, strict=True):
        assert torch.equal(batch, torch.stack([read[key] for key in part]))
    others = list(batches(examples(sequences=sequences), keys, workers=2))
    assert len(others) == 4 and all(map(torch.equal, own, others))


def test_workers_are_as_wanted_or_what_processes_have_to_spare(monkeypatch):
    assert (worker_count(0), worker_count(3)) == (0, 3)
    monkeypatch.setattr('os.sched_getaffinity', lambda _: set(range(12)))
    assert worker_count(-1) == 8
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '3')
    assert worker_count(-1) == 3
    monkeypatch.setattr('os.sched_getaffinity', lambda _: {0})
    assert worker_count(-1) == 0
