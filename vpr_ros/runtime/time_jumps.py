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

"""Stamps that go back."""

from __future__ import annotations

__all__ = ['goes_back']

# Transport may swap messages, and stamps of two cameras come in the wrong order.
_JITTER_NS = 500_000_000


def goes_back(stamp_ns: int, last_ns: int | None) -> bool:
    """
    Tell whether a stamp is of a new run, as where a bag begins anew: more than half a second back.

    :param last_ns: the latest stamp before it, None where it is the first.
    """
    return last_ns is not None and stamp_ns < last_ns - _JITTER_NS
