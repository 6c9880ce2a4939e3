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

"""Maps and queries whose right answer is known."""

import numpy as np
import pytest
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.poses import Poses
from vpr_ros.maps.snapshot import Snapshot
from vpr_ros.matching.localizer import Localizer
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.types import Description
from vpr_ros.types import LocalFeatures
from vpr_ros.types import Pose

DIMENSION = 64
SECOND = 10 ** 9


def random_directions(rng, n):
    vectors = rng.standard_normal((n, DIMENSION))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class World:
    """A map of random places, and noisy looks at them."""

    def __init__(self, extractor, *, lengths=(200,), cameras=('front',), posed=True, seed=0):
        self.rng = np.random.default_rng(seed)
        self.extractor = extractor
        self._noises = {}  # of a run, at each place
        n, c = sum(lengths), len(cameras)
        session_of = np.repeat(np.arange(len(lengths)), lengths)
        stamps = np.array([k for length in lengths for k in range(length)], np.int64) * SECOND
        # Ten metres between places, fifty between sessions: only a place itself is near it.
        poses = [Pose.from_xy_yaw(10.0 * s / SECOND, 50.0 * k, 0.0)
                 for s, k in zip(stamps, session_of, strict=True)]
        self.snapshot = Snapshot(
            map_id='world', revision=7, network=extractor.identity,
            sessions=tuple(f's{k}' for k in range(len(lengths))),
            cameras=cameras, place_ids=self.rng.permutation(n).astype(np.int64) * 3 + 2 ** 40,
            stamps_ns=stamps, session_of=session_of.astype(np.int64),
            poses=Poses.of(poses if posed else [None] * n),
            view_rows=np.repeat(np.arange(n), c), view_cameras=np.tile(np.arange(c), n),
            descriptors=random_directions(self.rng, n * c))

    def localizer(self, **settings):
        return Localizer(self.snapshot, self.extractor, MatchingSettings(**settings))

    def look(self, row, stamp_ns, *, noise=0.0, camera=0):
        """Describe what is seen at a place; ``noise`` is relative to the descriptor."""
        view = row * len(self.snapshot.cameras) + camera
        descriptor = self.snapshot.descriptors[view] + noise * random_directions(self.rng, 1)[0]
        return Description(stamp_ns, descriptor / np.linalg.norm(descriptor))

    def look_from(self, place, stamp_ns, *, noise=0.0):
        """Describe what is seen between places of one session: it fades from one to the next."""
        low = int(place)
        part = place - low
        rows = [low, min(low + 1, len(self.snapshot) - 1)]
        for row in rows:
            if (row, noise) not in self._noises:
                self._noises[row, noise] = noise * random_directions(self.rng, 1)[0]
        clear = self.snapshot.descriptors[np.array(rows) * len(self.snapshot.cameras)]
        seen = clear + np.stack([self._noises[row, noise] for row in rows])
        descriptor = (1.0 - part) * seen[0] + part * seen[1]
        return Description(stamp_ns, descriptor / np.linalg.norm(descriptor))

    def look_elsewhere(self, stamp_ns):
        """Describe something that is nowhere in the map."""
        return Description(stamp_ns, random_directions(self.rng, 1)[0])

    def row(self, localization):
        """Return the row of the best candidate."""
        return self.row_of(localization.candidates[0])

    def row_of(self, candidate):
        """Return the row of a candidate."""
        return int(np.flatnonzero(self.snapshot.place_ids == candidate.place_id)[0])


class Sights:
    """What cameras saw of the places of a world, point by point; no two places share a point."""

    def __init__(self, world, *, count=40, calibrations=None):
        self._rng = np.random.default_rng(11)
        self._points = {
            (row, camera): (self._rng.uniform(0, (640, 480), (count, 2)),
                            random_directions(self._rng, count))
            for row in range(len(world.snapshot)) for camera in world.snapshot.cameras}
        self._row_of = {int(place): row for row, place in enumerate(world.snapshot.place_ids)}
        self._calibrations = calibrations or {}
        self.asked = []

    def features(self, place_id, camera):
        row = self._row_of[place_id]
        self.asked.append(row)
        return self.seen(row, camera, share=1.0) if (row, camera) in self._points else None

    def calibration(self, session, camera):
        return self._calibrations.get((session, camera))

    def seen(self, row, camera='front', *, share=0.8):
        """Return what is seen of a place on another day: a share of its points, a bit aside."""
        points, descriptors = (a.copy() for a in self._points[row, camera])
        if share < 1.0:
            points += (6.0, -4.0)
        other = np.arange(len(points)) >= share * len(points)
        points[other] = self._rng.uniform(0, (640, 480), (int(other.sum()), 2))
        descriptors[other] = random_directions(self._rng, int(other.sum()))
        return LocalFeatures(points, descriptors, np.ones(len(points)))

    def forget(self, row, camera='front'):
        """Keep no features of a view."""
        del self._points[row, camera]


@pytest.fixture(scope='session')
def extractor():
    """Return a real extractor of the worlds' dimension."""
    return make_extractor(ExtractionSettings(
        network='thumbnail', options='{height: 8, width: 8}', device='cpu', threads=1))


@pytest.fixture(scope='session')
def world(extractor):
    """Return a function that makes worlds."""
    return lambda **options: World(extractor, **options)


@pytest.fixture
def sights():
    """Return a function that makes the local features of a world."""
    return Sights
