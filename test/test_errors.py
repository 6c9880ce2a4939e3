# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
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
