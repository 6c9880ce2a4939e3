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

"""One sentence for every way in which a file can fail to be a bag."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vpr_ros.errors import VprError

__all__ = ['naming_damage']

_REMEDIES = {
    '.bag': "if its recorder was killed, 'rosbag reindex' repairs it",
    '.db3': "if its recorder was killed, 'ros2 bag reindex' on its folder repairs it",
    '.mcap': "'mcap doctor' shows what is wrong and 'mcap recover' saves what is whole",
    '': "'ros2 bag reindex' rebuilds metadata.yaml from the storage files",
}


@contextmanager
def naming_damage(path: Path, doing: str = 'opened') -> Iterator[None]:
    """
    Turn whatever goes wrong inside into a VprError that names the bag and what to do.

    The parsers were written for whole bags: on damaged bytes they raise almost anything
    (struct.error, KeyError, AssertionError, MemoryError, errors of codecs), hence the wide net.
    Only what the operating system refuses passes unchanged, because that is not damage.
    """
    try:
        yield
    except (VprError, PermissionError):
        raise
    except Exception as error:
        remedy = _REMEDIES.get(path.suffix, _REMEDIES[''])
        reason = ' '.join(str(error).split()) or type(error).__name__
        raise VprError(
            f'the bag {path} cannot be {doing} (truncated, damaged or no bag?): expected a whole '
            f'rosbag1 or rosbag2 recording, got: {reason[:300]}; {remedy}') from error
