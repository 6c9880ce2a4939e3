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

"""Descriptions of some hundred frames as bytes."""

import numpy as np
import pytest
from vpr_ros.evaluation.comparison.shards import LacksFeatures
from vpr_ros.evaluation.comparison.shards import pack
from vpr_ros.evaluation.comparison.shards import Shard
from vpr_ros.evaluation.comparison.shards import unpack
from vpr_ros.types import LocalFeatures

KIND = 'network, 3'


@pytest.fixture
def shard() -> Shard:
    random = np.random.default_rng(0)
    features = tuple(LocalFeatures(*(random.random(shape, np.float32) for shape in (
        (count, 2), (count, 4), count))) for count in (3, 0, 2))
    return Shard(random.random((3, 8), np.float32), np.ones(3, np.float32),
                 random.integers(0, 256, (3, 2, 2), np.uint8), features, KIND)


def parts(shard: Shard) -> list[np.ndarray]:
    return [shard.descriptors, shard.seconds, shard.attention, *(
        getattr(f, name) for f in shard.features for name in ('points', 'descriptors', 'scores'))]


def test_what_is_packed_is_unpacked(shard):
    found = unpack(pack(shard), count=3, dimension=8, kind=KIND)
    for one, other in zip(parts(found), parts(shard), strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.kind == KIND
    assert unpack(pack(shard), count=3, dimension=8).features is None
    with pytest.raises(LacksFeatures):
        unpack(pack(shard), count=3, dimension=8, kind='sift, 3')


def test_a_changed_bit_is_noticed_or_changes_nothing(shard):
    data = pack(shard)
    noticed = 0
    for at in range(0, len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 8
        try:
            found = unpack(bytes(changed), count=3, dimension=8, kind=KIND)
        except (LacksFeatures, ValueError):
            noticed += 1
            continue
        for one, other in zip(parts(found), parts(shard), strict=True):
            np.testing.assert_array_equal(one, other)
    assert noticed > len(data) / 2


def test_a_bit_that_encrypts_an_archive_is_damage(shard):
    data = bytearray(pack(shard))
    central = data.index(b'PK\x01\x02')
    for flag in (8, 10):  # of encryption, and the method of packing
        changed = data.copy()
        changed[central + flag] ^= 1
        with pytest.raises(ValueError, match='Error'):
            unpack(bytes(changed), count=3, dimension=8, kind=KIND)


def test_a_file_that_was_cut_off_is_damage(shard):
    data = pack(shard)
    for length in range(0, len(data), 97):
        with pytest.raises(ValueError):
            unpack(data[:length], count=3, dimension=8)
