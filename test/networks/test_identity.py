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

"""What a map stores of a network, and what a hostile map may claim."""

import dataclasses
import json

import pytest
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing

IDENTITY = NetworkIdentity(
    name='gem', weights_hash='0123456789abcdef', dimension=256,
    preprocessing=Preprocessing(224, 320, (0.485, 0.456, 0.406), (0.229, 0.224, 1 / 3)),
    options='{"trunk": "resnet18"}')


def test_round_trip_is_exact():
    assert NetworkIdentity.from_json(IDENTITY.to_json()) == IDENTITY


def test_json_is_canonical():
    shuffled = dict(reversed(json.loads(IDENTITY.to_json()).items()))
    assert NetworkIdentity.from_json(json.dumps(shuffled)).to_json() == IDENTITY.to_json()
    assert list(json.loads(IDENTITY.to_json())) == sorted(json.loads(IDENTITY.to_json()))


@pytest.mark.parametrize(('field', 'value'), [
    ('name', 'compact'), ('weights_hash', '0123456789abcdee'), ('dimension', 512),
    ('options', '{}'), ('metric', 'euclidean'),
    ('preprocessing', Preprocessing(224, 321, (0.485, 0.456, 0.406), (0.229, 0.224, 1 / 3)))])
def test_any_difference_is_another_identity(field, value):
    other = dataclasses.replace(IDENTITY, **{field: value})
    assert other != IDENTITY
    assert NetworkIdentity.from_json(other.to_json()) == other


def changed(**changes):
    return json.dumps(json.loads(IDENTITY.to_json()) | changes)


def image(**changes):
    values = json.loads(IDENTITY.to_json())['preprocessing']
    return changed(preprocessing=values | changes)


HOSTILE = {
    'nothing': '', 'no JSON': '{', 'a list': '[]', 'a number': '5', 'null': 'null',
    'a text': '"gem"', 'empty': '{}', 'deep': '[' * 100_000,
    'without a name': json.dumps({'preprocessing': {}}), 'another field': changed(evil=1),
    'name no text': changed(name=5), 'name missing': changed(name=None),
    'hash no text': changed(weights_hash=['a']), 'options no text': changed(options={}),
    'metric no text': changed(metric=0), 'dimension no number': changed(dimension='many'),
    'dimension negative': changed(dimension=-1), 'dimension zero': changed(dimension=0),
    'dimension true': changed(dimension=True), 'dimension broken': changed(dimension=1.5),
    'preprocessing a list': changed(preprocessing=[1, 2]), 'no preprocessing':
    changed(preprocessing=None), 'height negative': image(height=-4), 'height zero':
    image(height=0), 'height infinite': image(height=float('inf')), 'width text':
    image(width='wide'), 'width broken': image(width=3.5), 'larger than any image':
    image(height=10 ** 7), 'two channels': image(mean=[0.0, 0.0]), 'four channels':
    image(std=[1.0] * 4), 'mean no number': image(mean=[0.0, None, 0.0]), 'mean huge':
    image(mean=[10 ** 400, 0, 0]), 'mean nan': image(mean=[float('nan'), 0, 0]), 'std zero':
    image(std=[1.0, 0.0, 1.0]), 'std infinite': image(std=[1.0, float('inf'), 1.0]),
    'a field of the image missing': changed(preprocessing={'height': 1, 'width': 1}),
    'number of too many digits': '{"dimension": ' + '9' * 5000 + '}',
}


@pytest.mark.parametrize('text', HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_json_is_a_value_error_of_bearable_length(text):
    with pytest.raises(ValueError, match='not the identity of a network') as error:
        NetworkIdentity.from_json(text)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize(('values', 'text'), [
    ((0, 8), 'got 0 x 8'), ((8, -1), 'got 8 x -1'), ((8, 100_000), 'got 8 x 100000')])
def test_preprocessing_refuses_sizes_that_no_network_takes(values, text):
    with pytest.raises(ValueError, match=text):
        Preprocessing(*values)


def test_preprocessing_refuses_to_divide_by_zero():
    with pytest.raises(ValueError, match=r'std.*\(1\.0, 0\.0, 1\.0\)'):
        Preprocessing(8, 8, std=(1.0, 0.0, 1.0))


def test_differences_are_told_from_both_sides():
    assert IDENTITY.differences(IDENTITY, 'in the map', 'here') == ''
    other = dataclasses.replace(IDENTITY, dimension=128, metric='euclidean')
    assert IDENTITY.differences(other, 'in the map', 'here') == (
        'dimension 256 in the map, 128 here; metric cosine in the map, euclidean here')


def test_of_two_networks_only_the_names_are_told():
    other = dataclasses.replace(IDENTITY, name='thumbnail', dimension=128, options='{}')
    assert IDENTITY.differences(other, 'in the map', 'here') == (
        f'network {IDENTITY.name} in the map, thumbnail here')


def test_of_options_and_preprocessing_only_what_differs_is_told():
    here = dataclasses.replace(
        IDENTITY, preprocessing=dataclasses.replace(IDENTITY.preprocessing, width=224),
        options='{"clusters": 64, "trunk": "resnet18"}')
    assert IDENTITY.differences(here, 'in the map', 'here') == (
        'preprocessing width 320 in the map, 224 here; '
        'option clusters not set in the map, 64 here')
    spoilt = dataclasses.replace(IDENTITY, options='{')
    assert IDENTITY.differences(spoilt, 'in the map', 'here') == (
        'option trunk "resnet18" in the map, not set here; options not set in the map, { here')
    spaced = dataclasses.replace(IDENTITY, options='{ "trunk":"resnet18"}')
    assert IDENTITY.differences(spaced, 'in the map', 'here') == (
        'options {"trunk": "resnet18"} in the map, { "trunk":"resnet18"} here')


@pytest.mark.parametrize(('options', 'projected'), [
    ('{"projection": {"kind": "pca", "dimension": 64}}', True), ('{"trunk": "projection"}', False),
    ('{}', False), ('', False), ('"projection"', False), ('["projection"]', False), ('5', False),
    ('{', False), ('[' * 100_000, False)])
def test_whether_it_is_projected(options, projected):
    assert dataclasses.replace(IDENTITY, options=options).projected is projected


def test_more_pixels_than_any_network_takes():
    Preprocessing(2160, 3840)
    with pytest.raises(ValueError, match='at most 8388608 pixels, got 16384 x 16384: choose'):
        Preprocessing(16384, 16384)
