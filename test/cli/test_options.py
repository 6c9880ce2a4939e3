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

"""Settings from a file, from -p and from flags; lists of networks."""

import pytest
from vpr_ros.cli.options import read_settings
from vpr_ros.cli.options import split_networks
from vpr_ros.errors import VprError
from vpr_ros.settings import LocalizeSettings


def test_the_file_then_assignments_then_flags(tmp_path):
    file = tmp_path / 'my.yaml'
    file.write_text('localizer:\n  ros__parameters:\n    map: file.vprmap\n    camera: file\n'
                    '    image: /file\n')
    settings = read_settings(
        LocalizeSettings, 'localizer', file, ['camera:=given', 'image:=/given'],
        image='/flag', map='', extraction__network=None)
    assert (settings.map, settings.camera, settings.image) == ('file.vprmap', 'given', '/flag')


def test_texts_need_no_quotes():
    settings = read_settings(LocalizeSettings, 'localizer', None, [
        'extraction.options:={patch: 8}', 'camera:=2', 'matching.candidates:=3'])
    assert settings.extraction.options == '{patch: 8}'
    assert settings.camera == '2'
    assert settings.matching.candidates == 3


def test_numbers_are_still_numbers():
    with pytest.raises(VprError, match='matching.candidates must be an integer'):
        read_settings(LocalizeSettings, 'localizer', None, ['matching.candidates:=many'])


@pytest.mark.parametrize(('text', 'networks'), [
    ('compact', [('compact', '')]),
    ('compact, gem{p: 1} ,thumbnail',
     [('compact', ''), ('gem', '{p: 1}'), ('thumbnail', '')]),
    ('gem{trunk: vgg16, p: 1},gem {trunk: resnet18,\nlayer: layer2}',
     [('gem', '{trunk: vgg16, p: 1}'), ('gem', '{trunk: resnet18,\nlayer: layer2}')]),
    ('gem{weights: "a,b}.pth"},gem{grids: {a: [1, 2]}}',
     [('gem', '{weights: "a,b}.pth"}'), ('gem', '{grids: {a: [1, 2]}}')]),
])
def test_networks_with_their_options(text, networks):
    assert split_networks(text) == networks


@pytest.mark.parametrize('text', [
    '', 'compact,', ',compact', 'gem{p: 1', 'gem p: 1}', 'gem{p: 1}}', 'gem{p: 1}x', '{p: 1}',
    'gem{weights: "a}'])
def test_a_list_of_networks_that_is_none(text):
    with pytest.raises(VprError, match='networks'):
        split_networks(text)
