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
import importlib.util
from pathlib import Path
import subprocess
import sys

from lightning.fabric import Fabric
import pytest
from safetensors.torch import load_file
import torch

_SCRIPT = Path(__file__).parent / 'gradients_by_fabric.py'
_SPEC = importlib.util.spec_from_file_location('gradients_by_fabric', _SCRIPT)
by_fabric = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(by_fabric)


def one_process():
    return Fabric(accelerator='cpu', devices=1, precision='64-true')


@pytest.fixture
def expected():
    """Return the gradients by autograd alone, of the batch at once."""
    network = by_fabric.network()
    network.train()
    outputs = network(by_fabric.images())
    # As single precision sees it, which the loss is computed in.
    rounded = {name: value.float() for name, value in outputs.items()}
    sum(by_fabric.loss(rounded).values()).backward()
    return {name: parameter.grad for name, parameter in network.named_parameters()}


@pytest.mark.parametrize('chunk', [0, 8, 3, 1])
def test_the_gradient_is_that_of_the_whole_batch(expected, chunk):
    found = by_fabric.gradients(one_process(), chunk=chunk)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-6, atol=1e-9)


def test_the_gradient_of_parts_alone_would_be_another_one(expected):
    network = by_fabric.network()
    for half in (slice(0, 4), slice(4, 8)):
        outputs = network(by_fabric.images()[half])
        features = outputs['features']
        loss = (features - features.mean(dim=0)).square().mean()
        (loss + by_fabric.multi_similarity(outputs['descriptors'],
                                           by_fabric.LABELS[half])).div(2).backward()
    assert not torch.allclose(network.linear.weight.grad, expected['linear.weight'], rtol=1e-2)


def test_what_is_dropped_in_the_first_pass_is_dropped_in_the_second():
    """Outputs of another dropout than the loss saw would give another gradient."""
    network = by_fabric.network(0.5)
    network.train()
    found = by_fabric.gradients(one_process(), chunk=3, drops=0.5)
    parts = []
    for number, part in enumerate(by_fabric.images().split(3)):
        seed = by_fabric.SEEDS + (0, number)
        torch.manual_seed(int(by_fabric.accumulate_gradients.__globals__['generator'](
            *seed).integers(2 ** 63)))
        parts.append(network(part))
    whole = {name: torch.cat([p[name] for p in parts]).float() for name in parts[0]}
    sum(by_fabric.loss(whole).values()).backward()
    torch.testing.assert_close(found['conv.weight'], network.conv.weight.grad, rtol=1e-6,
                               atol=1e-9)


def test_two_processes_give_the_gradient_of_one(tmp_path, expected):
    out = tmp_path / 'gradients.safetensors'
    subprocess.run(
        [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', '2',
         str(_SCRIPT), str(out)],
        check=True, capture_output=True, timeout=120)
    found = load_file(out)
    for chunk in (0, 3):
        for name, gradient in expected.items():
            torch.testing.assert_close(found[f'{chunk}:{name}'], gradient, rtol=1e-6, atol=1e-9)
