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

"""
Networks that others exported to one file: TorchScript archives and ONNX models.

Both are code as much as weights, so a digest of the whole file stands among the buffers of what
is opened here: :func:`vpr_ros.networks.weights.weights_hash` sees every change.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import hashlib
import io
import os
from pathlib import Path
from typing import Any
from typing import TypeVar
import warnings

import numpy as np
import torch
from torch import nn
from torch import Tensor
from vpr_ros.errors import VprError

__all__ = ['choose_output', 'open_exported', 'open_script']

# What protobuf, and so one ONNX file, can hold.
_LARGEST_FILE = 2 ** 31 - 1
_TORCHSCRIPT = ('.pt', '.ts')
_INPUTS = {'tensor(float)': np.float32, 'tensor(float16)': np.float16}

AnyOutput = TypeVar('AnyOutput')


def open_exported(path: Path) -> nn.Module:
    """
    Open a network that takes images (B, C, H, W) and nothing else.

    :param path: .pt or .ts, written by ``torch.jit.save``; or .onnx, with all weights in this one
        file, which onnxruntime runs on the CPU.
    :returns: a module that gives what the script gives, or the outputs of the ONNX model by name.
        It can be moved and copied; what the file fixes to a device or a precision stays there.
    """
    suffix = path.suffix.lower()
    if suffix not in (*_TORCHSCRIPT, '.onnx'):
        raise VprError(f'a network is opened from a TorchScript archive (.pt, .ts) or an ONNX '
                       f'model (.onnx), got {path}')
    if suffix == '.onnx':
        return _OnnxModel(_bytes_of(path), path)
    return open_script(path)


def open_script(path: Path) -> nn.Module:
    """
    Open a TorchScript archive of any name; see :func:`open_exported`.

    Such a file is a program: use one only where you would run the code it was made from.
    """
    return _Script(_bytes_of(path), path)


def _bytes_of(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise VprError(f'{path} has {size} bytes, a network in one file has at most '
                           f'{_LARGEST_FILE}')
        return path.read_bytes()
    except OSError as error:
        raise VprError(f'cannot read the network {path}: {error.strerror}') from error


def choose_output(outputs: Mapping[Any, AnyOutput] | Sequence[AnyOutput],
                  chosen: int | str) -> AnyOutput:
    """
    Return one of several outputs of a network.

    :param chosen: its name or its position from 0; empty where there is only one.
    """
    named: dict[Any, AnyOutput] = dict(
        outputs if isinstance(outputs, Mapping) else enumerate(outputs))
    if chosen == '' and len(named) == 1:
        return next(iter(named.values()))
    if chosen in named:
        return named[chosen]
    if isinstance(chosen, int) and 0 <= chosen < len(named):
        return list(named.values())[chosen]
    asked = f'there is no {chosen!r}' if chosen != '' else 'it must be said which one is meant'
    raise VprError(f'the network has {len(named)} outputs, {", ".join(map(repr, named))}: {asked} '
                   '(option output)')


class _Exported(nn.Module):
    """Something made of a file, which it holds the digest of."""

    digest: Tensor

    def __init__(self, data: bytes) -> None:
        super().__init__()
        digest = bytearray(hashlib.sha256(data).digest())
        self.register_buffer('digest', torch.frombuffer(digest, dtype=torch.uint8))


class _Script(_Exported):
    """A TorchScript archive."""

    def __init__(self, data: bytes, path: Path) -> None:
        super().__init__(data)
        try:
            with warnings.catch_warnings():
                # PyTorch would like other formats more; who has such a file cannot help it.
                warnings.simplefilter('ignore', FutureWarning)
                self.script = torch.jit.load(io.BytesIO(data), map_location='cpu').eval()
        # A damaged or hostile file makes the reader raise almost anything.
        except Exception as error:
            reason = ' '.join(str(error).split('. ')[0].split())[:300]
            raise VprError(f'cannot open {path}: expected a TorchScript archive, as '
                           'torch.jit.save writes it; a checkpoint of weights alone is no '
                           f'network ({reason})') from error
        # Frozen: all weights are constants of the code, which nothing moves or converts.
        self.frozen = not any(True for _ in self.script.parameters())

    def forward(self, images: Tensor) -> Any:
        """Return what the script returns."""
        return self.script(images.float().cpu() if self.frozen else images)


class _OnnxModel(_Exported):
    """An ONNX model on the CPU; one that was exported for one image is run image by image."""

    def __init__(self, data: bytes, path: Path) -> None:
        super().__init__(data)
        self._path = path
        self._session = _open_session(data, path)
        inputs = self._session.run.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].type not in _INPUTS:
            found = ', '.join(f'{i.name} {i.shape} of {i.type}' for i in inputs)
            raise VprError(f'{path} must take one batch of images (B, C, H, W) of '
                           f'{" or ".join(_INPUTS)}, got {found}')
        self._input, self._shape = inputs[0].name, inputs[0].shape
        self._type = _INPUTS[inputs[0].type]
        batch = self._shape[0]
        if isinstance(batch, int) and batch != 1:
            raise VprError(f'{path} takes exactly {batch} images at once: export it with a free '
                           'batch dimension, or for one image')
        self._one_by_one = batch == 1
        self._outputs = [o.name for o in self._session.run.get_outputs()]

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return all outputs by name, on the CPU."""
        batch = images.detach().float().cpu().contiguous().numpy().astype(self._type, copy=False)
        parts = np.split(batch, len(batch)) if self._one_by_one else [batch]
        try:
            runs = [self._session.run.run(self._outputs, {self._input: part}) for part in parts]
            return {name: torch.from_numpy(np.concatenate([np.atleast_1d(part) for part in found]))
                    for name, *found in zip(self._outputs, *runs, strict=True)}
        # onnxruntime has errors of its own, of no common kind.
        except Exception as error:
            raise VprError(f'{self._path} takes images of shape {self._shape} and could not '
                           f'describe {tuple(batch.shape)}: see height, width and grey '
                           f'({str(error)[:300]})') from error


class _Session:
    """What runs an ONNX model; it keeps nothing between runs, so copies of a module share it."""

    def __init__(self, run: Any) -> None:
        self.run = run

    def __deepcopy__(self, memo: dict[int, object]) -> _Session:
        return self


def _open_session(data: bytes, path: Path) -> _Session:
    try:
        import onnxruntime
    except ImportError as error:
        raise VprError(f'the network {path} is an ONNX model, which onnxruntime runs, and that is '
                       'not installed: pip install onnxruntime') from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what goes wrong is raised, and told once
    # Weights in other files would change without the digest noticing, and a path is a file's way
    # to ours: this is a folder that has no files.
    options.add_session_config_entry(
        'session.model_external_initializers_file_folder_path', os.devnull)
    try:
        return _Session(onnxruntime.InferenceSession(
            data, options, providers=['CPUExecutionProvider']))
    # onnxruntime has errors of its own, of no common kind.
    except Exception as error:
        raise VprError(f'cannot open {path}: expected an ONNX model with all its weights in one '
                       f'file ({str(error)[:300]})') from error
