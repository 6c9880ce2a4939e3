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
"""Commands: vpr_ros train ..."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import logging
import os
from pathlib import Path
from typing import Annotated
from typing import Any
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup
from vpr_ros.cli.console import say
from vpr_ros.cli.train_pack import pack
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.training.settings import RecipeSettings

__all__ = ['app']


class _Recipes(TyperGroup):
    """Commands, and beside them every recipe by its name, or by the file that holds it."""

    def list_commands(self, ctx: Any) -> list[str]:
        from vpr_ros.training.recipe import recipe_names

        return [*super().list_commands(ctx), *recipe_names()]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        from vpr_ros.training.recipe import recipe_about
        from vpr_ros.training.recipe import recipe_names

        known = super().get_command(ctx, cmd_name)
        if known is not None:
            return known
        about = ''
        if cmd_name in recipe_names():
            about = recipe_about(cmd_name)
        elif not cmd_name.endswith(('.yaml', '.yml')):
            raise unknown_name('recipe or command of train', cmd_name, self.list_commands(ctx))
        single = typer.Typer(add_completion=False, rich_markup_mode='markdown',
                             pretty_exceptions_enable=False)
        single.command()(_recipe)
        command: Any = typer.main.get_command(single)
        command.name, command.short_help = cmd_name, about
        command.help = f'{about}\n\n{command.help}' if about else command.help
        return command


app = typer.Typer(cls=_Recipes, no_args_is_help=True, help='Train networks by recipes, and pack '
                  'images to train on. A recipe is one below, or a YAML file of yours.')
app.command('pack')(pack)


def _recipe(
    context: typer.Context,
    settings: Annotated[list[str] | None, typer.Argument(
        metavar='[NAME=VALUE]...', help='Settings, such as data=train.tar out=run '
        'options.trunk_weights=imagenet schedule.steps=2000.')] = None,
    resume: Annotated[bool, typer.Option(
        '--resume', help='Go on from the checkpoint in out.')] = False,
    show: Annotated[bool, typer.Option(
        '--show', help='Print the settings of the recipe and what they mean, and do nothing.')
    ] = False,
    sheet: Annotated[Path | None, typer.Option(
        '--sheet', metavar='PNG', help='Draw some images as the network will see them, changed '
        'at random, and do nothing else.')] = None,
) -> None:
    """
    Train a network.

    Writes to the folder `out`: the recipe, logs (log.csv and TensorBoard), a checkpoint that
    `--resume` goes on from, and the weights that were best on held-out places. On several
    processes: `torchrun --nproc-per-node 2 -m vpr_ros train ...`
    """
    from vpr_ros.training.recipe import read_recipe

    name = context.info_name or ''
    recipe = read_recipe(name, settings or [])
    if show:
        _show(recipe)
        return
    _refuse_missing_libraries()
    with _not_told_of_untrained_parts():
        if sheet is not None:
            from vpr_ros.cli.train_sheet import paint_examples

            say(f'{paint_examples(recipe, sheet)} images as the network sees them in {sheet}')
        else:
            _train(recipe, Path(recipe.out or Path(name).stem), resume=resume)


def _show(recipe: RecipeSettings) -> None:
    from vpr_ros.cli.console import columns
    from vpr_ros.config import parameters
    from vpr_ros.training.recipe import OF_OBJECTIVE

    values = recipe.model_dump()
    unused = tuple(f'{group}.' for group in OF_OBJECTIVE if group != recipe.objective)

    def value(name: str) -> str:
        level = values
        for part in name.split('.'):
            level = level[part]
        return str(level)

    columns(('setting', 'value', 'meaning'), [
        (row.name, value(row.name), row.description + (
            f' One of {", ".join(row.choices)}.' if row.choices else ''))
        for row in parameters(type(recipe)) if not row.name.startswith(unused)])


@contextmanager
def _not_told_of_untrained_parts() -> Iterator[None]:
    """Hold back the warning that parts of a network are untrained: that is why it is trained."""
    told = logging.getLogger('vpr_ros.networks.assembly')
    before = told.level
    told.setLevel(logging.ERROR)
    try:
        yield
    finally:
        told.setLevel(before)


def _refuse_missing_libraries() -> None:
    """Say what to install before anything is read."""
    from importlib.util import find_spec

    missing = [name for name in ('lightning', 'pytorch_metric_learning', 'scipy', 'shapely')
               if find_spec(name) is None]
    if missing:
        raise VprError(f'training needs {", ".join(missing)}: install vpr_ros with its extra '
                       "'train', as in pip install '.[train]'")


def _train(recipe: RecipeSettings, folder: Path, *, resume: bool) -> None:
    from vpr_ros.cli.train_progress import TrainingProgress
    from vpr_ros.training.loop import CHECKPOINT
    from vpr_ros.training.run import train_recipe

    # All processes of torchrun do the same; one of them says so.
    speaks = os.environ.get('RANK', '0') == '0'
    try:
        with TrainingProgress(visible=speaks) as progress:
            trained = train_recipe(recipe, folder, progress, resume=resume)
    except KeyboardInterrupt:
        if speaks and (folder / CHECKPOINT).exists():
            say(f'stopped; "vpr_ros train {folder}/recipe.yaml --resume" goes on from the last '
                'checkpoint')
        raise
    if speaks:
        first, best = trained.recalls[0], trained.recalls[trained.best]
        say(f'R@1 on {trained.queries} queries of held-out places: {first:.3f} at the start, '
            f'{best:.3f} at step {trained.best}, the best')
        say(f'{trained.weights} holds the weights of that step; to use them: '
            f'-p extraction.network:={recipe.network} '
            f'-p extraction.options:="{_use(recipe, trained.weights)}", for maps and for '
            'localizing')


def _use(recipe: RecipeSettings, weights: Path) -> str:
    """Return the options that make the trained network."""
    from vpr_ros.networks.identity import SOURCE_OPTIONS
    from vpr_ros.training.recipe import recipe_options
    import yaml

    options = {name: value for name, value in recipe_options(recipe.options).items()
               if name not in SOURCE_OPTIONS - {'semantic_weights'}}
    return yaml.safe_dump({**options, 'weights': str(weights)}, default_flow_style=True,
                          width=10 ** 6).strip()
