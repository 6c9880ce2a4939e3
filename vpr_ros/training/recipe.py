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

"""Recipes: YAML files, one per paper, that say how a network is trained."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vpr_ros.config import flatten
from vpr_ros.config import make_settings
from vpr_ros.config import parameters
from vpr_ros.config import Settings
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.training.settings import RecipeSettings
import yaml

__all__ = ['differing', 'dump_recipe', 'OF_OBJECTIVE', 'parse_recipe', 'read_recipe',
           'recipe_about', 'recipe_names', 'recipe_options']

_FOLDER = Path(__file__).parent / 'recipes'
#: Groups of settings that belong to the objective of that name; others have no use for them.
OF_OBJECTIVE = ('classification', 'triplet', 'multi_similarity', 'contrastive', 'graded',
                'ranking')
# Texts that hold a mapping of options; a file may write the mapping itself.
_MAPPINGS = ('options', 'teacher.options')
_DEFAULTS = RecipeSettings()


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with the package."""
    return sorted(path.stem for path in _FOLDER.glob('*.yaml'))


def recipe_about(name: str) -> str:
    """Return the first comment of a recipe: its paper in one line."""
    first, _, _ = (_FOLDER / f'{name}.yaml').read_text(encoding='utf-8').partition('\n')
    return first.lstrip('# ')


def read_recipe(recipe: str, assignments: Iterable[str] = ()) -> RecipeSettings:
    """
    Read a recipe.

    :param recipe: the name of one of the package's, or a YAML file.
    :param assignments: texts like ``ranking.margin=0.2`` or ``options.trunk=resnet18`` that win
        over the file.
    """
    path = Path(recipe)
    if path.suffix not in ('.yaml', '.yml'):
        if recipe not in recipe_names():
            raise unknown_name('recipe', recipe, recipe_names())
        path = _FOLDER / f'{recipe}.yaml'
    flat = _read(path)
    for name, value in _parse(assignments):
        if name in _MAPPINGS:  # a whole mapping replaces what was there
            flat = {n: v for n, v in flat.items() if not n.startswith(f'{name}.')}
        group = next((m for m in _MAPPINGS if name.startswith(f'{m}.')), '')
        if isinstance(flat.get(group), str):
            flat.update(flatten(recipe_options(str(flat.pop(group))), f'{group}.'))
        flat[name] = value
    settings = make_settings(RecipeSettings, _with_texts(flat))
    _check(settings)
    return settings


def parse_recipe(text: str, source: object) -> RecipeSettings:
    """Return what :func:`dump_recipe` wrote."""
    return make_settings(RecipeSettings, _with_texts(_parse_document(text, source)))


def recipe_options(text: str) -> dict[str, Any]:
    """Return the mapping that a text of options holds."""
    try:
        options = yaml.safe_load(text) if text else {}
    except (yaml.YAMLError, ValueError) as error:
        raise VprError(f'cannot read the options {text!r}: {error}') from error
    if not isinstance(options, dict):
        raise VprError(f'options are a mapping such as "{{trunk: resnet18}}", got {text!r}')
    return options


def dump_recipe(recipe: RecipeSettings) -> str:
    """Return a recipe file that says every setting."""
    tree = recipe.model_dump()
    for name in _MAPPINGS:
        *groups, last = name.split('.')
        level = tree
        for group in groups:
            level = level[group]
        level[last] = recipe_options(level[last])
    return yaml.safe_dump(tree, sort_keys=False, width=99)


def differing(one: RecipeSettings, other: RecipeSettings) -> list[str]:
    """Return the names of the settings that change what is learnt and differ."""
    told = [flatten(recipe.model_dump()) for recipe in (one, other)]
    # How long is no part of what is learnt in each step, where rates do not depend on it.
    harmless = ('out', 'run.', 'teacher.cache', 'schedule.steps', 'schedule.epochs')
    return [name for name in told[0]
            if told[0][name] != told[1][name]
            and (name in ('run.precision', 'run.validation_moves')
                 or not name.startswith(harmless))]


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding='utf-8')
    except (OSError, ValueError) as error:
        raise VprError(f'cannot read the recipe {path}: {error}') from error
    return _parse_document(text, path)


def _parse_document(text: str, source: object) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise VprError(f'cannot read the recipe {source}: {error}') from error
    if not isinstance(document, dict):
        raise VprError(f'{source} is no recipe: expected "name: value" in each line')
    return flatten(document)


def _parse(assignments: Iterable[str]) -> Iterable[tuple[str, Any]]:
    texts = {row.name for row in parameters(RecipeSettings) if row.type is str}
    for text in assignments:
        name, separator, value = text.partition('=')
        if not separator or not name.strip():
            raise VprError(f'a setting is given as name=value, got {text!r}')
        name = name.strip()
        if name not in _MAPPINGS and isinstance(getattr(_DEFAULTS, name, None), Settings):
            first = next(iter(type(getattr(_DEFAULTS, name)).model_fields))
            raise VprError(f'{name} is a group of settings: give one of them, as in '
                           f'{name}.{first}=...')
        if name in texts:
            yield name, value
            continue
        try:
            # YAML 1.1 reads 1e-4 as a text: it wants a point.
            yield name, float(value) if _is_number(value) else yaml.safe_load(value)
        except (yaml.YAMLError, ValueError) as error:
            raise VprError(f'setting {name}: cannot read the value {value!r}') from error


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return 'e' in value.lower() and value.lower() not in ('infinity', '-infinity')


def _with_texts(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Join what stands under options to the one text that settings hold."""
    joined: dict[str, Any] = {}
    texts = {row.name for row in parameters(RecipeSettings) if row.type is str}
    options: dict[str, dict[str, Any]] = {}
    for name, value in flat.items():
        group = next((m for m in _MAPPINGS if name.startswith(f'{m}.')), '')
        if name in _MAPPINGS and isinstance(value, str):
            options[name] = recipe_options(value)
        elif group:
            options.setdefault(group, {})[name[len(group) + 1:]] = value
        else:
            joined[name] = value if name in texts else _number(value)
    for group, mapping in options.items():
        # One text for one mapping, so that recipes can be compared.
        joined[group] = yaml.safe_dump(mapping, default_flow_style=True, width=10 ** 6,
                                       sort_keys=True).strip() if mapping else ''
    return joined


def _number(value: Any) -> Any:
    """Return the number that YAML 1.1 leaves a text for want of a point, as in 1e-4."""
    return float(value) if isinstance(value, str) and _is_number(value) else value


def _check(recipe: RecipeSettings) -> None:
    """Refuse what contradicts itself, and settings that would do nothing."""
    for text in (recipe.options, recipe.teacher.options):
        recipe_options(text)
    default = _DEFAULTS
    for group in OF_OBJECTIVE:
        if group != recipe.objective and getattr(recipe, group) != getattr(default, group):
            raise VprError(f'objective {recipe.objective!r} has no use for settings of {group}: '
                           f'leave them out, or give objective={group}')
    if not recipe.target and recipe.adaptation != default.adaptation:
        raise VprError('settings of adaptation need images of the domain to adapt to: give '
                       'target=<images>, or leave them out')
    if recipe.target and recipe.objective != 'ranking':
        raise VprError(f'target belongs to objective=ranking, got {recipe.objective!r}')
    if recipe.optimiser.slow_rate and not recipe.optimiser.slow:
        raise VprError('optimiser.slow_rate needs optimiser.slow: which parameters it is for')
    if recipe.freeze.steps and not (recipe.freeze.parameters or recipe.freeze.stages):
        raise VprError('freeze.steps needs freeze.parameters or freeze.stages: what to free')
    if recipe.teacher.network and recipe.objective == 'classification':
        raise VprError('a teacher needs an objective that trains descriptors, got '
                       "'classification'")
