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
Weights in and out; every mismatch is reported by name and shape.

Ours are written as safetensors. Public checkpoints are often pickles: they are read by a reader
that takes tensors and plain containers and runs nothing (``weights_only``). What training programs
store beside the tensors (NumPy numbers, parsed arguments) is taken for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from contextlib import nullcontext
import hashlib
from pathlib import Path
import re

from safetensors import safe_open
from safetensors import SafetensorError
from safetensors.torch import save_file
import torch
from torch import nn
from torch import Tensor
from vpr_ros.errors import VprError

__all__ = ['cast_weights', 'load_weights', 'read_weights', 'weights_hash', 'write_weights']

_CHECKPOINT_SUFFIXES = ('.pth', '.pt', '.tar', '.ckpt')
# Where training programs put the tensors of the network beside those of the optimiser.
_WRAPPERS = ('state_dict', 'model_state_dict', 'model_state', 'model', 'net')
# A file may wrap a mapping in itself.
_DEEPEST = 4
# What pickles of training programs name beside the tensors: scores, histories, arguments.
_BESIDE = (
    'argparse.Namespace', 'numpy.core.multiarray.scalar', 'numpy._core.multiarray.scalar',
    'numpy.core.multiarray._reconstruct', 'numpy._core.multiarray._reconstruct', 'numpy.dtype',
    'numpy.ndarray')


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """
    Return the tensors of a file as float32, and its metadata.

    :param path: .safetensors, or a checkpoint of PyTorch (.pth, .pt, .tar): a mapping of tensors
        or one that holds such a mapping under a usual name; a prefix 'module.' of parallel
        training is taken away.
    """
    if not path.is_file():
        raise VprError(f'no weights at {path}: expected a .safetensors file or a .pth checkpoint')
    metadata: dict[str, str] = {}
    if path.suffix.lower() in _CHECKPOINT_SUFFIXES:
        tensors = _read_checkpoint(path)
    else:
        tensors, metadata = _read_safetensors(path)
    return {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}, metadata


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework='pt') as file:
            return ({name: file.get_tensor(name) for name in file.keys()},
                    dict(file.metadata() or {}))
    except (SafetensorError, OSError) as error:
        raise VprError(f'cannot read weights from {path}: expected a .safetensors file '
                       f'({error})') from error


class _Nothing:
    """
    Stands for what a pickle has beside its tensors.

    Neither NumPy nor another library is let near the bytes of a file from outside: a dtype made
    by a stranger may point anywhere.
    """

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, _: object) -> None:
        pass


def _nothing_beside() -> AbstractContextManager[object]:
    """Let the reader of pickles put :class:`_Nothing` for the names of ``_BESIDE``."""
    allow = getattr(torch.serialization, 'safe_globals', None)
    try:
        return allow([(_Nothing, name) for name in _BESIDE]) if allow else nullcontext()
    except TypeError:  # PyTorch 2.5 and before cannot replace: it refuses such files by name
        return nullcontext()


def _read_checkpoint(path: Path) -> dict[str, Tensor]:
    try:
        with _nothing_beside():
            found = torch.load(path, map_location='cpu', weights_only=True)
    # A damaged or hostile file makes the reader raise almost anything.
    except Exception as error:
        asked = re.search(r'GLOBAL ([\w.]+)', str(error))
        reason = (f'it asks for {asked[1]}, which is not run' if asked
                  else str(error).split('. ')[0][:300] or type(error).__name__)
        raise VprError(f'cannot read weights from {path}: expected a checkpoint of PyTorch that '
                       f'holds tensors and plain containers alone ({reason})') from error
    for _ in range(_DEEPEST):
        if isinstance(found, Mapping):
            found = next((found[k] for k in _WRAPPERS if isinstance(found.get(k), Mapping)), found)
    values = found if isinstance(found, Mapping) else {}
    named = {str(name): value for name, value in values.items() if isinstance(value, Tensor)}
    if not named:
        raise VprError(f'{path} holds no mapping of names to tensors, at its top or under '
                       f'{", ".join(_WRAPPERS)}: save the state_dict of the network')
    for name, tensor in named.items():
        _refuse_larger_than_its_bytes(name, tensor, path)
    plain = {n.removeprefix('module.'): t.detach().contiguous() for n, t in named.items()}
    if len(plain) < len(named):
        raise VprError(f"{path} holds tensors of one name with and without 'module.' before it: "
                       'save the state_dict of one network')
    return plain


def _refuse_larger_than_its_bytes(name: str, tensor: Tensor, path: Path) -> None:
    """Refuse what a few bytes of a file would blow up: repeated, sparse or absent values."""
    plain = tensor.layout is torch.strided and not (tensor.is_meta or tensor.is_quantized)
    if not plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise VprError(f'{name} in {path} is no plain tensor with all its values stored (shape '
                       f'{tuple(tensor.shape)}): save it dense and contiguous')


def write_weights(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str], *,
                  dtype: torch.dtype = torch.float16) -> None:
    """Write tensors as ``dtype``; floating point values that it cannot hold are refused."""
    converted = cast_weights(tensors, dtype)
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(converted, str(path), metadata=dict(metadata))


def cast_weights(tensors: Mapping[str, Tensor],
                 dtype: torch.dtype = torch.float16) -> dict[str, Tensor]:
    """Return tensors as ``dtype``, whole numbers as they are; VprError for what it cannot hold."""
    converted = {}
    for name, tensor in tensors.items():
        value = tensor.detach().cpu()
        if value.is_floating_point():
            value = value.to(dtype)
            if not torch.isfinite(value).all():
                raise VprError(f'{name} has values that {dtype} cannot hold: keep it in float32')
        converted[name] = value.contiguous()
    return converted


def load_weights(module: nn.Module, tensors: Mapping[str, Tensor], source: object) -> None:
    """
    Load tensors into a module; all names and shapes must agree.

    :param source: where they come from, for the error message.
    """
    wanted = {name: tuple(t.shape) for name, t in module.state_dict().items()}
    got = {name: tuple(t.shape) for name, t in tensors.items()}
    # Files older than these counters lack them, and only training reads them: they begin at 0, for
    # a module that was made without values holds whatever its memory held.
    uncounted = {n for n in wanted if n not in got and n.endswith('.num_batches_tracked')}
    problems = [f'{n} is missing (shape {wanted[n]})' for n in wanted
                if n not in got and n not in uncounted]
    problems += [f'{n} is not a part of the network (shape {got[n]})'
                 for n in got if n not in wanted]
    problems += [f'{n} has shape {got[n]}, the network needs {wanted[n]}'
                 for n in wanted if n in got and got[n] != wanted[n]]
    if problems:
        shown = '; '.join(problems[:8])
        more = f'; and {len(problems) - 8} more' if len(problems) > 8 else ''
        raise VprError(f'weights from {source} do not fit this network: {shown}{more}')
    module.load_state_dict({**dict.fromkeys(uncounted, torch.tensor(0)), **tensors})


def weights_hash(module: nn.Module) -> str:
    """Return 16 hexadecimal digits that change when any parameter or buffer changes."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        value = tensor.detach().cpu().contiguous()
        digest.update(f'{name} {tuple(value.shape)}'.encode())
        digest.update((value.float() if value.is_floating_point() else value).numpy().tobytes())
    return digest.hexdigest()[:16]
