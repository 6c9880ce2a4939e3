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
from dataclasses import dataclass
from dataclasses import replace
from itertools import combinations
from itertools import islice
from pathlib import Path
import tempfile

import numpy as np
from vpr_ros.cli.options import split_networks
from vpr_ros.datasets.dataset import Dataset
from vpr_ros.datasets.ground_truth import GroundTruth
from vpr_ros.datasets.registry import open_dataset
from vpr_ros.evaluation.metrics import rank
from vpr_ros.evaluation.metrics import recalls_at
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.feature_store import FeatureStore
from vpr_ros.maps.keyframes import select_keyframes
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.matching.localizer import Localizer
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.shipped import shipped_calibration
from vpr_ros.networks.registry import register_network
from vpr_ros.types import Camera
from vpr_ros.types import Description
from vpr_ros.types import Frame
from vpr_ros.types import Pose
from vpr_ros.types import View


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
    for folder in given.data:
        dataset = open_dataset(folder)
        names = dataset.traverses()
        pairs = [tuple(p.split(':')) for p in given.pairs.split(',') if p] or list(
            combinations(names, 2))
        extractors = [make_extractor(_network(name, options, given.imagenet))
                      for name, options in networks]
        described: dict[str, _Described] = {}
        for reference, query in pairs:
            for name in {reference, query} - set(described):
                described[name] = _describe(dataset, name, extractors)
            for number, extractor in enumerate(extractors):
                print(f'{labels[number]:<{width}}', end='')
                _measure(dataset, extractor, number, reference, query, described,
                         odometry=given.odometry)


def _network(name: str, options: str, imagenet: str) -> ExtractionSettings:
    if name != 'imagenet':
        return ExtractionSettings(network=name, options=options)
    if not imagenet:
        raise SystemExit('the network "imagenet" needs --imagenet FILE')
    register_network(name, 'untrained:mobilenet_v2')
    return ExtractionSettings(network=name, options=f'{{weights: {imagenet!r}}}')


@dataclass(frozen=True)
class _Described:
    """
    A traverse as networks see it.

    :param by_network: one description of each frame for each network.
    :param places: which of the frames become places of a map.
    """

    by_network: list[list[Description]]
    poses: list[Pose | None]
    odometry: list[Pose | None]
    places: list[int]
    camera: Camera | None


def _describe(dataset: Dataset, name: str, extractors: list[Extractor]) -> _Described:
    """Describe a traverse with each network; its images are read, or drawn, once."""
    found: list[list[Description]] = [[] for _ in extractors]
    kept: list[Frame] = []
    frames = dataset.traverse(name).frames()
    for extractor in extractors:
        extractor.restart()
    while batch := list(islice(frames, 16)):
        for descriptions, extractor in zip(found, extractors, strict=True):
            descriptions += extractor.describe_batch(batch)
        kept += [replace(frame, image=frame.image[:1, :1].copy()) for frame in batch]
    poses = [frame.T_map_base for frame in kept]
    places = list(range(len(kept)))
    if all(pose is not None for pose in poses):
        chosen = {frame.stamp_ns for frame in select_keyframes(kept, MapSettings())}
        places = [i for i, frame in enumerate(kept) if frame.stamp_ns in chosen]
    return _Described(found, poses, [frame.T_odom_base for frame in kept], places,
                      kept[0].calibration)


def _measure(dataset: Dataset, extractor: Extractor, number: int, reference: str, query: str,
             described: dict[str, _Described], *, odometry: bool) -> None:
    truth = dataset.ground_truth(reference, query)
    if truth is None:
        raise SystemExit(f'{dataset.root} knows no truth for {reference} -> {query}')
    mapping, asked = described[reference], described[query].by_network[number]
    truth = truth.select(np.arange(truth.n_queries), mapping.places)
    mapped = []
    for i in mapping.places:
        d = mapping.by_network[number][i]
        view = View(d.camera, d.descriptor, local_features=d.local_features)
        mapped.append(NewPlace(d.stamp_ns, (view,), mapping.poses[i]))
    references = np.stack([place.views[0].descriptor for place in mapped])
    queries = np.stack([d.descriptor for d in asked])
    single = recalls_at(rank(queries @ references.T, 10), truth, (1, 5, 10))
    driven = described[query].odometry if odometry else [None] * len(asked)
    best, known = _localize(extractor, mapped, asked, driven,
                            (mapping.camera, described[query].camera))
    right = truth.are_matches(np.arange(len(best)), best)
    counted = truth.has_match()
    precision = f'{right[known].mean():.3f}' if known.any() else '-'
    print(f'{f"{reference} -> {query}":<36}'
          + ''.join(f'{r.value:>7.3f}' for r in single)
          + f'{right[counted].mean():>15.3f}{known.mean():>8.3f}{precision:>8}'
          f'{single[0].queries:>9}  {_protocol(truth)}', flush=True)


def _protocol(truth: GroundTruth) -> str:
    return f'{truth.protocol}; query statistics none'


def _localize(extractor: Extractor, references: list[NewPlace],
              queries: list[Description],
              odometry: Sequence[Pose | None],
              cameras: tuple[Camera | None, Camera | None]) -> tuple[np.ndarray, np.ndarray]:
    """Return the reference index of the best answer and the decision for each query."""
    mapping, asking = cameras
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'map.vprmap'
        with PlaceMap.create(path, extractor.identity) as place_map:
            place_map.add_session('reference', source='benchmark')
            if mapping is not None:
                place_map.calibrate('reference', mapping)
            if extractor.local_kind:
                place_map.set_local_kind(extractor.local_kind)
            place_map.append('reference', references)
            snapshot = place_map.snapshot()
        with FeatureStore(path) as sights:
            localizer = Localizer(
                snapshot, extractor, MatchingSettings(), sights=sights,
                calibration=shipped_calibration(snapshot.network, extractor.local_kind))
            answers = [localizer.match(
                description, T_odom_base=pose,
                calibrations={} if asking is None else {description.camera: asking})
                for description, pose in zip(queries, odometry, strict=True)]
    ids = np.array([a.candidates[0].place_id for a in answers], np.int64)
    return snapshot.rows_of(ids), np.array([a.known for a in answers])


if __name__ == '__main__':
    main()
