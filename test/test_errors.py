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

"""What errors tell the user."""

import pytest
from vpr_ros.errors import nearest_name
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError

NAMES = ['compact', 'gem', 'thumbnail']


@pytest.mark.parametrize(('written', 'meant'), [
    ('compct', 'compact'), ('gen', 'gem'), ('thumbnails', 'thumbnail'), ('GEM', 'gem'),
    ('compact', 'compact'), ('xyz', None), ('', None)])
def test_nearest_name(written, meant):
    assert nearest_name(written, NAMES) == meant


def test_nearest_name_keeps_the_spelling_of_the_known_one():
    assert nearest_name('gardenspoint', ['GardensPoint', 'Nordland']) == 'GardensPoint'


def test_unknown_name_offers_the_nearest_and_lists_all():
    error = unknown_name('network', 'thumbnial', iter(reversed(NAMES)))
    assert isinstance(error, VprError)
    assert str(error) == ("unknown network 'thumbnial'; did you mean 'thumbnail'? "
                          '(known: compact, gem, thumbnail)')


def test_unknown_name_far_from_all():
    assert str(unknown_name('network', 'q', NAMES)) == (
        "unknown network 'q' (known: compact, gem, thumbnail)")


def test_unknown_name_where_nothing_is_known():
    assert str(unknown_name('camera', 'front', [])) == "unknown camera 'front' (known: none)"


def test_unknown_name_lists_no_more_than_a_person_reads():
    names = [f'{n:03d}.png' for n in range(500)]
    error = str(unknown_name('image', '499.jpg', names))
    assert "did you mean '499.png'?" in error
    assert error.endswith('018.png, 019.png and 480 more)')
    assert 'more' not in str(unknown_name('image', 'x', names[:20]))
