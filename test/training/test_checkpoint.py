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
import pytest
from safetensors.torch import save_file
import torch
from vpr_ros.errors import VprError
from vpr_ros.training.checkpoint import Checkpoint
from vpr_ros.training.checkpoint import read_checkpoint
from vpr_ros.training.checkpoint import write_checkpoint


def checkpoint(step=7):
    weight = torch.randn(3, 4, generator=torch.Generator().manual_seed(step))
    return Checkpoint(
        step=step, recipe='network: gem\n',
        tensors={'network': {'a:b': weight, 'tied': weight},
                 'plan': {'examples': torch.arange(6)}},
        numbers={'recalls': [(0, 0.1 + 0.2)], 'scaler': {}})


def test_a_checkpoint_is_read_as_it_was_written(tmp_path):
    path = tmp_path / 'run' / 'checkpoint.safetensors'
    write_checkpoint(path, checkpoint())
    found = read_checkpoint(path)
    assert (found.step, found.recipe) == (7, 'network: gem\n')
    assert found.numbers == {'recalls': [[0, 0.1 + 0.2]], 'scaler': {}}
    for group, tensors in checkpoint().tensors.items():
        assert found.tensors[group].keys() == tensors.keys()
        for name, tensor in tensors.items():
            assert torch.equal(found.tensors[group][name], tensor)


def test_a_write_that_fails_leaves_the_last_one(tmp_path, monkeypatch):
    path = tmp_path / 'checkpoint.safetensors'
    write_checkpoint(path, checkpoint(1))

    def full(*_):
        raise OSError('no space left')

    monkeypatch.setattr('vpr_ros.training.checkpoint.os.fsync', full)
    with pytest.raises(VprError, match='cannot write .*no space'):
        write_checkpoint(path, checkpoint(2))
    assert read_checkpoint(path).step == 1
    assert [file.name for file in tmp_path.iterdir()] == ['checkpoint.safetensors']


def test_others_may_read_what_they_may_read_elsewhere(tmp_path):
    path, other = tmp_path / 'checkpoint.safetensors', tmp_path / 'other'
    write_checkpoint(path, checkpoint())
    other.touch()
    assert path.stat().st_mode == other.stat().st_mode


def test_what_is_no_checkpoint_is_refused(tmp_path):
    path = tmp_path / 'checkpoint.safetensors'
    with pytest.raises(VprError, match='cannot read the checkpoint'):
        read_checkpoint(path)
    path.write_bytes(b'nothing')
    with pytest.raises(VprError, match='cannot read the checkpoint'):
        read_checkpoint(path)
    save_file({'weight': torch.zeros(2)}, str(path))
    with pytest.raises(VprError, match='no checkpoint of version 1'):
        read_checkpoint(path)
