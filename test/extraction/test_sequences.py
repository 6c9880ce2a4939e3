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

"""Sliding windows of frames."""

import dataclasses
import sys

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.sequences import FrameWindow
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.matching.localizer import Localizer
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.networks import registry
from vpr_ros.networks.base import NetworkOutput
from vpr_ros.networks.base import SequenceNetwork
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.types import Frame

RNG = np.random.default_rng(0)
SECOND = 1_000_000_000


class Colours(SequenceNetwork):
    """Describe a sequence by the mean colours of its frames, oldest first."""

    def __init__(self, length):
        super().__init__(name='colours', dimension=3 * length, length=length,
                         preprocessing=Preprocessing(4, 4, mean=(0.5,) * 3))
        self.encoded = 0

    def encode_frames(self, images):
        self.encoded += len(images)
        return images.mean(dim=(2, 3))

    def aggregate(self, encodings):
        even = encodings.new_full((len(encodings), 2, 2), 0.25)
        return NetworkOutput(F.normalize(encodings.flatten(1)), even)


def colours(*, length=3):
    return Colours(length)


@pytest.fixture(autouse=True)
def colours_by_name(monkeypatch):
    monkeypatch.setattr(registry, '_NETWORKS', dict(registry._NETWORKS))
    monkeypatch.setitem(sys.modules, 'networks_of_sequences', sys.modules[__name__])
    registry.register_network('colours', 'networks_of_sequences:colours')


def frames_at(*seconds, camera='front'):
    return [Frame(stamp_ns=round(s * SECOND), camera=camera,
                  image=RNG.integers(0, 256, (6, 8, 3), dtype=np.uint8)) for s in seconds]


def plain_frames_at(*seconds):
    """Return frames of one colour each, which tell places apart."""
    rng = np.random.default_rng(1)
    return [dataclasses.replace(f, image=np.full_like(f.image, rng.integers(0, 256, 3)))
            for f in frames_at(*seconds)]


def extractor(**changes):
    return make_extractor(ExtractionSettings(network='colours', device='cpu', **changes))


def described_by(frames):
    """Return the descriptor of these frames as one sequence."""
    means = np.concatenate([f.image.mean(axis=(0, 1)) / 255 - 0.5 for f in frames])
    return means / np.linalg.norm(means)


def check(description, frames):
    np.testing.assert_allclose(description.descriptor, described_by(frames), atol=0.02)


def window_of(length, spacing, stamps):
    window = FrameWindow(length, spacing)
    return [window.push(stamp, stamp) for stamp in stamps]


def test_the_oldest_stands_in_until_there_are_enough():
    assert window_of(3, 0, [1, 2, 3, 4, 5]) == [
        [1, 1, 1], [1, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]


def test_frames_of_a_sequence_are_apart():
    assert window_of(3, 10, range(0, 45, 5)) == [
        [0, 0, 0], [5, 5, 5], [0, 0, 10], [0, 0, 15], [0, 10, 20],
        [0, 10, 25], [10, 20, 30], [10, 20, 35], [20, 30, 40]]


def test_going_back_in_time_starts_anew():
    assert window_of(2, 0, [5, 6, 2, 3]) == [[5, 5], [5, 6], [2, 2], [2, 3]]


def test_a_frame_that_comes_twice_counts_once():
    assert window_of(3, 0, [1, 2, 2, 3])[2:] == [[1, 1, 2], [1, 2, 3]]


def test_a_sequence_of_one():
    assert window_of(1, 0, [1, 2]) == [[1], [2]]


@pytest.mark.parametrize('batch_size', [1, 2, 16])
def test_each_frame_is_described_with_those_before_it(batch_size):
    frames = plain_frames_at(*range(6))
    described = [d for _, d in extractor(batch_size=batch_size).describe_all(frames)]
    check(described[0], [frames[0]] * 3)
    for newest in range(2, 6):
        check(described[newest], frames[newest - 2:newest + 1])
    assert [d.stamp_ns for d in described] == [f.stamp_ns for f in frames]
    assert described[3].attention.shape == (2, 2)


def test_each_frame_is_encoded_once():
    made = extractor()
    network = made._engine._engine._network
    for frame in frames_at(*range(7)):
        made.describe(frame)
    assert network.encoded == 7


def test_cameras_have_windows_of_their_own():
    left, right = frames_at(0, 1, 2, camera='left'), frames_at(0, 1, 2, camera='right')
    made = extractor()
    for pair in zip(left, right, strict=True):
        described = made.describe_batch(list(pair))
    check(described[0], left)
    check(described[1], right)


def test_a_spacing_of_seconds():
    frames = plain_frames_at(0, 0.5, 1, 1.5, 2, 2.5)
    made = extractor(sequence_spacing_s=1.0)
    described = [made.describe(f) for f in frames]
    check(described[-1], [frames[0], frames[2], frames[5]])
    check(described[4], [frames[0], frames[2], frames[4]])


def test_restart():
    frames = plain_frames_at(0, 1, 2)
    made = extractor()
    made.describe_batch(frames[:2])
    made.restart()
    check(made.describe(frames[2]), [frames[2]] * 3)


def test_a_session_of_a_map_and_a_reset_localizer_start_anew(tmp_path):
    made = extractor()
    frames = plain_frames_at(*range(20, 26))
    later = [dataclasses.replace(f, stamp_ns=f.stamp_ns + 100 * SECOND) for f in frames]
    with PlaceMap.create(tmp_path / 'm.vprmap', made.identity) as place_map:
        for session, stream in (('first', frames), ('second', later)):
            list(build_session(place_map, session, stream, made, MapSettings(), source=session))
        snapshot = place_map.snapshot()
    np.testing.assert_allclose(snapshot.descriptors[0], snapshot.descriptors[6], atol=1e-3)
    localizer = Localizer(snapshot, made, MatchingSettings())
    localizer.reset()
    description, _ = localizer.localize(frames[3])
    check(description, [frames[3]] * 3)
    description, _ = localizer.localize(frames[4])
    check(description, [frames[3], frames[3], frames[4]])


def test_the_network_describes_whole_sequences_too():
    network = registry.create_network('colours', {'length': 2})
    images = torch.rand(4, 2, 3, 4, 4)
    output = network(images)
    assert output.descriptors.shape == (4, 6)
    torch.testing.assert_close(
        output.descriptors, F.normalize(images.mean(dim=(3, 4)).flatten(1) - 0.5))
    with pytest.raises(ValueError, match=r'sequences of 2 images: expected \(B, 2, 3, H, W\), got '
                                         r'\(1, 3, 3, 4, 4\)'):
        network(torch.zeros(1, 3, 3, 4, 4))
    with pytest.raises(ValueError, match=r'expected \(B, 2, 3, H, W\), got \(2, 3, 4, 4\)'):
        network(torch.zeros(2, 3, 4, 4))
