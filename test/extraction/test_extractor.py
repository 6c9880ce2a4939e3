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

"""Frames to descriptions with real networks."""

import dataclasses

import numpy as np
import pytest
from safetensors.torch import save_file
import torch
from vpr_ros.errors import VprError
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.networks.identity import FOREIGN_WEIGHTS
from vpr_ros.types import Frame

RNG = np.random.default_rng(0)


def make_frames(count, height=48, width=80):
    return [Frame(stamp_ns=1000 + i, camera=f'camera {i % 2}',
                  image=RNG.integers(0, 256, (height, width, 3), dtype=np.uint8))
            for i in range(count)]


@pytest.fixture(scope='module')
def weights(tmp_path_factory, make_compact):
    """Return the weights of a small network of compact's kind."""
    path = tmp_path_factory.mktemp('weights') / 'small.safetensors'
    save_file(make_compact().state_dict(), str(path))
    return path


def settings(weights=None, **changes):
    if weights is not None:
        changes = {'network': 'compact', 'options': f'{{weights: {weights}}}'} | changes
    return ExtractionSettings(**({'device': 'cpu'} | changes))


@pytest.fixture(scope='module')
def extractor(weights):
    return make_extractor(settings(weights, batch_size=4))


def test_description(extractor):
    frame = make_frames(2)[1]
    description = extractor.describe(frame)
    assert description.stamp_ns == 1001
    assert description.camera == 'camera 1'
    assert description.descriptor.shape == (extractor.identity.dimension,) == (32,)
    assert description.descriptor.dtype == np.float32
    assert np.linalg.norm(description.descriptor) == pytest.approx(1.0, abs=1e-5)
    assert description.attention.shape == (15, 20)
    assert description.attention.min() >= 0
    assert description.attention.sum() == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize('count', [1, 3, 4, 9])
def test_streams_come_back_in_order_and_whole(extractor, count):
    frames = make_frames(count)
    pairs = list(extractor.describe_all(iter(frames)))
    assert [frame for frame, _ in pairs] == frames
    assert [d.stamp_ns for _, d in pairs] == [f.stamp_ns for f in frames]


def test_batches_change_nothing(extractor):
    frames = [*make_frames(5), *make_frames(4, height=300, width=200)]  # sizes may be mixed
    single = np.stack([extractor.describe(f).descriptor for f in frames])
    streamed = [d for _, d in extractor.describe_all(frames)]
    together = np.stack([d.descriptor for d in extractor.describe_batch(frames[::-1])])[::-1]
    np.testing.assert_allclose(np.stack([d.descriptor for d in streamed]), single, atol=1e-5)
    np.testing.assert_allclose(together, single, atol=1e-5)
    # The network tells these frames apart by far more than that.
    assert np.abs(single[0] - single[1]).max() > 1e-3
    for frame, description in zip(frames, streamed, strict=True):
        np.testing.assert_allclose(description.attention, extractor.describe(frame).attention,
                                   atol=1e-5)


def test_a_stream_is_read_as_far_as_it_is_needed(extractor):
    read = []

    def stream():
        for frame in make_frames(12):
            read.append(frame)
            yield frame

    next(extractor.describe_all(stream()))
    assert len(read) == 4


def test_nothing_in_nothing_out(extractor):
    assert extractor.describe_batch([]) == []
    assert list(extractor.describe_all([])) == []


def test_a_network_without_attention():
    description = make_extractor(settings(network='thumbnail')).describe(make_frames(1)[0])
    assert description.attention is None
    assert description.descriptor.shape == (2048,)


def test_the_default_is_the_embedded_network():
    extractor = make_extractor(settings())
    assert extractor.identity.name == 'compact'
    assert extractor.identity.dimension == 512


def test_broken_weights_are_told_before_they_reach_a_map(tmp_path, make_compact):
    state = dict(make_compact().state_dict())
    state['project.bias'] = torch.full((32,), float('nan'))
    save_file(state, str(tmp_path / 'nan.safetensors'))
    extractor = make_extractor(settings(tmp_path / 'nan.safetensors'))
    with pytest.raises(VprError, match='network compact returned a descriptor that is not finite'):
        extractor.describe(make_frames(1)[0])


def test_the_network_of_a_map_is_found_again(weights, extractor):
    again = make_extractor(settings(weights), expected=extractor.identity)
    frame = make_frames(1)[0]
    np.testing.assert_allclose(again.describe(frame).descriptor,
                               extractor.describe(frame).descriptor, atol=1e-6)


def test_the_options_of_a_map_are_used():
    made = make_extractor(settings(network='thumbnail', options='{height: 16, patch: 4}'))
    again = make_extractor(settings(), expected=made.identity)
    assert again.identity == made.identity
    assert again.identity.dimension == 16 * 64


@pytest.mark.parametrize('asked', ['imagenet', '/etc/hostname'])
def test_a_map_does_not_choose_what_is_read_or_downloaded(asked, extractor):
    hostile = dataclasses.replace(extractor.identity, name='gem',
                                  options=f'{{"trunk": "resnet18", "weights": "{asked}"}}')
    with pytest.raises(VprError, match="trunk 'resnet18' needs weights"):
        make_extractor(settings(), expected=hostile)


def test_another_network_than_the_maps(extractor):
    with pytest.raises(VprError, match="made with network 'compact', not 'thumbnail': leave "
                                       'extraction.network empty'):
        make_extractor(settings(network='thumbnail'), expected=extractor.identity)


def test_descriptors_that_were_imported_are_of_no_network_here(extractor):
    imported = dataclasses.replace(extractor.identity, name='netvlad',
                                   weights_hash=FOREIGN_WEIGHTS)
    with pytest.raises(VprError, match=r"made elsewhere \('netvlad', \d+ dimensions\)"):
        make_extractor(settings(), expected=imported)


def test_other_weights_than_the_maps(extractor, tmp_path, make_compact):
    save_file(make_compact(seed=1).state_dict(), str(tmp_path / 'o.safetensors'))
    with pytest.raises(VprError, match=r'not the one that made this map .*extraction\.options'
                       ) as error:
        make_extractor(settings(tmp_path / 'o.safetensors'), expected=extractor.identity)
    assert f'weights_hash {extractor.identity.weights_hash} in the map' in str(error.value)
    assert 'dimension' not in str(error.value)  # it is the same


def test_other_options_than_the_maps():
    # Same weights, same dimension: the text must still tell what differs.
    expected = make_extractor(settings(network='thumbnail')).identity
    with pytest.raises(VprError, match=r'\(option patch 8 in the map, 4 here\)'):
        make_extractor(settings(options='{patch: 4}'), expected=expected)


def test_another_preprocessing_than_the_maps():
    identity = make_extractor(settings(network='thumbnail')).identity
    other = dataclasses.replace(
        identity, preprocessing=dataclasses.replace(identity.preprocessing, height=40))
    with pytest.raises(VprError, match='preprocessing height 40 in the map, 32 here'):
        make_extractor(settings(), expected=other)


@pytest.mark.parametrize(('options', 'text'), [
    ('{patch: 8', 'extraction.options is no YAML mapping'), ('patch', 'must be a YAML mapping'),
    ('[1, 2]', 'must be a YAML mapping'), ('5', "got '5'"),
    ('{pach: 8}', "option of network 'thumbnail' 'pach'; did you mean 'patch'"),
    ('{patch: eight}', "network 'thumbnail' does not take the options"),
    ('{patch: 7}', 'multiples of patch'), ('!!python/object/apply:os.getcwd []', 'no YAML')])
def test_bad_options(options, text):
    with pytest.raises(VprError, match=text):
        make_extractor(settings(network='thumbnail', options=options))


def test_unknown_network():
    with pytest.raises(VprError, match="unknown network 'thumbnial'; did you mean 'thumbnail'"):
        make_extractor(settings(network='thumbnial'))


@pytest.mark.parametrize('device', ['gpu', 'cuda:99', 'cpu:x', ''])
def test_bad_device(device):
    with pytest.raises(VprError, match=rf"extraction\.device '{device}' cannot be used here"):
        make_extractor(settings(network='thumbnail', device=device))


@pytest.mark.skipif(torch.cuda.is_available(), reason='this machine has a GPU')
def test_a_gpu_that_is_not_there():
    with pytest.raises(VprError, match="'cuda' cannot be used here"):
        make_extractor(settings(network='thumbnail', device='cuda'))
    frame = make_frames(1)[0]
    automatic = make_extractor(settings(network='thumbnail', device='auto'))
    assert automatic.describe(frame).descriptor.shape == (2048,)


@pytest.mark.skipif(not torch.cuda.is_available(), reason='this machine has no GPU')
def test_a_gpu_gives_the_same_descriptions(weights, extractor):
    frames = make_frames(5)
    on_gpu = make_extractor(settings(weights, device='cuda'), expected=extractor.identity)
    for a, b in zip(on_gpu.describe_batch(frames), extractor.describe_batch(frames), strict=True):
        np.testing.assert_allclose(a.descriptor, b.descriptor, atol=1e-2)


def test_threads():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        make_extractor(settings(network='thumbnail', threads=1))
        assert torch.get_num_threads() == 1
        make_extractor(settings(network='thumbnail', threads=0))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


SEQVLAD = '{weights: random, trunk: resnet18, clusters: 2, height: 64, width: 96}'


def test_the_length_of_sequences_is_a_setting():
    long = make_extractor(settings(network='seqvlad', options=SEQVLAD, sequence_length=3))
    assert long.frames == 3
    assert make_extractor(settings(network='seqvlad', options=SEQVLAD)).frames == 5
    # A map says it by itself.
    again = make_extractor(settings(options='{weights: random}'), long.identity)
    assert again.frames == 3
    with pytest.raises(VprError, match='build the map again'):
        make_extractor(settings(options='{weights: random}', sequence_length=4), long.identity)


def test_a_network_of_single_frames_has_no_sequences():
    with pytest.raises(VprError, match="'thumbnail' describes single frames"):
        make_extractor(settings(network='thumbnail', sequence_length=2))


def test_local_features_of_a_new_map(extractor):
    assert extractor.local_kind == 'network'
    frame = dataclasses.replace(make_frames(1)[0], depth=np.full((48, 80), 3.5, np.float32))
    features = extractor.describe(frame).local_features
    assert features.points.shape == (256, 2)
    assert features.descriptors.shape == (256, 16)
    assert features.depths == pytest.approx(np.full(256, 3.5))
    assert features.points.min() >= 0
    assert (features.points.max(axis=0) <= (79, 47)).all()
    # The cells with the most attention, of 15 x 20.
    attention = extractor.describe(frame).attention
    assert features.scores == pytest.approx(np.sort(attention.ravel())[::-1][:256])


def test_local_features_change_nothing_else(weights, extractor):
    plain = make_extractor(settings(weights, local_features='none'))
    assert plain.local_kind == ''
    frames = make_frames(3)
    for a, b in zip(plain.describe_batch(frames), extractor.describe_batch(frames), strict=True):
        assert a.local_features is None
        assert np.array_equal(a.descriptor, b.descriptor)
        assert np.array_equal(a.attention, b.attention)


def test_each_frame_has_local_features_of_its_own(extractor):
    frames = [*make_frames(2), *make_frames(2, height=120, width=64)]
    frames[2] = dataclasses.replace(frames[2], depth=np.full((120, 64), 2.0, np.float32))
    for frame, together in zip(frames, extractor.describe_batch(frames), strict=True):
        alone, found = extractor.describe(frame).local_features, together.local_features
        # Cells of nearly equal attention may change places.
        same = set(map(tuple, alone.points.tolist())) & set(map(tuple, found.points.tolist()))
        assert len(same) > 250
        assert found.points.max() <= max(frame.image.shape)
        assert (found.depths is None) == (frame.depth is None)


def test_local_features_of_a_map(weights, extractor):
    def kind(local_kind, **changes):
        return make_extractor(settings(weights, **changes), extractor.identity,
                              local_kind).local_kind

    assert kind('network') == 'network'
    assert kind('sift') == 'sift'
    assert kind('') == ''
    # Nobody said what the map holds: nobody compares them.
    assert kind(None) == ''
    assert kind(None, local_features='orb') == 'orb'
    assert kind('network', local_features='none') == ''
    with pytest.raises(VprError, match='holds no local features'):
        kind('', local_features='network')


def test_a_network_without_feature_map_and_local_features():
    plain = make_extractor(settings(network='thumbnail'))
    assert plain.local_kind == ''
    assert plain.describe(make_frames(1)[0]).local_features is None
    with pytest.raises(VprError, match="network 'thumbnail' has no feature map"):
        make_extractor(settings(network='thumbnail', local_features='network'))
    finding = make_extractor(settings(network='thumbnail', local_features='sift', local_count=9))
    description = finding.describe(make_frames(1)[0])
    assert finding.local_kind == 'sift'
    assert description.local_features.descriptors.shape == (9, 128)


def test_local_features_of_sequences_are_of_the_newest_frame():
    options = ('{weights: random, sequence_length: 2, height: 48, width: 48, window: 3, '
               'stride: 3}')
    extractor = make_extractor(settings(network='spatiotemporal', options=options))
    frames = [dataclasses.replace(frame, camera='front') for frame in make_frames(3)]
    described = extractor.describe_batch(frames)
    assert extractor.local_kind == 'network'
    assert all(d.local_features.points.shape == (9, 2) for d in described)
    assert not np.allclose(described[1].local_features.descriptors,
                           described[2].local_features.descriptors)
    seqvlad = make_extractor(settings(network='seqvlad', options=SEQVLAD))
    assert seqvlad.local_kind == ''
