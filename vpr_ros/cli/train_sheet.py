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

"""Images as a recipe shows them to its network, on one sheet to look at before training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vpr_ros.errors import VprError

if TYPE_CHECKING:
    from vpr_ros.training.settings import RecipeSettings

__all__ = ['paint_examples']

_ROWS, _VERSIONS, _CELL = 8, 5, 240


def paint_examples(recipe: RecipeSettings, out: Path) -> int:
    """
    Write one picture: a row for each of some examples, as it is and changed as training would.

    Of sequences the newest image is shown; a recipe without augmentation has one column.

    :param out: a .png file.
    :returns: the number of rows.
    """
    import numpy as np
    from vpr_ros.evaluation.contact_sheet import contact_sheet
    from vpr_ros.evaluation.contact_sheet import SheetColumn
    from vpr_ros.evaluation.contact_sheet import SheetRow
    from vpr_ros.evaluation.pictures import encode_png
    from vpr_ros.evaluation.pictures import fit_within
    from vpr_ros.training.experiment import prepare_experiment

    experiment = prepare_experiment(recipe)
    # A recipe without augmentation shows images as they are.
    count = _VERSIONS if recipe.augmentation.enabled else 0
    images = experiment.images
    examples = experiment.prepared(images)
    rng = np.random.default_rng(recipe.seed)
    chosen = np.sort(rng.choice(len(images), min(_ROWS, len(images)), replace=False))
    rows = []
    for example in map(int, chosen):
        versions = [(), *((recipe.seed, version, example) for version in range(count))]
        views = [examples.example((example, numbers)).numpy() for numbers in versions]
        newest = [view[-1] if view.ndim == 4 else view for view in views]
        rows.append(SheetRow(images.label(example), [
            fit_within(view.transpose(1, 2, 0), _CELL, _CELL) for view in newest]))
    columns = [SheetColumn('as it is'), *(SheetColumn(f'changed, {n + 1}')
                                          for n in range(count))]
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(encode_png(contact_sheet(columns, rows)))
    except OSError as error:
        raise VprError(f'cannot write {out}: {error.strerror or error}') from error
    return len(rows)
