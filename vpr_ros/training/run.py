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
"""A recipe from beginning to end, in a folder of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from vpr_ros.errors import VprError
from vpr_ros.training.checkpoint import Checkpoint
from vpr_ros.training.checkpoint import read_checkpoint
from vpr_ros.training.experiment import prepare_experiment
from vpr_ros.training.launch import launch
from vpr_ros.training.launch import leave
from vpr_ros.training.loop import CHECKPOINT
from vpr_ros.training.loop import Observer
from vpr_ros.training.loop import train
from vpr_ros.training.loop import Trained
from vpr_ros.training.recipe import differing
from vpr_ros.training.recipe import dump_recipe
from vpr_ros.training.recipe import parse_recipe
from vpr_ros.training.settings import RecipeSettings

__all__ = ['train_recipe']

_RECIPE = 'recipe.yaml'


def train_recipe(recipe: RecipeSettings, folder: Path, observer: Observer, *,
                 resume: bool = False) -> Trained:
    """
    Train what a recipe says.

    :param folder: of the run; it must be new or empty, hold a training that had no checkpoint yet,
        or one of the same recipe to go on with.
    :param resume: go on from that checkpoint.
    """
    checkpoint = _checkpoint(recipe, folder, resume=resume)
    fabric = launch(recipe.run)
    experiment = prepare_experiment(recipe, in_turn=partial(fabric.rank_zero_first, local=True))
    if fabric.is_global_zero:
        _write_recipe(recipe, folder)
    trained = train(fabric, experiment, folder, observer, checkpoint=checkpoint)
    leave(fabric)
    return trained


def _write_recipe(recipe: RecipeSettings, folder: Path) -> None:
    """Write the recipe as one that goes on in this folder."""
    told = dump_recipe(recipe.model_copy(update={'out': str(folder)}))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _RECIPE).write_text(told, encoding='utf-8')
    except OSError as error:
        raise VprError(f'cannot write into the folder of the run, {folder}: '
                       f'{error.strerror or error}; give another one by out=') from error


def _checkpoint(recipe: RecipeSettings, folder: Path, *, resume: bool) -> Checkpoint | None:
    path = folder / CHECKPOINT
    if not resume:
        if path.exists():
            raise VprError(f'{folder} holds a training already: "vpr_ros train {folder / _RECIPE} '
                           '--resume" goes on with it; or give another folder by out=')
        _refuse_others(folder)
        return None
    if not path.exists():
        raise VprError(f'nothing to go on from: there is no {path}; leave --resume out')
    checkpoint = read_checkpoint(path)
    changed = differing(parse_recipe(checkpoint.recipe, path), recipe)
    if changed:
        raise VprError(f'{folder} was begun with other settings ({", ".join(changed)}): "vpr_ros '
                       f'train {folder / _RECIPE} --resume" goes on with the same ones; or train '
                       'into another folder by out=')
    return checkpoint


def _refuse_others(folder: Path) -> None:
    """Refuse a folder of something else: its weights, say, would be replaced."""
    if folder.exists() and not folder.is_dir():
        raise VprError(f'{folder} is a file: give the folder of the run by out=')
    # One that was killed before its first checkpoint may begin again.
    if folder.is_dir() and any(folder.iterdir()) and not (folder / _RECIPE).exists():
        raise VprError(f'{folder} is not empty and holds no training: give a new folder by out=')
