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

"""The summary of a bag."""

import pytest
from vpr_ros.bags.info import describe_bag
from vpr_ros.errors import VprError


@pytest.mark.parametrize(('kind', 'name'), [
    ('mcap', 'rosbag2 mcap'), ('mcap folder', 'rosbag2 mcap'), ('db3', 'rosbag2 sqlite3'),
    ('sqlite3 folder', 'rosbag2 sqlite3'), ('rosbag1', 'rosbag1'),
])
def test_every_kind(write_bag, frames, kind, name):
    path = write_bag(kind, frames)
    info = describe_bag(path)
    assert (info.path, info.kind, info.message_count) == (path, name, 31)
    assert (info.start_ns, info.end_ns) == (frames[0].stamp_ns, frames[-1].stamp_ns)
    assert info.duration_s == pytest.approx(0.500000035)
    assert info.image_topics == ('/camera/image_raw',)
    assert len(info.topics) == 6 and not info.truncated
    files = [path] if path.is_file() else list(path.iterdir())
    assert info.size_bytes == sum(file.stat().st_size for file in files)


def test_a_cut_bag_says_so(write_bag, frames):
    path = write_bag('mcap', frames)
    path.write_bytes(path.read_bytes()[:-20])
    assert describe_bag(path).truncated


def test_no_bag(tmp_path):
    with pytest.raises(VprError, match='there is no bag'):
        describe_bag(tmp_path / 'x.mcap')
