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
Measure every network that can run on one machine on every real data set that lies there.

Example::

    python benchmarks/learning.py --data ../shared/data --work learning --seeds 0
    python benchmarks/results.py --data ../shared/data --work learning --out docs/results.md

The first command trains the networks of the papers for some minutes each, as docs/training.md
says; without ``--work`` they are left out. The second replaces what stands between the marks of
the page; what was measured before is not measured again. ``--report`` is the folder of the page
with pictures and of all results. ONNX is needed for CALC: ``pip install onnxruntime``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
import json
import os
from pathlib import Path
import shlex
import sys
import time

from pages import MarkedPart
from pages import table
from vpr_ros import __version__
from vpr_ros.evaluation.comparison.comparison import Comparison
from vpr_ros.evaluation.comparison.description_cache import default_cache_folder
from vpr_ros.evaluation.comparison.description_cache import DescriptionCache
from vpr_ros.evaluation.comparison.description_cache import Told
from vpr_ros.evaluation.comparison.report import write_comparison_report
from vpr_ros.evaluation.comparison.result import METHODS
from vpr_ros.evaluation.comparison.result import PairResult
from vpr_ros.evaluation.comparison.result import QUERY_STATISTICS
from vpr_ros.evaluation.comparison.run import Case
from vpr_ros.evaluation.comparison.run import evaluate_network
from vpr_ros.evaluation.comparison.run import Ways
from vpr_ros.evaluation.comparison.systems import NetworkSystem
from vpr_ros.evaluation.comparison.table_markdown import results_markdown
from vpr_ros.evaluation.protocols.opening import open_pair
from vpr_ros.evaluation.protocols.protocol import read_protocol
from vpr_ros.evaluation.run import Provenance
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.networks.identity import SOURCE_OPTIONS
from vpr_ros.networks.registry import register_network
from vpr_ros.training.recipe import read_recipe
from vpr_ros.training.recipe import recipe_options

DATA_SETS = ('gardens_point_day_day', 'gardens_point_day_night', 'gardens_point_night_right',
             'nordland_64x32', 'nordland_64x32_10', 'nordland_hd', 'corridor')
MEASURES = ('recall@1', 'recall@5', 'recall@10', 'auc', 'auc_ratio', 'recall_at_99_precision',
            'localization_rate', 'known_precision', 'calibration_error')
# What benchmarks/learning.py leaves in its folder: label here -> run there.
LEARNT = {
    'context_attention, minutes': 'context_attention_0',
    'context_attention by pairs, minutes': 'multi_similarity_0',
    'saane, minutes': 'saane_0',
    'semantic_mask, minutes': 'semantic_mask_0',
    'attention_vlad, minutes': 'attention_vlad_0',
    'spatiotemporal, minutes': 'spatiotemporal_0',
}


def main() -> None:
    """Measure, and write the tables into the page."""
    parser = argparse.ArgumentParser(description='All networks on all real data that is there.')
    parser.add_argument('--data', type=Path, metavar='FOLDER', help='real images and weights; '
                        'else $VPR_ROS_DATA, else ../shared/data',
                        default=Path(os.environ.get('VPR_ROS_DATA', '../shared/data')))
    parser.add_argument('--work', type=Path, metavar='FOLDER',
                        help='of benchmarks/learning.py, with the networks that it trained')
    parser.add_argument('--protocols', default=','.join(DATA_SETS), metavar='A,B')
    parser.add_argument('--report', type=Path, default=Path('results'), metavar='FOLDER',
                        help='for all results and the page with pictures')
    parser.add_argument('--cache', type=Path, metavar='FOLDER',
                        help='of descriptions; else that of the user')
    parser.add_argument('--out', '-o', type=Path, help='the page to write into')
    given = parser.parse_args()
    page = None if given.out is None else MarkedPart(given.out, 'results')
    protocols = [read_protocol(name).model_copy(update={'measures': MEASURES})
                 for name in given.protocols.split(',')]
    cases = [Case(protocol, open_pair(pair, [given.data], protocol=protocol))
             for protocol in protocols for pair in protocol.pairs]
    cache = DescriptionCache(given.cache or default_cache_folder())
    # All of them before the hours of work: what is not there is told at once.
    compared = list(systems(given.data / 'weights', given.work))
    results: list[PairResult] = []
    for system in compared:
        results += evaluate_network(
            system, cases, Ways(statistics=QUERY_STATISTICS, over_time=True),
            out=given.report, cache=cache, watcher=_Log())
    truths = {case.opened.digest: case.opened.truth for case in cases}
    write_comparison_report(given.report, results, protocols, Provenance(
        command=shlex.join(['python', *sys.argv]), version=__version__, seed=0,
        created=time.strftime('%Y-%m-%d'), query_statistics=', '.join(QUERY_STATISTICS)),
        truths=truths)
    paired = Comparison(given.report, tuple(results), tuple(protocols), truths=truths).paired
    tables = results_markdown(results, protocols, level=3, paired=paired)
    text = f'{_overview(results)}\n\n{tables}'
    if page is None:
        print(text)
    else:
        page.write(text)


def _overview(results: Sequence[PairResult]) -> str:
    """Return R@1 of all networks on all pairs in one table."""
    pairs = list(dict.fromkeys((result.protocol, result.pair) for result in results))
    found = {(r.label, r.protocol, r.pair, str(r.method)): r.numbers['recall@1'].value
             for r in results if r.statistics == 'none'}

    def cell(label: str, protocol: str, pair: str) -> str:
        values = [found.get((label, protocol, pair, method)) for method in METHODS[:2]]
        return ' → '.join('–' if value is None else f'{value:.3f}' for value in values)

    labels = dict.fromkeys(result.label for result in results)
    return '\n\n'.join([
        '### In short', table([
            ['network', *(f'`{protocol}`' for protocol, _ in pairs)],
            ['---', *['---'] * len(pairs)],
            *([label, *(cell(label, *pair) for pair in pairs)] for label in labels)]),
        'R@1 of one image alone → of the localizer over time. Query statistics: none. Protocols, '
        'hashes, counts and intervals stand below.'])


def systems(weights: Path, learnt: Path | None) -> Iterator[NetworkSystem]:
    """
    Yield all that can run here; the embedded network comes first.

    :param weights: folder of public weights.
    :param learnt: folder of what was trained for minutes, None for none.
    """
    register_network('resnet18', 'untrained:resnet18')
    register_network('mobilenet_v2', 'untrained:mobilenet_v2')
    resnet = str(weights / 'resnet18_imagenet_bnfolded_to_layer3.safetensors')
    yield _system('compact', 'compact')
    yield _system('thumbnail', 'thumbnail')
    yield _system('ResNet-18 4 x 4', 'resnet18', {'weights': resnet})
    yield _system('MobileNetV2 4 x 4', 'mobilenet_v2', {
        'weights': str(weights / 'mobilenet_v2_imagenet_bnfolded.safetensors')})
    yield _system('GeM of ResNet-18', 'gem', {
        'trunk': 'resnet18', 'layer': 'layer3', 'weights': resnet})
    yield _system('CALC', 'hub', {
        'file': str(weights / 'calc_model.onnx'), 'height': 120, 'width': 160, 'grey': True,
        'mean': [0, 0, 0], 'std': [1, 1, 1]})
    if learnt is None:
        return
    for label, run in LEARNT.items():
        folder = learnt / run
        recipe = read_recipe(str(folder / 'recipe.yaml'))
        options = {name: value for name, value in recipe_options(recipe.options).items()
                   if name not in SOURCE_OPTIONS}
        yield _system(label, recipe.network,
                      {**options, 'weights': str(folder / 'weights.safetensors')})


def _system(label: str, network: str, options: dict[str, object] | None = None) -> NetworkSystem:
    return NetworkSystem(label, ExtractionSettings(
        network=network, options=json.dumps(options) if options else ''))


class _Log:
    """Prints what goes on, a line for each thing."""

    @contextmanager
    def doing(self, what: str) -> Iterator[Told]:
        """Say how long it took."""
        began = time.monotonic()
        yield lambda *_: None
        print(f'{what}: {time.monotonic() - began:.0f} s', flush=True)

    def measured(self, result: PairResult, *, before: bool) -> None:
        """Say what came out."""
        recall = result.numbers.get('recall@1')
        print(f'{result.label}, {result.pair}, {result.method}, {result.statistics}: R@1 '
              + (f'{recall.value:.3f}' if recall else '-') + (' (before)' if before else ''),
              flush=True)


if __name__ == '__main__':
    main()
