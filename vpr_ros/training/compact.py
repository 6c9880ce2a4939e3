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
The first training of the embedded network, on a CPU in about an hour.

A trunk whose convolutions start from public ImageNet weights learns, with all that stands on it,
to tell windows of fixed cameras apart whatever the hour and the season. Every tensor is trained;
none of a public file is shipped unchanged (checked before the weights are written).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
import json
import logging
from pathlib import Path
import time

import numpy as np
import torch
from torch import nn
from torch import Tensor
from vpr_ros.errors import VprError
from vpr_ros.networks.compact import Compact
from vpr_ros.networks.compact import GRIDS
from vpr_ros.networks.pooling import attentive_pyramid_pool
from vpr_ros.networks.weights import read_weights
from vpr_ros.networks.weights import write_weights
from vpr_ros.training.augmentation import change_conditions
from vpr_ros.training.losses.supervised_contrastive import supervised_contrastive
from vpr_ros.training.webcams import cut
from vpr_ros.training.webcams import load_pairs
from vpr_ros.training.webcams import load_scenes
from vpr_ros.training.webcams import load_single
from vpr_ros.training.webcams import overlap
from vpr_ros.training.webcams import random_window
from vpr_ros.training.webcams import Scene
from vpr_ros.training.webcams import Window

__all__ = ['CompactRecipe', 'train_compact']

_log = logging.getLogger(__name__)

# What validation looks at: so many times of each held-out camera, each cut into these windows.
_TIMES = 8
_WINDOWS = [Window(x, y, 0.5, 0.5) for y in (0.0, 0.25, 0.5) for x in (0.0, 0.25, 0.5)]


@dataclass(frozen=True)
class CompactRecipe:
    """
    Settings of the first training.

    :param cameras: cameras per batch, each with two windows of three times.
    :param pairs: true pairs per batch.
    :param singles: single images per batch, each cut twice.
    :param dimension: of a descriptor.
    :param start_images: windows whose principal components the linear maps start as; at least as
        many as a descriptor has dimensions.
    :param start_share: how much of the start stays: the shipped weights lie between the start and
        the trained ones (Wortsman et al. 2022, WiSE-FT), because a few cameras teach invariance
        to light but would narrow what ImageNet taught.
    :param held_out: cameras that only validate.
    """

    steps: int = 450
    cameras: int = 5
    pairs: int = 8
    singles: int = 3
    trunk_rate: float = 1e-4
    head_rate: float = 1e-3
    weight_decay: float = 1e-2
    temperature: float = 0.07
    jitter: float = 0.2
    warm_up: int = 25
    dimension: int = 512
    start_images: int = 640
    start_share: float = 0.5
    seed: int = 0
    held_out: tuple[str, ...] = ('00003837', '00011160', '00023966', 'frankfurt')


@dataclass(frozen=True, eq=False)
class _Batch:
    images: Tensor   # (B, 3, H, W) in [0, 1]
    labels: Tensor   # (B,)
    ignore: Tensor   # (B, B) bool


@dataclass(frozen=True, eq=False)
class _Data:
    cameras: Sequence[Scene]
    pairs: Sequence[Scene]
    singles: Sequence[Scene]
    held_out: Sequence[Scene]


def _load(folder: Path, recipe: CompactRecipe) -> _Data:
    # One monument stands in both archives ('mexico' is camera 00021510): one of them is enough.
    scenes = load_scenes(folder / 'amos_webcams') + load_scenes(
        folder / 'tilde_webcams', leave_out=('mexico',))
    held_out = [s for s in scenes if s.name in recipe.held_out]
    if len(held_out) != len(recipe.held_out):
        raise VprError(f'expected the cameras {", ".join(recipe.held_out)} under {folder}, '
                       f'got only {", ".join(s.name for s in held_out) or "none"} of them')
    data = _Data(
        cameras=[s for s in scenes if s.name not in recipe.held_out],
        pairs=load_pairs(folder / 'sped_thumb'),
        singles=load_single(folder / 'camvid' / 'train'), held_out=held_out)
    for what, found, needed in (
            ('cameras that are not held out', len(data.cameras), recipe.cameras),
            ('pairs', len(data.pairs), recipe.pairs),
            ('single images', len(data.singles), recipe.singles)):
        if found < needed:
            raise VprError(f'a batch of this recipe needs {needed} {what}, but only {found} are '
                           f'under {folder}')
    return data


def _tensor(images: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float() / 255.0


def _make_batch(data: _Data, recipe: CompactRecipe, size: tuple[int, int],
                rng: np.random.Generator) -> _Batch:
    images: list[np.ndarray] = []
    labels: list[int] = []
    cut_from: list[tuple[int, Window]] = []
    place = 0

    def add(scene: Scene, scene_number: int, window: Window, times: int) -> None:
        nonlocal place
        flip = bool(rng.random() < 0.5)
        chosen = rng.choice(len(scene.images), size=times, replace=len(scene.images) < times)
        for index in chosen:
            view = cut(scene.images[index], window, size, rng=rng, jitter=recipe.jitter)
            view = change_conditions(view, rng)
            images.append(np.ascontiguousarray(view[:, ::-1]) if flip else view)
            labels.append(place)
            cut_from.append((scene_number, window))
        place += 1

    number = 0
    for index in rng.choice(len(data.cameras), size=recipe.cameras, replace=False):
        for _ in range(2):
            window = random_window(rng, smallest=0.45, largest=0.9, aspect=1.0)
            add(data.cameras[index], number, window, 3)
        number += 1
    for scenes, count, smallest in ((data.pairs, recipe.pairs, 0.8),
                                    (data.singles, recipe.singles, 0.6)):
        for index in rng.choice(len(scenes), size=count, replace=False):
            window = random_window(rng, smallest=smallest, largest=0.95)
            add(scenes[index], number, window, 2)
            number += 1

    # Two windows of one camera that overlap are neither one place nor two.
    ignore = np.zeros((len(labels), len(labels)), bool)
    for i, (scene_i, window_i) in enumerate(cut_from):
        for j, (scene_j, window_j) in enumerate(cut_from):
            ignore[i, j] = (scene_i == scene_j and labels[i] != labels[j]
                            and overlap(window_i, window_j) > 0.3)
    return _Batch(_tensor(images), torch.tensor(labels), torch.from_numpy(ignore))


def _start(network: Compact, initial: Path, data: _Data, images_wanted: int,
           rng: np.random.Generator) -> None:
    """Load the trunk; start the two linear maps as principal components of what they will see."""
    public, _ = read_weights(initial)
    state = network.trunk.state_dict()
    missing = [n for n in state if n not in public or public[n].shape != state[n].shape]
    if missing:
        raise VprError(f'{initial} does not hold a batch-norm-folded MobileNetV2: '
                       f'missing or of another shape: {", ".join(missing[:4])}')
    network.trunk.load_state_dict({n: public[n] for n in state})
    size = (network.preprocessing.height, network.preprocessing.width)
    scenes = [*data.cameras, *data.pairs, *data.singles]
    images = []
    for _ in range(images_wanted):
        scene = scenes[int(rng.integers(len(scenes)))]
        image = scene.images[int(rng.integers(len(scene.images)))]
        images.append(cut(image, random_window(rng, smallest=0.5, largest=1.0), size))
    with torch.no_grad():
        joined = []
        for begin in range(0, len(images), 32):
            batch = (_tensor(images[begin:begin + 32]) - network.mean) / network.std
            joined.append(network.feature_maps(batch)[0])
        maps = torch.cat(joined)
        _start_as_components(network.fuse, maps.permute(0, 2, 3, 1).flatten(0, 2)[::7])
        features = network.fuse(maps)
        evenly = torch.ones(len(features), *features.shape[2:])
        _start_as_components(network.project, attentive_pyramid_pool(features, evenly, GRIDS))


def _start_as_components(layer: nn.Conv2d | nn.Linear, samples: Tensor) -> None:
    """Set a linear layer to the leading principal components of samples (N, inputs)."""
    centre = samples.mean(dim=0)
    _, values, basis = torch.pca_lowrank(samples - centre, q=layer.weight.shape[0], niter=3)
    # Half-way to whitening: the largest components are light and weather as much as place.
    scale = (values / values[0]).clamp(min=1e-3) ** -0.5
    weight = basis.T * scale[:, None] / samples.std()
    layer.weight.copy_(weight.reshape(layer.weight.shape))
    assert layer.bias is not None
    layer.bias.copy_(-weight @ centre)


def _validate(network: Compact, scenes: Sequence[Scene]) -> float:
    """Return R@1 of windows of unseen cameras: each time against every other time."""
    size = (network.preprocessing.height, network.preprocessing.width)
    places, times, descriptors = [], [], []
    network.eval()
    for number, scene in enumerate(scenes):
        chosen = np.linspace(0, len(scene.images) - 1, _TIMES).astype(int)
        for time_number, index in enumerate(chosen):
            views = [cut(scene.images[index], w, size) for w in _WINDOWS]
            with torch.no_grad():
                descriptors.append(network(_tensor(views)).descriptors)
            places += [number * len(_WINDOWS) + w for w in range(len(_WINDOWS))]
            times += [time_number] * len(_WINDOWS)
    network.train()
    d, place, when = torch.cat(descriptors), torch.tensor(places), torch.tensor(times)
    hits = []
    for reference in range(_TIMES):
        is_reference = when == reference
        nearest = (d[~is_reference] @ d[is_reference].T).argmax(dim=1)
        hits.append(place[is_reference][nearest] == place[~is_reference])
    return float(torch.cat(hits).float().mean())


def train_compact(data_folder: Path, initial: Path, out: Path,
                  recipe: CompactRecipe = CompactRecipe()) -> dict[str, object]:
    """
    Train the embedded network and write its weights.

    :param data_folder: holds ``amos_webcams``, ``tilde_webcams``, ``sped_thumb``, ``camvid``.
    :param initial: MobileNetV2 (1.0), batch norm folded, as safetensors: where the trunk starts.
    :param out: the .safetensors file to write.
    :returns: what was measured, also written into the file's metadata.
    """
    if recipe.steps < 1:
        raise VprError(f'a training takes at least 1 step, got {recipe.steps}')
    if recipe.start_images < recipe.dimension:
        raise VprError(f'the start needs at least {recipe.dimension} images, one for each '
                       f'dimension of a descriptor, got {recipe.start_images}')
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    data = _load(data_folder, recipe)
    network = Compact(dimension=recipe.dimension)
    _start(network, initial, data, recipe.start_images, rng)
    start = {n: t.clone() for n, t in network.state_dict().items()}
    network.train().to(memory_format=torch.channels_last)
    head = [p for n, p in network.named_parameters() if not n.startswith('trunk.')]
    optimiser = torch.optim.AdamW(
        [{'params': list(network.trunk.parameters()), 'lr': recipe.trunk_rate},
         {'params': head, 'lr': recipe.head_rate}], weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min(1.0, (step + 1) / recipe.warm_up) * 0.5 * (
            1.0 + float(np.cos(np.pi * step / recipe.steps))) + 1e-3)
    size = (network.preprocessing.height, network.preprocessing.width)
    validated = {'start': _validate(network, data.held_out)}
    _log.info('start: R@1 on windows of unseen cameras %.3f', validated['start'])
    began = time.monotonic()
    losses = []
    for step in range(1, recipe.steps + 1):
        batch = _make_batch(data, recipe, size, rng)
        with torch.autocast('cpu', torch.bfloat16):
            descriptors = network(batch.images.contiguous(
                memory_format=torch.channels_last)).descriptors
        loss = supervised_contrastive(descriptors.float(), batch.labels, batch.ignore,
                                      temperature=recipe.temperature)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if step % 10 == 0:
            _log.info('step %d/%d: loss %.3f, %.1f s per step', step, recipe.steps,
                      float(np.mean(losses[-10:])), (time.monotonic() - began) / step)
        if step % 100 == 0 or step == recipe.steps:
            validated[str(step)] = _validate(network, data.held_out)
            _log.info('step %d: R@1 on windows of unseen cameras %.3f', step,
                      validated[str(step)])
    share = recipe.start_share
    state = {name: share * start[name] + (1.0 - share) * trained
             for name, trained in network.state_dict().items()}
    _refuse_unchanged(start, state)
    network.load_state_dict(state)
    validated['final'] = _validate(network, data.held_out)
    _log.info('final: R@1 on windows of unseen cameras %.3f', validated['final'])
    measured: dict[str, object] = {
        'recipe': asdict(recipe), 'validation_r_at_1': validated,
        'validation_queries': _TIMES * (_TIMES - 1) * len(_WINDOWS) * len(data.held_out)}
    write_weights(out, state, {'network': 'compact', 'training': json.dumps(measured)})
    return measured


def _refuse_unchanged(start: dict[str, Tensor], state: dict[str, Tensor]) -> None:
    same = [n for n in start if torch.equal(start[n].half(), state[n].half())]
    if same:
        raise VprError(f'not trained: {", ".join(same)} did not change')
