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
Compare the embedded network with what can be had ready-made, in one table.

Example::

    python benchmarks/small_networks.py --data ../shared/data --out docs/compact.md

The folder of ``--data`` holds ``benchmark``, ``train`` and ``weights``. With ``--out``, the table
replaces what stands between the marks of the page; else it is printed. It takes about a quarter of
an hour on one core. ONNX is needed for CALC: ``pip install onnx onnxruntime``.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from importlib import resources
from itertools import islice
import json
import math
import os
from pathlib import Path
import statistics
import tempfile
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
import onnx
import onnxruntime
from pages import MarkedPart
from pages import table
import torch
from vpr_ros.datasets.registry import open_dataset
from vpr_ros.evaluation.intervals import block_bootstrap_interval
from vpr_ros.evaluation.metrics import rank
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.measure import measure_network
from vpr_ros.networks.projection import fit_projection
from vpr_ros.networks.projection import Projection
from vpr_ros.networks.projection import write_projection
from vpr_ros.networks.registry import create_network
from vpr_ros.networks.registry import register_network
from vpr_ros.networks.weights import write_weights
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.sources.registry import open_images
from vpr_ros.types import Frame

Array = NDArray[Any]

# Data set, reference, query.
PAIRS = (('gardens_point', 'day_left', 'day_right'), ('gardens_point', 'day_left', 'night_right'),
         ('gardens_point', 'day_right', 'night_right'), ('nordland_64x32', 'summer', 'winter'))
# What principal components are fitted to: no image of it is in a data set above.
TRAINING = {'AMOS': 'places:{}/train/amos_webcams', 'TILDE': 'places:{}/train/tilde_webcams',
            'SPED': 'pairs:{}/train/sped_thumb'}
DIMENSION = 512
BLOCK, RESAMPLES, SEED = 10, 2000, 0
TURNS = 40
BATCH = 16
# Maps store descriptors in float16.
BYTES_PER_NUMBER = 2

BELOW, ABOVE = '▼', '▲'


@dataclass(frozen=True)
class Candidate:
    """
    A network to compare.

    :param file: its weights as they are stored, where that is one file of its own.
    :param projected: it is also measured with its descriptors brought to DIMENSION.
    """

    label: str
    network: str
    options: Mapping[str, object] = field(default_factory=dict)
    file: Path | None = None
    projected: bool = False


@dataclass(frozen=True)
class Cost:
    """
    What one network gives and takes.

    :param dimension: numbers in a descriptor.
    :param weights: bytes of the file.
    :param flops: for one image, as is ``seconds``.
    """

    dimension: int
    weights: int
    flops: int
    seconds: float


def candidates(weights: Path, trained: Sequence[Path]) -> list[Candidate]:
    """
    Return what is compared; the embedded network comes first.

    :param trained: other weights of the embedded network, told apart by their folders.
    """
    register_network('resnet18', 'untrained:resnet18')
    register_network('mobilenet_v2', 'untrained:mobilenet_v2')
    embedded = Path(str(resources.files('vpr_ros') / 'weights' / 'compact.safetensors'))
    calc = weights / 'calc_model.onnx'
    return [
        Candidate('`compact`', 'compact', file=embedded),
        *(Candidate(f'`compact`, {path.parent.name}', 'compact', {'weights': str(path)}, file=path)
          for path in trained),
        Candidate('ResNet-18 layer3 4 x 4', 'resnet18', {'weights': str(
            weights / 'resnet18_imagenet_bnfolded_to_layer3.safetensors')}, projected=True),
        Candidate('MobileNetV2 block 13 4 x 4', 'mobilenet_v2', {'weights': str(
            weights / 'mobilenet_v2_imagenet_bnfolded.safetensors')}, projected=True),
        Candidate('CALC', 'hub', {
            'file': str(calc), 'height': 120, 'width': 160, 'grey': True, 'mean': [0, 0, 0],
            'std': [1, 1, 1]}, file=calc),
        Candidate('`thumbnail`', 'thumbnail')]


def main() -> None:
    """Measure all networks and write the table."""
    parser = argparse.ArgumentParser(description='The embedded network and what it has to beat.')
    parser.add_argument('--data', type=Path, metavar='FOLDER', help='real images and weights; '
                        'else $VPR_ROS_DATA, else ../shared/data',
                        default=Path(os.environ.get('VPR_ROS_DATA', '../shared/data')))
    parser.add_argument('--trained', type=Path, nargs='*', default=[], metavar='FILE',
                        help='other weights of compact, such as those of other seeds, named by '
                        'their folders')
    parser.add_argument('--out', '-o', type=Path, help='the page to write into')
    given = parser.parse_args()
    page = None if given.out is None else MarkedPart(given.out, 'table')
    torch.set_num_threads(1)
    networks = candidates(given.data / 'weights', given.trained)
    extractors = [_extractor(network) for network in networks]
    with tempfile.TemporaryDirectory() as folder:
        fitted, about = _fit(networks, extractors, given.data, Path(folder))
        rows, projections = _with_projected(networks, fitted, Path(folder))
        hits = _hits(extractors, projections, given.data / 'benchmark')
        costs = _costs(rows, Path(folder))
    text = '\n\n'.join([_table(rows, hits, costs), _note(hits), about])
    if page is None:
        print(text)
    else:
        page.write(text)


def _extractor(network: Candidate) -> Extractor:
    return make_extractor(ExtractionSettings(
        network=network.network, options=json.dumps(network.options), device='cpu', threads=1))


def _fit(networks: Sequence[Candidate], extractors: Sequence[Extractor], data: Path,
         folder: Path) -> tuple[dict[int, Projection], str]:
    """Fit a projection for each network that wants one; return them by number, and in words."""
    wanted = [number for number, network in enumerate(networks) if network.projected]
    sets = {name: open_images(spec.format(data)) for name, spec in TRAINING.items()}
    images = PlaceImages.joined(list(sets.values()))
    print(f'describing {len(images)} images for training', flush=True)
    described = _describe(_frames_of(images), [extractors[number] for number in wanted])
    fitted, shares = {}, []
    for number, descriptors in zip(wanted, described, strict=True):
        fitted[number] = fit_projection(descriptors, DIMENSION)
        write_projection(_file(folder, networks[number]), fitted[number],
                         extractors[number].identity, source=' and '.join(sets))
        shares.append(f'{networks[number].label} {fitted[number].explained_variance:.0%}')
    counts = ', '.join(f'{len(found)} of {name}' for name, found in sets.items())
    return fitted, (
        f'The principal components were fitted to {len(images)} images for training ({counts}), '
        f'without whitening. What they keep of the variance: {", ".join(shares)}.')


def _frames_of(images: PlaceImages) -> Iterator[Frame]:
    for example in range(len(images)):
        yield Frame(stamp_ns=example + 1, image=images.read(example)[0])


def _file(folder: Path, network: Candidate) -> Path:
    return folder / f'{network.network}.safetensors'


def _describe(frames: Iterable[Frame], extractors: Sequence[Extractor]) -> list[Array]:
    """Return descriptors (n, D) by each network; images are read once."""
    found: list[list[Array]] = [[] for _ in extractors]
    stream = iter(frames)
    while batch := list(islice(stream, BATCH)):
        for rows, extractor in zip(found, extractors, strict=True):
            rows += [described.descriptor for described in extractor.describe_batch(batch)]
    return [np.stack(rows) for rows in found]


def _with_projected(networks: Sequence[Candidate], fitted: Mapping[int, Projection],
                    folder: Path) -> tuple[list[Candidate], list[list[Projection | None]]]:
    """Return the rows of the table, and what is done to the descriptors of each network."""
    rows: list[Candidate] = []
    projections: list[list[Projection | None]] = []
    for number, network in enumerate(networks):
        rows.append(network)
        projections.append([None])
        if number in fitted:
            options = {**network.options, 'projection': str(_file(folder, network))}
            rows.append(replace(network, label=f'{network.label}, PCA', options=options))
            projections[-1].append(fitted[number])
    return rows, projections


def _hits(extractors: Sequence[Extractor], projections: Sequence[Sequence[Projection | None]],
          folder: Path) -> list[list[Array]]:
    """Return for each pair of traverses and each row which queries are right, as (Q,) bool."""
    described: dict[tuple[str, str], list[Array]] = {}
    hits = []
    for name, reference, query in PAIRS:
        dataset = open_dataset(name, folder)
        for traverse in (reference, query):
            if (name, traverse) not in described:
                print(f'describing {name} {traverse}', flush=True)
                found = _describe(dataset.traverse(traverse).frames(), extractors)
                described[name, traverse] = [
                    _projected(descriptors, projection) for descriptors, kinds in
                    zip(found, projections, strict=True) for projection in kinds]
        truth = dataset.ground_truth(reference, query)
        if truth is None:
            raise SystemExit(f'{dataset.root} knows no truth for {reference} -> {query}')
        counted = truth.has_match()
        right = []
        for references, queries in zip(described[name, reference], described[name, query],
                                       strict=True):
            best = rank(queries @ references.T, 1)[:, 0]
            right.append(truth.are_matches(np.arange(len(best)), best)[counted])
        hits.append(right)
    return hits


def _projected(descriptors: Array, projection: Projection | None) -> Array:
    """Return what a network with that projection gives, without running it again."""
    if projection is None:
        return descriptors
    with torch.inference_mode():
        return np.asarray(projection(torch.from_numpy(descriptors)).numpy())


def _costs(rows: Sequence[Candidate], folder: Path) -> list[Cost]:
    networks = [create_network(row.network, row.options) for row in rows]
    seconds = _in_turns([n.to(memory_format=torch.channels_last) for n in networks])
    return [Cost(network.dimension, _stored(row, network, folder), _flops(row), taken)
            for row, network, taken in zip(rows, networks, seconds, strict=True)]


def _stored(row: Candidate, network: PlaceNetwork, folder: Path) -> int:
    """Return the bytes of the file of weights: float16, and no more than the network needs."""
    if row.file is not None:
        return row.file.stat().st_size
    if not any(True for _ in network.parameters()):
        return 0
    path = folder / 'stored.safetensors'
    write_weights(path, network.state_dict(), {})
    return path.stat().st_size


def _flops(row: Candidate) -> int:
    if row.network == 'hub':
        return _convolution_flops(Path(str(row.options['file'])))
    return measure_network(row.network, row.options).flops


def _convolution_flops(path: Path) -> int:
    """Count 2 x multiply-adds of the convolutions of an ONNX model, by the maps of one image."""
    model = onnx.load(path)
    convolutions = [node for node in model.graph.node if node.op_type == 'Conv']
    names = [node.output[0] for node in convolutions]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = onnxruntime.InferenceSession(model.SerializeToString(),
                                           providers=['CPUExecutionProvider'])
    image, = session.get_inputs()
    maps = session.run(names, {image.name: np.zeros((1, *image.shape[1:]), np.float32)})
    kernels = {tensor.name: tensor.dims for tensor in model.graph.initializer}
    return sum(2 * found.size * math.prod(kernels[node.input[1]][1:])
               for node, found in zip(convolutions, maps, strict=True))


@torch.inference_mode()
def _in_turns(networks: Sequence[PlaceNetwork]) -> list[float]:
    """Return the median processor time of one image, in seconds, all measured by turns."""
    generator = torch.Generator().manual_seed(SEED)
    sizes = [network.preprocessing for network in networks]
    images = [torch.rand(1, 3, size.height, size.width, generator=generator)
              .to(memory_format=torch.channels_last) for size in sizes]
    times: list[list[float]] = [[] for _ in networks]
    for turn in range(TURNS + 1):
        for network, image, found in zip(networks, images, times, strict=True):
            began = time.process_time()
            network(image)
            if turn:  # the first one sets things up
                found.append(time.process_time() - began)
    return [statistics.median(found) for found in times]


def _table(rows: Sequence[Candidate], hits: Sequence[Sequence[Array]],
           costs: Sequence[Cost]) -> str:
    header = ['network', 'numbers', 'bytes', 'weights, MB', 'GFLOPs', 'ms', 'x compact',
              *(f'{reference} → {query}' for _, reference, query in PAIRS)]
    lines = [header, ['---', *['--:'] * 6, *['---'] * len(PAIRS)]]
    for number, (row, cost) in enumerate(zip(rows, costs, strict=True)):
        lines.append([
            row.label, str(cost.dimension), str(cost.dimension * BYTES_PER_NUMBER),
            _three_digits(cost.weights / 1e6), _three_digits(cost.flops / 1e9),
            _three_digits(cost.seconds * 1e3), _three_digits(cost.seconds / costs[0].seconds),
            *(_recall(of_pair[number], of_pair[0]) for of_pair in hits)])
    return table(lines)


def _recall(right: Array, embedded: Array) -> str:
    """Return R@1 with its interval, and a sign where it differs from that of compact."""
    interval = block_bootstrap_interval(right, BLOCK, RESAMPLES, SEED)
    difference = block_bootstrap_interval(right.astype(np.int64) - embedded, BLOCK, RESAMPLES,
                                          SEED)
    sign = '' if difference.contains(0.0) else f' {BELOW if difference.high < 0.0 else ABOVE}'
    return f'{right.mean():.3f} [{interval.low:.3f}, {interval.high:.3f}]{sign}'


def _three_digits(value: float) -> str:
    return f'{value:.0f}' if value >= 100 or value == 0 else f'{value:#.3g}'


def _note(hits: Sequence[Sequence[Array]]) -> str:
    queries = ', '.join(f'{len(of_pair[0])}' for of_pair in hits)
    return (f'R@1 with its interval of 95 % ({queries} queries). {BELOW}: below `compact`, '
            f'{ABOVE}: above it, where the interval of 95 % of the difference on the same queries '
            'leaves out zero; no sign: no difference was shown.')


if __name__ == '__main__':
    main()
