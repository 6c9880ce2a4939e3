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


"""Attention among the tokens of a window."""

import pytest
import torch
from vpr_ros.networks.window_attention import WindowAttention
from vpr_ros.networks.window_attention import Windows


def test_windows_hold_the_tokens_they_lie_over():
    windows = Windows((4, 6), (2, 3), stride=1, frames=2)
    tokens = torch.arange(2 * 4 * 6)[None]
    wanted = [[t * 24 + (top + y) * 6 + left + x for t in range(2) for y in range(2)
               for x in range(3)] for top in range(3) for left in range(4)]
    assert windows.split(tokens).tolist() == wanted


@pytest.mark.parametrize(('grid', 'size', 'stride'), [
    ((6, 6), (4, 4), 2), ((24, 24), (6, 6), 3), ((4, 8), (4, 4), 4), ((3, 5), (3, 5), 1)])
def test_joining_what_was_split_changes_nothing(grid, size, stride):
    windows = Windows(grid, size, stride=stride, frames=2)
    x = torch.rand(3, 2 * grid[0] * grid[1], 5)
    torch.testing.assert_close(windows.join(windows.split(x)), x)


def test_published_windows():
    windows = Windows((24, 24), (6, 6), stride=3, frames=5)
    assert windows.index.shape == (49, 180)
    covers = windows.covers.view(5, 24, 24)
    assert (covers[0] == covers[4]).all()
    # One window holds a corner, four hold what is not near the rim.
    assert [int(covers[0, y, x]) for y, x in ((0, 0), (0, 12), (12, 12))] == [1, 2, 4]


@pytest.mark.parametrize(('grid', 'size', 'stride', 'text'), [
    ((24, 40), (6, 6), 3, 'grid of 24 x 40 tokens: take 24 x 39, or other windows'),
    ((5, 24), (6, 6), 3, 'take 6 x 24'), ((8, 8), (4, 4), 5, 'a stride of 5'),
    ((8, 8), (4, 4), 0, 'a stride of 0'), ((8, 8), (0, 4), 1, 'at least 1 token')])
def test_windows_that_leave_tokens_out_are_refused(grid, size, stride, text):
    with pytest.raises(ValueError, match=text):
        Windows(grid, size, stride=stride)


@pytest.mark.parametrize('watch', [False, True])
@pytest.mark.parametrize('average', [False, True])
def test_gradients(watch, average):
    windows = Windows((3, 3), (2, 2), stride=1, frames=2).double()
    layer = WindowAttention(4, 2, windows, relative=True, average=average).double()
    x = torch.randn(2, 18, 4, dtype=torch.float64, requires_grad=True)
    names = list(dict(layer.named_parameters()))

    def attend(x, *parameters):
        given = dict(zip(names, parameters, strict=True))
        out, received = torch.func.functional_call(layer, given, (x, windows), {'watch': watch})
        return (out, received) if watch else out

    assert set(names) >= {'offsets.y', 'offsets.x', 'offsets.t', 'qkv.weight', 'project.bias'}
    parameters = [(0.5 * torch.randn_like(p)).requires_grad_() for p in layer.parameters()]
    assert torch.autograd.gradcheck(attend, (x, *parameters))


@pytest.mark.parametrize('relative', [False, True])
def test_watching_changes_nothing(relative):
    windows = Windows((6, 6), (4, 4), stride=2, frames=3)
    layer = WindowAttention(12, 2, windows, relative=relative)
    x = torch.randn(2, 108, 12)
    with torch.no_grad():
        plain, nothing = layer(x, windows)
        watched, received = layer(x, windows, watch=True)
    assert nothing is None
    torch.testing.assert_close(watched, plain)
    assert received.shape == (2, 108, 1)
    # In each of the four windows every query gives away 1.
    total = (received[..., 0] * windows.covers[:, 0]).sum(dim=1)
    torch.testing.assert_close(total, torch.full((2,), 4.0))
