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
Measure recall on data sets with known truth, and print it with its protocol.

Example::

    python benchmarks/recall.py --data ../shared/data/benchmark/gardens_point \
        --networks compact,thumbnail

The networks are the package's, each with its options in braces where it needs some
(``"compact,gem{weights: imagenet}"``), and "imagenet": a MobileNetV2 that nobody trained for
places, with the weights that ``--imagenet`` names.

Where poses are known, the places of a map are chosen as "vpr_ros map build" chooses them: standing
still makes none. Elsewhere every image of the reference is a place.

Every pair of traverses is measured in the order reference -> query. "single image" ranks the
places by similarity to one image alone (query statistics: none); "over time" is the best answer
of the Localizer with its default settings, which has seen the earlier images of the run, verifies
candidates by the local features of the network (where it has some) and is calibrated as the
network ships. With --odometry it is told the odometry too, where the data set has some and knows
poses.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
import tempfile

import numpy as np
from vpr_ros.cli.options import split_networks
from vpr_ros.datasets.dataset import Dataset
from vpr_ros.datasets.registry import open_dataset
from vpr_ros.datasets.traverse import Traverse
from vpr_ros.evaluation.comparison.description_cache import Described
from vpr_ros.evaluation.comparison.description_cache import DescriptionCache
from vpr_ros.evaluation.comparison.over_time import localize_over_time
from vpr_ros.evaluation.comparison.similarity import find_similar
from vpr_ros.evaluation.metrics import recalls_at
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.keyframes import Keyframes
from vpr_ros.maps.settings import MapSettings
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.networks.registry import register_network
from vpr_ros.types import Place


def main() -> None:
    """Print one row per network and pair of traverses."""
    parser = argparse.ArgumentParser(description='Recall on data sets with known truth.')
    parser.add_argument('--data', action='append', required=True,
                        help='a data set with truth, or "town"; may be repeated')
    parser.add_argument('--networks', default='compact,thumbnail', metavar='A,B{options}')
    parser.add_argument('--imagenet', default='', metavar='FILE',
                        help='MobileNetV2 weights, batch norm folded, as safetensors')
    parser.add_argument('--odometry', action='store_true', help='use it where there is some')
    parser.add_argument('--pairs', default='', help='only these, as reference:query,...')
    given = parser.parse_args()
    networks = split_networks(given.networks)
    labels = [name + options for name, options in networks]
    width = max(12, *(len(label) + 2 for label in labels))
    print(f'{"network":<{width}}{"reference -> query":<36}{"R@1":>7}{"R@5":>7}{"R@10":>7}'
          f'{"over time R@1":>15}{"known":>8}{"right":>8}{"queries":>9}  truth')
    settings = [_network(name, options, given.imagenet) for name, options in networks]
    extractors = [make_extractor(each) for each in settings]
    with tempfile.TemporaryDirectory() as folder:
        cache = DescriptionCache(Path(folder))
        for data in given.data:
            dataset = open_dataset(data)
            pairs = [tuple(p.split(':')) for p in given.pairs.split(',') if p] or list(
                combinations(dataset.traverses(), 2))
            traverses = {name: dataset.traverse(name) for name in {*sum(pairs, ())}}
            for reference, query in pairs:
                for label, extractor, setting in zip(labels, extractors, settings, strict=True):
                    print(f'{label:<{width}}', end='', flush=True)
                    _measure(dataset, extractor, reference, query, [
                        cache.describe(extractor, setting, traverses[name])
                        for name in (reference, query)], odometry=given.odometry)


def _network(name: str, options: str, imagenet: str) -> ExtractionSettings:
    if name != 'imagenet':
        return ExtractionSettings(network=name, options=options)
    if not imagenet:
        raise SystemExit('the network "imagenet" needs --imagenet FILE')
    register_network(name, 'untrained:mobilenet_v2')
    return ExtractionSettings(network=name, options=f'{{weights: {imagenet!r}}}')


def _measure(dataset: Dataset, extractor: Extractor, reference: str, query: str,
             described: Sequence[Described], *, odometry: bool) -> None:
    truth = dataset.ground_truth(reference, query)
    if truth is None:
        raise SystemExit(f'{dataset.root} knows no truth for {reference} -> {query}')
    mapping, asking = described
    places = _places(mapping.traverse)
    among = truth.select(np.arange(truth.n_queries), places)
    similar = find_similar(mapping.descriptors[places], asking.descriptors, 10)
    single = recalls_at(similar.matches.references, among, (1, 5, 10))
    said = localize_over_time(extractor, mapping, asking, places=places, odometry=odometry,
                              settings=MatchingSettings()).matches
    right, known = truth.are_matches(np.arange(len(said)), said.best), said.known
    precision = f'{right[known].mean():.3f}' if known.any() else '-'
    print(f'{f"{reference} -> {query}":<36}'
          + ''.join(f'{r.value:>7.3f}' for r in single)
          + f'{right[among.has_match()].mean():>15.3f}{known.mean():>8.3f}{precision:>8}'
          f'{single[0].queries:>9}  {truth.protocol}; query statistics none', flush=True)


def _places(traverse: Traverse) -> list[int]:
    """Return which frames become places of a map."""
    poses = traverse.poses or ()
    if not poses or any(pose is None for pose in poses):
        return list(range(len(traverse)))
    keyframes = Keyframes(MapSettings())
    return [i for i, pose in enumerate(poses) if keyframes.take(
        Place(i + 1, int(traverse.stamps_ns[i]), traverse.session, pose))]


if __name__ == '__main__':
    main()
