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
Choose how ``compact`` is made by cameras that it never saw, and never by a benchmark.

Example::

    python benchmarks/leave_one_out.py --data ../shared/data --work choice --out docs/training.md

Every variant of the recipe is trained shortly, in two ways:

- *town to real*: in the generated town alone, judged on all webcams;
- *left out*: on all data but a group of webcams, judged on that group, until each webcam has been
  left out once. ``--groups 0`` leaves out one at a time, in as many trainings as there are.

Compared are parts of images that lie farther left or right from image to image
(``run.validation_moves``), for a robot never stands on one spot twice. The trainings of all
variants have one seed: they see the same images in the same order.

Every outcome is kept in the folder of ``--work``: a second run trains what was not finished.
Webcams that are left out are looked up among their own group, so that numbers of other
``--groups`` are other numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
import json
import multiprocessing
import os
from pathlib import Path
import shutil
import subprocess
import sys
from typing import TypeAlias

from labels import labelled
import numpy as np
from pages import MarkedPart
from pages import table
import torch
from vpr_ros.cli.train_progress import TrainingProgress
from vpr_ros.evaluation.intervals import block_bootstrap_interval
from vpr_ros.training.checkpoint import read_checkpoint
from vpr_ros.training.describing import describe_examples
from vpr_ros.training.experiment import prepare_experiment
from vpr_ros.training.launch import launch
from vpr_ros.training.loop import CHECKPOINT
from vpr_ros.training.recipe import differing
from vpr_ros.training.recipe import read_recipe
from vpr_ros.training.run import train_recipe
from vpr_ros.training.settings import RecipeSettings
from vpr_ros.training.sources.registry import open_images

PACKED = '{work}/town7.tar'
TOWN = 'town?seed=7&only=day+other_lane+night+snow+rain+dusk'
# "mexico" is also a camera of the other folder.
WEBCAMS = ('{data}/train/amos_webcams?least_contrast=8,'
           '{data}/train/tilde_webcams?leave_out=mexico')
OTHERS = '{data}/train/sped_thumb,singles:{data}/train/camvid/train?every=2'
SHARES = '9+2+7+3+6'
COMMON = ('options.trunk_weights={data}/weights/mobilenet_v2_imagenet_bnfolded.safetensors',
          'run.validation_moves=0.25', 'run.tensorboard=false', 'run.workers=1')
WAYS = ('town to real', 'left out')

Hits: TypeAlias = Mapping[str, tuple[int, int]]


@dataclass(frozen=True)
class Variant:
    """
    A way to train.

    :param about: what is different from the recipe.
    :param settings: as on the command line.
    """

    label: str
    about: str
    settings: tuple[str, ...] = ()


VARIANTS = (
    Variant('recipe', 'nothing'),
    Variant('slow', 'a trunk a third as fast', ('optimiser.slow_rate=3e-5',)),
    Variant('beside', 'places beside each other in a step', ('contrastive.neighbours=3',)),
    Variant('wide', 'that, and parts of an image as small as a third',
            ('contrastive.neighbours=3', 'augmentation.crop_smallest=0.35')),
)


@dataclass(frozen=True)
class Trial:
    """One training: of a variant, with a group of webcams held out, or in the town alone."""

    variant: Variant
    held_out: tuple[str, ...]
    settings: tuple[str, ...]
    folder: Path


@dataclass(frozen=True)
class Outcome:
    """
    What came of one training.

    :param start: R@1 before the first step.
    :param hits: of the trained network by webcam: how many queries, and how many were right.
    """

    start: float
    hits: Hits


def main() -> None:
    """Train all variants, and write what they know of webcams never seen."""
    parser = argparse.ArgumentParser(description=(__doc__ or '').strip().partition('\n')[0])
    parser.add_argument('--data', type=Path, metavar='FOLDER', help='real images and weights; '
                        'else $VPR_ROS_DATA, else ../shared/data',
                        default=Path(os.environ.get('VPR_ROS_DATA', '../shared/data')))
    parser.add_argument('--work', type=Path, default=Path('choice'), metavar='FOLDER',
                        help='for the packed town and for outcomes')
    parser.add_argument('--only', default=','.join(v.label for v in VARIANTS), metavar='A,B')
    parser.add_argument('--groups', type=int, default=3, metavar='N',
                        help='of webcams that are left out together; 0 for one at a time')
    parser.add_argument('--steps', type=int, default=60, metavar='N', help='of each training')
    parser.add_argument('--discriminants', type=int, default=1500, metavar='N',
                        help='images that linear maps start from')
    parser.add_argument('--at-once', type=int, default=1, metavar='N',
                        help='trainings side by side, each with one thread and one reader')
    parser.add_argument('--out', '-o', type=Path, help='the page to write into')
    given = parser.parse_args()
    page = None if given.out is None else MarkedPart(given.out, 'choice')
    variants = labelled(given.only, VARIANTS, what='variant')
    given.work.mkdir(parents=True, exist_ok=True)
    town = Path(PACKED.format(work=given.work))
    if not town.exists():
        subprocess.run([sys.executable, '-m', 'vpr_ros', 'train', 'pack', TOWN, '-o', str(town)],
                       check=True)
    groups = [*_groups(WEBCAMS.format(data=given.data), given.groups), ()]
    trials = [_trial(variant, group, given) for variant in variants for group in groups]
    with ProcessPoolExecutor(given.at_once, multiprocessing.get_context('spawn')) as pool:
        outcomes = list(pool.map(_outcome, trials))
    text = _page(trials, outcomes)
    if page is None:
        print(text)
    else:
        page.write(text)


def _groups(webcams: str, count: int) -> list[tuple[str, ...]]:
    names = open_images(webcams).region_names
    if count and not 2 <= count <= len(names):
        raise SystemExit(f'--groups is 0, or from 2 to the {len(names)} webcams, got {count}')
    return [names[k::count or len(names)] for k in range(count or len(names))]


def _trial(variant: Variant, held_out: tuple[str, ...], given: argparse.Namespace) -> Trial:
    folders = {'data': given.data, 'work': given.work}
    webcams, town = WEBCAMS.format(**folders), PACKED.format(**folders)
    images: tuple[str, ...]
    if held_out:
        images = (f'data={webcams},{OTHERS.format(**folders)},{town}', f'places.shares={SHARES}',
                  f'places.held_out_regions={"+".join(held_out)}')
    else:
        images = (f'data={town}', f'validation={webcams}')
    folder = given.work / f'{variant.label}_{given.steps}' / ('+'.join(held_out) or 'town')
    return Trial(variant, held_out, (
        *images, *(text.format(**folders) for text in COMMON), f'schedule.steps={given.steps}',
        f'run.validate_every={given.steps}', f'discriminants={given.discriminants}',
        *variant.settings, f'out={folder}'), folder)


def _outcome(trial: Trial) -> Outcome:
    """Return what came of the same training before, or train."""
    record, recipe = trial.folder / 'outcome.json', read_recipe('compact', trial.settings)
    if not record.exists() or differing(read_recipe(str(trial.folder / 'recipe.yaml')), recipe):
        if trial.folder.exists():
            shutil.rmtree(trial.folder)  # of another recipe, or interrupted
        record.write_text(json.dumps(_train(recipe, trial.folder)), encoding='utf-8')
    told = json.loads(record.read_text(encoding='utf-8'))
    outcome = Outcome(told['start'], {name: (queries, right) for name, (queries, right)
                                      in told['hits'].items()})
    queries, right = np.sum(list(outcome.hits.values()), axis=0)
    print(f'{trial.folder}: {outcome.start:.3f} -> {right / queries:.3f}', flush=True)
    return outcome


def _train(recipe: RecipeSettings, folder: Path) -> dict[str, object]:
    torch.set_num_threads(1)
    trained = train_recipe(recipe, folder, TrainingProgress(visible=False))
    # As users compute it: half precision alone moves recall by half a point.
    exact = recipe.model_copy(update={
        'run': recipe.run.model_copy(update={'precision': '32-true'})})
    experiment = prepare_experiment(exact)
    # After the last step, also where it has become worse.
    learnt = read_checkpoint(folder / CHECKPOINT).tensors['network']
    experiment.module.load_state_dict(learnt)
    images, fabric = experiment.validation.images, launch(exact.run)
    fabric.to_device(experiment.network)
    asked, right = experiment.validation.hits(lambda numbers: describe_examples(
        fabric, experiment.network, experiment.prepared(images), numbers, workers=1,
        told=lambda done, total: None))
    names = np.array(images.region_names)[images.regions[asked]]
    return {'start': trained.recalls[0],
            'hits': {str(name): (int((names == name).sum()), int(right[names == name].sum()))
                     for name in np.unique(names)}}


def _page(trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> str:
    """Return a table with a line for each variant; the first is what others are compared with."""
    found: dict[Variant, dict[bool, list[Outcome]]] = {}
    for trial, outcome in zip(trials, outcomes, strict=True):
        of_variant = found.setdefault(trial.variant, {False: [], True: []})
        of_variant[bool(trial.held_out)].append(outcome)
    base = next(iter(found.values()))
    header = ['what is different', 'settings', *(f'{way}: {what}' for way in WAYS for what in (
        'start', 'end', 'to the first line'))]
    lines = [header, ['---', '---', *['--:', '--:', '---'] * len(WAYS)]]
    for variant, ways in found.items():
        settings = ' '.join(f'`{setting}`' for setting in variant.settings)
        lines.append([variant.about, settings, *(cell for way, trained in ways.items()
                                                 for cell in _cells(trained, base[way]))])
    webcams = len(_by_webcam(base[True]))
    queries = sum(asked for asked, _ in _by_webcam(base[True]).values())
    return (f'{table(lines)}\n\nR@1 on {queries} queries of {webcams} webcams, which were left '
            f'out in {len(base[True])} groups. In brackets the interval of 95 % of the '
            'difference, from webcams drawn anew 2,000 times.')


def _cells(trained: Sequence[Outcome], base: Sequence[Outcome]) -> list[str]:
    hits = _by_webcam(trained)
    asked, right = np.sum(list(hits.values()), axis=0)
    before = np.average([outcome.start for outcome in trained], weights=[
        sum(asked for asked, _ in outcome.hits.values()) for outcome in trained])
    return [f'{before:.3f}', f'{right / asked:.3f}', _difference(hits, _by_webcam(base))]


def _difference(hits: Hits, base: Hits) -> str:
    if hits == base:
        return ''
    values = [right / asked - base[name][1] / base[name][0]
              for name, (asked, right) in hits.items()]
    # Webcams are independent of each other, their queries are not; all have as many of them.
    interval = block_bootstrap_interval(values, block=1)
    return f'{np.mean(values):+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]'


def _by_webcam(trained: Sequence[Outcome]) -> Hits:
    return {name: counts for outcome in trained for name, counts in outcome.hits.items()}


if __name__ == '__main__':
    main()
