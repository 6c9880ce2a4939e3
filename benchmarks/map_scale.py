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
Measure how maps grow: indexes of 10,000 to a million places, and how fast places are appended.

Example::

    python benchmarks/map_scale.py --data ../shared/data/benchmark --page docs/scale.md
    python benchmarks/map_scale.py --sizes 10000 --kinds auto

The places are made: scenes around descriptors that the network "compact" gives real images, with
noise that has their covariance, some forty places to a scene; queries are places moved so far that
their cosine with them is that of a revisit at another hour. They are stored in a real map, which
is opened twice in a cache of its own. Every query is asked of the index and of exact search in
float32 in turns, so that whatever else the machine does weighs on both.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
import os
from pathlib import Path
import shutil
import tempfile
import time

import faiss
import numpy as np
from numpy.typing import NDArray
from pages import MarkedPart
from pages import table
from vpr_ros.datasets.registry import open_dataset
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.index.approximate_search import ApproximateSearch
from vpr_ros.maps.index.flat_index import FlatIndex
from vpr_ros.maps.index.live_index import LiveIndex
from vpr_ros.maps.index.opening import open_index
from vpr_ros.maps.place_map import NewPlace
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import IndexSettings
from vpr_ros.networks.identity import NetworkIdentity
from vpr_ros.networks.identity import Preprocessing
from vpr_ros.types import View

KINDS = 'auto,fp16,int8,ivf,hnsw'
# A graph of a million views takes most of an hour.
SLOW, SLOW_UP_TO = ('hnsw',), 100_000
QUERIES = 200
SCENE = 40
# Spread of scenes around real images, of places around scenes, and of queries around places: the
# last such that a query and its place have a cosine of about 0.65.
SPREADS = 0.7, 0.55, 1.4
ROWS_AT_ONCE = 4000
GROUPS = (1, 4, 16, 64, 256, 1024)
ENOUGH_PLACES_PER_S = 2000
THUMBNAIL_BYTES = 8000


class Streets:
    """Descriptors like real ones, as many as are asked for."""

    def __init__(self, real: NDArray[np.float32]) -> None:
        values, vectors = np.linalg.eigh(np.cov(real.T))
        self._real = real
        self._root = (vectors * np.sqrt(np.maximum(values, 0.0))).T.astype(np.float32)
        self._rng = np.random.default_rng(0)

    def places(self, count: int) -> Iterator[NDArray[np.float32]]:
        """Yield so many descriptors, some (n, D) at a time."""
        for at in range(0, count, ROWS_AT_ONCE):
            rows = min(ROWS_AT_ONCE, count - at)
            scenes = -(-rows // SCENE)
            middles = self._real[self._rng.integers(0, len(self._real), scenes)]
            middles = middles + SPREADS[0] * self._noise(scenes)
            yield normalised(np.repeat(middles, SCENE, axis=0)[:rows]
                             + SPREADS[1] * self._noise(rows))

    def queries(self, places: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how n places (n, D) look at another hour."""
        return normalised(places + SPREADS[2] * self._noise(len(places)))

    def _noise(self, count: int) -> NDArray[np.float32]:
        return self._rng.standard_normal((count, len(self._root)), np.float32) @ self._root


def normalised(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors (n, D) of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@dataclass(frozen=True)
class Measured:
    """One row of the table; a search through all in float32 has no build."""

    places: int
    kind: str
    chosen: str
    build_s: float
    open_s: float
    bytes_per_place: float
    of_float32: float
    ms: float
    faster: float
    recall_1: float
    recall_20: float
    told: str


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n\n')[0])
    parser.add_argument('--data', default='', help='a folder of data sets, or one of them; the '
                        'town where it is left out')
    parser.add_argument('--sizes', default='10000,100000,1000000', help='numbers of places')
    parser.add_argument('--kinds', default=KINDS, help='kinds of index')
    parser.add_argument('--page', default='', help='the page to write the tables into')
    parser.add_argument('--folder', default='', help='where maps are made; some 3 GB per million '
                        'places')
    given = parser.parse_args()
    part = MarkedPart(Path(given.page), 'map_scale') if given.page else None
    streets = Streets(_describe(given.data))
    with tempfile.TemporaryDirectory(dir=given.folder or None) as folder:
        os.environ['XDG_CACHE_HOME'] = str(Path(folder) / 'cache')
        rows = [row for size in given.sizes.split(',')
                for row in _measure(int(size), given.kinds.split(','), streets, Path(folder))]
        appended = _appended(streets, Path(folder))
    text = '\n\n'.join([_about(), _growth(rows), _append_table(appended)])
    if part is None:
        print(text)
    else:
        part.write(text)


def _describe(data: str) -> NDArray[np.float32]:
    """Return descriptors of real images, at most some hundreds of each traverse."""
    folders = ['town']
    if data:
        folders = [data]
        try:
            open_dataset(data)
        except Exception:
            folders = sorted(str(path) for path in Path(data).iterdir() if path.is_dir())
    extractor = make_extractor(ExtractionSettings(network='compact'))
    found = []
    for folder in folders:
        dataset = open_dataset(folder)
        for name in dataset.traverses():
            traverse = dataset.traverse(name)
            extractor.restart()
            frames = (frame for n, frame in enumerate(traverse.frames()) if n < 300)
            found += [d.descriptor for _, d in extractor.describe_all(frames)]
    print(f'{len(found)} descriptors of real images of {", ".join(folders)}', flush=True)
    return np.stack(found)


def _identity(dimension: int) -> NetworkIdentity:
    return NetworkIdentity('compact', 'benchmark', dimension, Preprocessing(240, 320))


def _measure(size: int, kinds: list[str], streets: Streets, folder: Path) -> Iterator[Measured]:
    path = folder / f'{size}.vprmap'
    dimension = next(streets.places(1)).shape[1]
    with PlaceMap.create(path, _identity(dimension)) as place_map:
        place_map.add_session('drive', source='made')
        for at, block in enumerate(streets.places(size)):
            place_map.append('drive', _places(block, at * ROWS_AT_ONCE))
    with PlaceMap.open(path) as place_map:
        snapshot = place_map.snapshot()
    flat = FlatIndex(snapshot)
    rows = np.random.default_rng(1).integers(0, size, QUERIES)
    queries = streets.queries(snapshot.descriptors[rows])
    cosines = (queries * snapshot.descriptors[rows]).sum(axis=1)
    print(f'{size} places; queries and their places have a cosine of {np.median(cosines):.2f}',
          flush=True)
    truth = [flat.search(query, 20).place_ids for query in queries]
    del snapshot
    for kind in kinds:
        if kind in SLOW and size > SLOW_UP_TO:
            continue
        row = _measure_kind(path, size, dimension, kind, flat, queries, truth)
        print(row, flush=True)
        yield row
    path.unlink()
    shutil.rmtree(folder / 'cache')


def _measure_kind(path: Path, size: int, dimension: int, kind: str, flat: FlatIndex,
                  queries: NDArray[np.float32], truth: list[NDArray[np.int64]]) -> Measured:
    settings = IndexSettings.model_validate(
        {'kind': kind, 'device': 'cpu', 'threads': os.cpu_count() or 1})
    began = time.perf_counter()
    _, index = open_index(path, settings)
    index.wait()
    build_s = time.perf_counter() - began
    index.close()
    began = time.perf_counter()
    snapshot, index = open_index(path, settings)
    open_s = time.perf_counter() - began
    with index:
        ms, flat_ms, found = _in_turns(index, flat, queries)
        size_bytes, chosen, told = _kept(path, index, size, dimension,
                                         mapped=snapshot.descriptors.dtype == np.float16)
    hits_1 = np.mean([f[0] == t[0] for f, t in zip(found, truth, strict=True)])
    hits_20 = np.mean([len(np.intersect1d(f, t)) / len(t)
                       for f, t in zip(found, truth, strict=True)])
    return Measured(size, kind, chosen, build_s, open_s, size_bytes / size,
                    size_bytes / size / (4 * dimension), ms, flat_ms / ms, float(hits_1),
                    float(hits_20), told)


def _in_turns(index: LiveIndex, flat: FlatIndex,
              queries: NDArray[np.float32]) -> tuple[float, float, list[NDArray[np.int64]]]:
    """Return the median milliseconds of both, and what the index found."""
    times, found = [], []
    for query in queries:
        began = time.perf_counter()
        flat.search(query, 20)
        between = time.perf_counter()
        found.append(index.search(query, 20).place_ids)
        times.append((between - began, time.perf_counter() - between))
    flat_ms, ms = np.median(times, axis=0) * 1e3
    return float(ms), float(flat_ms), found


def _kept(path: Path, index: LiveIndex, size: int, dimension: int, *,
          mapped: bool) -> tuple[int, str, str]:
    """Return the bytes of what is searched, what it is, and what it was tuned to."""
    search = index.serving
    if not isinstance(search, ApproximateSearch):
        return (2 if mapped else 4) * size * dimension, 'float16' if mapped else 'float32', ''
    tuning = search.tuning
    kind = {'IndexIVFPQFastScan': 'pq', 'IndexIVFScalarQuantizer': 'ivf', 'IndexHNSWSQ': 'hnsw',
            'IndexScalarQuantizer': 'int8'}[type(search.index).__name__]
    # (A map has one state here, and so one file of a kind.)
    written, = (path.parent / 'cache').rglob(f'{kind}-*.faiss')
    return written.stat().st_size, kind, (
        f'{tuning.effort} / {tuning.reranked}, {tuning.recall_1:.3f} / {tuning.recall_20:.3f}')


def _places(block: NDArray[np.float32], first: int, thumbnail: bytes = b'') -> list[NewPlace]:
    return [NewPlace((first + n) * 100_000_000, (View('front', descriptor, thumbnail),))
            for n, descriptor in enumerate(block)]


def _appended(streets: Streets, folder: Path) -> list[tuple[int, float, float]]:
    """Return places per second by size of group, without and with thumbnails."""
    blocks = np.concatenate(list(streets.places(8 * ROWS_AT_ONCE)))
    rows = []
    for group in GROUPS:
        count = min(len(blocks), max(200, 30 * group))
        speeds = [_append_speed(folder / f'append{group}.vprmap',
                                _places(blocks[:count], 0, thumbnail), group)
                  for thumbnail in (b'', os.urandom(THUMBNAIL_BYTES))]
        rows.append((group, *speeds))
        print(f'groups of {group}: {speeds[0]:.0f} and {speeds[1]:.0f} places/s', flush=True)
    return rows


def _append_speed(path: Path, places: list[NewPlace], group: int) -> float:
    with PlaceMap.create(path, _identity(len(places[0].views[0].descriptor))) as place_map:
        place_map.add_session('drive', source='made')
        began = time.perf_counter()
        for at in range(0, len(places), group):
            place_map.append('drive', places[at:at + group])
        elapsed_s = time.perf_counter() - began
    path.unlink()
    return len(places) / elapsed_s


def _about() -> str:
    return (f'Measured with FAISS {faiss.__version__} on {os.cpu_count()} cores, '
            f'{QUERIES} queries for each row.')


def _growth(rows: list[Measured]) -> str:
    """Return the table of indexes."""
    cells: list[list[str]] = [
        ['places', '`index.kind`', 'searched by', 'first s', 'again s', 'share', 'bytes a place',
         'of float32', 'ms', 'x faster', 'recall@1', 'recall@20',
         'effort / compared, recall@1 / @20 when made'],
        ['--:', ':--', ':--', *['--:'] * 9, ':--']]
    for r in rows:
        cells.append([
            f'{r.places:,}', r.kind, r.chosen, f'{r.build_s:.1f}', f'{r.open_s:.2f}',
            f'{r.open_s / r.build_s:.1%}' if r.told else '-',
            f'{r.bytes_per_place:.0f}', f'{r.of_float32:.3f}',
            f'{r.ms:.2f}', f'{r.faster:.1f}', f'{r.recall_1:.3f}', f'{r.recall_20:.3f}', r.told])
    return table(cells)


def _append_table(rows: list[tuple[int, float, float]]) -> str:
    """Return the table of appending, and which group is enough."""
    cells = [['places per commit', 'places/s', f'with thumbnails of {THUMBNAIL_BYTES} bytes'],
             ['--:', '--:', '--:'],
             *([str(group), f'{bare:,.0f}', f'{pictured:,.0f}'] for group, bare, pictured in rows)]

    def enough(column: Callable[[tuple[int, float, float]], float]) -> str:
        groups = [row[0] for row in rows if column(row) >= ENOUGH_PLACES_PER_S]
        return f'groups of {groups[0]}' if groups else 'no group that was tried'

    return (f'{table(cells)}\n\nFor {ENOUGH_PLACES_PER_S:,} places per second it takes '
            f'{enough(lambda row: row[1])}; with thumbnails, {enough(lambda row: row[2])}.')


if __name__ == '__main__':
    main()
