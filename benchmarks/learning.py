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
Show that each recipe learns: short trainings on a CPU, judged on places they were not trained on.

Example::

    python benchmarks/learning.py --data ../shared/data --work learning --out docs/training.md

Each run is the command that the page shows. What they need beside the data, packed towns and a
file to start from, is made in the folder of ``--work`` when it is not there; ``--prepare`` makes
no more than that. With ``--out``, table and commands replace what stands between the marks of the
page; else they are printed.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
import csv
from dataclasses import dataclass
import json
import math
import os
from pathlib import Path
import re
import shutil
import subprocess
import sys
import time

from labels import labelled
from pages import MarkedPart
from pages import table
from safetensors.torch import load_file
from safetensors.torch import save_file
import torch

TRUNK = '$DATA/weights/resnet18_imagenet_bnfolded_to_layer3.safetensors'

# Packed file -> the town that it is made of.
TOWNS = {
    'town1.tar': 'town?seed=1&only=day+rain+dusk+night',
    'town2.tar': 'town?seed=2&only=day+night',
    'town2_rain.tar': 'town?seed=2&only=day+rain',
}
START = 'resnet18_layer4_untrained.safetensors'

# Fixed cameras; "mexico" is also a camera of the other folder.
WEBCAMS = ('data=$DATA/train/amos_webcams,$DATA/train/tilde_webcams?leave_out=mexico',
           'places.held_out_regions=00003837+00011160+00023966+frankfurt')


@dataclass(frozen=True)
class Run:
    """
    A short training.

    :param about: what is trained, in a few words; the numbers say whether it learns.
    :param settings: as on the command line; $DATA and $WORK stand for the two folders.
    """

    label: str
    recipe: str
    about: str
    settings: tuple[str, ...]

    def command(self, seed: int) -> list[str]:
        """Return the words of the command."""
        seeds = [f'seed={seed}', f'options.seed={seed}'] if seed else []
        return ['vpr_ros', 'train', self.recipe, *self.settings, *seeds,
                f'out=$WORK/{self.label}_{seed}']


# Three stages of a ResNet-18, as many as there are public weights of here.
ATTENTIVE = ('options.trunk=resnet18', f'options.trunk_weights={TRUNK}',
             'options.taps=layer1,layer2,layer3', 'options.height=96', 'options.width=128')

RUNS = (
    Run('context_attention', 'context_attention',
        'cameras as classes, judged on cameras never seen',
        (*WEBCAMS, 'places.windows=2', *ATTENTIVE, 'classification.images=32',
         'schedule.steps=100', 'run.validate_every=50')),
    Run('multi_similarity', 'multi_similarity',
        'the same network by pairs, with the head of its choice',
        (*WEBCAMS, 'places.windows=3', 'network=context_attention', *ATTENTIVE,
         'options.head=spp', 'multi_similarity.places=12', 'optimiser.rate=8e-4',
         'optimiser.slow=trunk.*', 'optimiser.slow_rate=5e-5', 'augmentation.enabled=false',
         'schedule.steps=60', 'schedule.warm_up=10', 'run.validate_every=30')),
    Run('saane', 'saane',
        'fusion, attention and a trunk from random weights, for nobody trained it; the '
        'segmentation stays random; another town, day to rain',
        ('data=$WORK/town1.tar', 'validation=$WORK/town2_rain.tar', 'options.weights=random',
         'options.channels=64', 'options.height=64', 'options.width=64', 'triplet.places=8',
         'freeze.parameters=scene.*', 'optimiser.rate=2e-4', 'schedule.steps=80',
         'run.validate_every=40')),
    Run('semantic_mask', 'semantic_mask',
        'a learned mask and two stages, one of them untrained; another town, day to night',
        ('data=$WORK/town1.tar', 'validation=$WORK/town2.tar', 'options.input=learned_mask',
         'options.trunk=resnet18', f'options.trunk_weights=$WORK/{START}', 'options.height=96',
         'options.width=128', 'freeze.stages=0-2', 'run.chunk=0', 'schedule.steps=60',
         'run.validate_every=30')),
    Run('attention_vlad', 'attention_vlad',
        'ranking before hard negatives; another town, day to night',
        ('data=$WORK/town1.tar', 'validation=$WORK/town2.tar', 'options.trunk=resnet18',
         f'options.trunk_weights={TRUNK}', 'options.layer=layer3', 'options.height=96',
         'options.width=128', 'options.clusters=16', 'clusters=5000',
         'freeze.parameters=trunk.body.conv1.*,trunk.body.layer1.*', 'ranking.queries=3',
         'ranking.positives=3', 'ranking.negatives=5', 'ranking.sampled=20',
         'ranking.refresh=160', 'schedule.steps=60', 'run.validate_every=30')),
    Run('spatiotemporal', 'spatiotemporal',
        'sequences, from random weights; the tokeniser learns too, for nobody trained it; another '
        'town, day to rain',
        ('data=$WORK/town1.tar', 'validation=$WORK/town2_rain.tar', 'options.weights=random',
         'options.sequence_length=3', 'options.height=64', 'options.width=64',
         'options.window=4', 'options.stride=4', 'options.clusters=8', 'clusters=5000',
         'freeze.parameters=', 'ranking.sampled=10', 'ranking.refresh=120', 'ranking.pool=200',
         'optimiser.rate=5e-5', 'run.chunk=0', 'schedule.steps=60', 'run.validate_every=30')),
)


@dataclass(frozen=True)
class Outcome:
    """What came of a run with one seed: recalls by step, of so many queries."""

    recalls: dict[int, float]
    queries: int
    minutes: float

    @property
    def start(self) -> float:
        """Return the recall before the first step."""
        return self.recalls[0]

    @property
    def end(self) -> float:
        """Return the recall after the last step."""
        return self.recalls[max(self.recalls)]


def row(run: Run, outcomes: Sequence[Outcome]) -> list[str]:
    """Return the cells of a run in the table; gains are those of all seeds together."""
    gain = sum(o.end - o.start for o in outcomes) / len(outcomes)
    error = math.sqrt(sum(r * (1.0 - r) / o.queries for o in outcomes
                          for r in (o.start, o.end))) / len(outcomes)
    minutes = sum(o.minutes for o in outcomes) / len(outcomes)
    return [f'`{run.label}`', str(max(outcomes[0].recalls)),
            *(f'{o.start:.3f} → **{o.end:.3f}**' for o in outcomes),
            f'{gain:+.3f} ± {error:.3f}', 'yes' if gain > 2.0 * error else 'not shown',
            str(outcomes[0].queries), f'{minutes:.1f}', run.about]


def main() -> None:
    """Train, and write what was learnt."""
    parser = argparse.ArgumentParser(description='Short trainings of every recipe on a CPU.')
    parser.add_argument('--data', type=Path, metavar='FOLDER', help='real images and weights; '
                        'else $VPR_ROS_DATA, else ../shared/data',
                        default=Path(os.environ.get('VPR_ROS_DATA', '../shared/data')))
    parser.add_argument('--work', type=Path, default=Path('learning'), metavar='FOLDER',
                        help='for packed towns and for the runs')
    parser.add_argument('--only', default=','.join(run.label for run in RUNS), metavar='A,B')
    parser.add_argument('--seeds', default='0,1', metavar='N,M')
    parser.add_argument('--again', action='store_true',
                        help='train what is in the folder for work already')
    parser.add_argument('--out', '-o', type=Path, help='the page to write into')
    parser.add_argument('--prepare', action='store_true', help='train nothing')
    given = parser.parse_args()
    chosen = labelled(given.only, RUNS, what='run')
    page = None if given.out is None else MarkedPart(given.out, 'learning')
    given.work.mkdir(parents=True, exist_ok=True)
    folders = {'$DATA': str(given.data), '$WORK': str(given.work)}
    _prepare(chosen, given.data, given.work)
    if given.prepare:
        return
    seeds = [int(seed) for seed in given.seeds.split(',')]
    outcomes = {run: [_outcome(run, seed, folders, again=given.again) for seed in seeds]
                for run in chosen}
    text = _page(outcomes, seeds)
    if page is None:
        print(text)
    else:
        page.write(text)


def _prepare(runs: Sequence[Run], data: Path, work: Path) -> None:
    """Make what runs name in the folder of work and what is not there."""
    words = ' '.join(word for run in runs for word in run.settings)
    for name, town in TOWNS.items():
        if f'$WORK/{name}' in words and not (work / name).exists():
            subprocess.run([*_program(), 'train', 'pack', town, '-o', str(work / name)],
                           check=True)
    if START in words and not (work / START).exists():
        _write_start(Path(TRUNK.replace('$DATA', str(data))), work / START)


def _write_start(public: Path, out: Path) -> None:
    """Add an untrained last stage to a trunk whose batch norms are folded into convolutions."""
    tensors = {name: tensor.float() for name, tensor in load_file(public).items()
               if not name.startswith(('layer4.', 'fc.'))}
    generator = torch.Generator().manual_seed(0)
    for name, channels, size, gain in (
            ('0.conv1', 256, 3, 2.0), ('0.conv2', 512, 3, 0.5), ('0.downsample.0', 256, 1, 1.0),
            ('1.conv1', 512, 3, 2.0), ('1.conv2', 512, 3, 0.5)):
        # What a block adds is small beside what it passes on, as after training.
        tensors[f'layer4.{name}.weight'] = torch.randn(
            512, channels, size, size, generator=generator) * math.sqrt(
                gain / (channels * size * size))
        tensors[f'layer4.{name}.bias'] = torch.zeros(512)
    save_file(tensors, out)


def _outcome(run: Run, seed: int, folders: dict[str, str], *, again: bool) -> Outcome:
    """Return what came of a run before, or train."""
    words = [_replaced(word, folders) for word in run.command(seed)]
    folder = Path(words[-1].removeprefix('out='))
    record = folder / 'outcome.json'
    if again or not record.exists():
        if (folder / 'log.csv').exists():
            shutil.rmtree(folder)  # of an earlier run of this script
        record.write_text(json.dumps(_train(words, folder)), encoding='utf-8')
    told = json.loads(record.read_text(encoding='utf-8'))
    outcome = Outcome({int(step): recall for step, recall in told['recalls'].items()},
                      told['queries'], told['minutes'])
    print(f'{run.label}, seed {seed}:',
          *(f'{step}:{recall:.3f}' for step, recall in outcome.recalls.items()),
          f'{outcome.minutes:.1f} min', flush=True)
    return outcome


def _train(words: Sequence[str], folder: Path) -> dict[str, object]:
    """Train as the page says, and read the log."""
    began = time.monotonic()
    done = subprocess.run([*_program(), *words[1:]], stdout=subprocess.PIPE, text=True,
                          check=True)
    minutes = (time.monotonic() - began) / 60.0
    said = re.search(r'R@1 on (\d+) queries', done.stdout)
    if said is None:
        raise SystemExit(f'{folder.name} did not say how many queries there are: {done.stdout}')
    with open(folder / 'log.csv', newline='', encoding='utf-8') as file:
        recalls = {int(row['step']): float(row['value']) for row in csv.DictReader(file)
                   if row['name'] == 'held_out/recall_at_1'}
    return {'recalls': recalls, 'queries': int(said[1]), 'minutes': round(minutes, 2)}


def _program() -> list[str]:
    return [sys.executable, '-m', 'vpr_ros']


def _replaced(text: str, folders: dict[str, str]) -> str:
    for name, folder in folders.items():
        text = text.replace(name, folder)
    return text


def _page(outcomes: Mapping[Run, Sequence[Outcome]], seeds: Sequence[int]) -> str:
    header = ['run', 'steps', *(f'seed {seed}' for seed in seeds), 'gained', 'learns', 'queries',
              'minutes', 'what it is']
    rows = [header, ['---', *['--:'] * (len(header) - 2), '---'],
            *(row(run, found) for run, found in outcomes.items())]
    commands = [f'```\n{_shown(run.command(seeds[0]))}\n```' for run in outcomes]
    return '\n\n'.join([table(rows), NOTE, PREPARATION, *commands])


NOTE = """\
R@1 before the first and after the last step. *gained* is the mean of the seeds with its standard
error, *learns* says whether it is more than two of them. They are counted as if queries were
independent of each other, which they are not: an image of a webcam is a query several times, and
the held-out places are few. Settings were tried on these very places with the first seed, so its
numbers flatter. Minutes depend on the machine and on what else runs there."""

PREPARATION = """\
`python benchmarks/learning.py --out docs/training.md` makes this part. The runs need real
images and weights in `$DATA`; `python benchmarks/learning.py --prepare --data $DATA --work $WORK`
packs the towns and makes the start of the last stage that the public trunk lacks."""


def _shown(words: Sequence[str]) -> str:
    """Return a command as a person would type it."""
    lines = [' '.join(words[:3])]
    for word in (_quoted(word) for word in words[3:]):
        if len(lines[-1]) + len(word) > 92:
            lines.append(f'    {word}')
        else:
            lines[-1] += f' {word}'
    return ' \\\n'.join(lines)


def _quoted(word: str) -> str:
    return f'"{word}"' if re.search(r'[ ?*&{}\[\]]', word) else word


if __name__ == '__main__':
    main()
