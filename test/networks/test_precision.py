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

"""What half precision is kept out of."""

from contextlib import nullcontext

import pytest
import torch
from vpr_ros.networks.precision import precise
from vpr_ros.networks.precision import without_autocast


@pytest.mark.parametrize(('given', 'wanted'), [
    (torch.float16, torch.float32), (torch.bfloat16, torch.float32),
    (torch.float32, torch.float32), (torch.float64, torch.float64)])
def test_precise_is_float32_at_least(given, wanted):
    tensor = torch.tensor([1.5, -2.0], dtype=given)
    assert precise(tensor).dtype == wanted
    assert precise(tensor).tolist() == [1.5, -2.0]


def test_autocast_is_left_and_entered_again():
    a = torch.rand(4, 4)
    with torch.autocast('cpu', torch.bfloat16):
        with without_autocast(a):
            assert (a @ a).dtype == torch.float32
        assert (a @ a).dtype == torch.bfloat16


@pytest.mark.parametrize('device', ['cpu', 'meta'])
def test_nothing_is_done_where_nothing_is_chosen(device):
    assert isinstance(without_autocast(torch.empty(1, device=device)), nullcontext)
