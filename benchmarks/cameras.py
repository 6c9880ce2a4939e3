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
Measure what a second camera, looking back, is worth: also to a robot that comes the other way.

Example::

    python benchmarks/cameras.py

On the town (seed 0): the drive "day" is the map (front camera alone, or front and rear); it is
asked by another drive by day and by one in the opposite direction, by the front camera alone or by
both. R@1 is the share of the pictures within 10 m of a place of the map whose best place is within
10 m; one picture a second; query statistics: none. "single" judges each moment alone, "over time"
is what the Localizer does by default, without and with odometry.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
import itertools
from pathlib import Path
import tempfile

import numpy as np
from vpr_ros.datasets.town.drive import Drive
from vpr_ros.datasets.town.town import DRIVES
from vpr_ros.datasets.town.town import Town
from vpr_ros.extraction.extractor import Extractor
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings
from vpr_ros.maps.builder import build_session
from vpr_ros.maps.feature_store import FeatureStore
from vpr_ros.maps.place_map import PlaceMap
from vpr_ros.maps.settings import MapSettings
from vpr_ros.matching.matcher import Matcher
from vpr_ros.matching.moments import query_moments
from vpr_ros.matching.settings import MatchingSettings
from vpr_ros.matching.shipped import shipped_calibration
from vpr_ros.types import Camera
from vpr_ros.types import Description
from vpr_ros.types import Frame

_RADIUS_M = 10.0
_BOTH = ('front', 'rear')


def _frames(drive: Drive) -> Iterator[Frame]:
    """Yield what a camera that looks ahead and one that looks back see, moment by moment."""
    town = Town()
    rear = town.drive(replace(drive, camera_yaw_deg=180.0))
    for ahead, behind in zip(town.drive(drive).frames(), rear.frames(), strict=True):
        yield ahead
        yield replace(behind, camera='rear')


class _Asked:
    """A drive, described once."""

    def __init__(self, drive: Drive, extractor: Extractor) -> None:
        self.leads: list[Frame] = []
        self.moments: list[dict[str, Description]] = []
        self.cameras: dict[str, Camera] = {}
        for moment in query_moments(_frames(drive), _BOTH, 0.01):
            self.leads.append(replace(moment[0], image=np.zeros((1, 1, 3), np.uint8)))
            self.moments.append({d.camera: d for d in extractor.describe_batch(list(moment))})
            self.cameras |= {f.camera: f.calibration for f in moment if f.calibration}


def _ask(path: Path, asked: _Asked, cameras: tuple[str, ...], settings: MatchingSettings, *,
         odometry: bool) -> tuple[float, float, float]:
    """Return R@1, the share of known answers, and the share of those that is right."""
    with PlaceMap.open(path) as place_map, FeatureStore(path) as sights:
        snapshot = place_map.snapshot()
        calibration = shipped_calibration(snapshot.network, place_map.local_kind)
    found, known = [], []
    with FeatureStore(path) as sights:
        matcher = Matcher(snapshot, settings, sights=sights, calibration=calibration)
        for lead, moment in zip(asked.leads, asked.moments, strict=True):
            answer = matcher.match(*(moment[camera] for camera in cameras),
                                   T_odom_base=lead.T_odom_base if odometry else None,
                                   calibrations=asked.cameras)
            assert lead.T_map_base is not None
            here = lead.T_map_base.position
            if np.linalg.norm(snapshot.poses.positions - here, axis=1).min() > _RADIUS_M:
                continue
            best = answer.candidates[0].T_map_base if answer.candidates else None
            found.append(best is not None
                         and float(np.linalg.norm(best.position - here)) <= _RADIUS_M)
            known.append(answer.known)
    right = np.array(found)[np.array(known)]
    return float(np.mean(found)), float(np.mean(known)), float(np.mean(right)) if len(right) else 0


def main() -> None:
    """Print a table."""
    extractor = make_extractor(ExtractionSettings())
    with tempfile.TemporaryDirectory() as folder:
        maps = {}
        for cameras in (('front',), _BOTH):
            maps[cameras] = Path(folder) / f'{len(cameras)}.vprmap'
            frames = (f for f in _frames(DRIVES['day']) if f.camera in cameras)
            with PlaceMap.create(maps[cameras], extractor.identity) as place_map:
                for _ in build_session(place_map, 'day', frames, extractor, MapSettings(),
                                       source='', cameras=cameras):
                    pass
        print('| map by | asked by | drive | single R@1 | over time R@1 | known | right | with '
              'odometry R@1 | known | right |')
        print('|---|---|---|---|---|---|---|---|---|---|')
        for name in ('another_day', 'opposite'):
            asked = _Asked(DRIVES[name], extractor)
            for built, asking in itertools.product(maps, (('front',), _BOTH)):
                single = _ask(maps[built], asked, asking, MatchingSettings(filter='none'),
                              odometry=False)
                timed, driven = (_ask(maps[built], asked, asking, MatchingSettings(),
                                      odometry=odometry) for odometry in (False, True))
                numbers = ' | '.join(f'{n:.3f}' for n in (single[0], *timed, *driven))
                print(f'| {" + ".join(built)} | {" + ".join(asking)} | {name} | {numbers} |',
                      flush=True)


if __name__ == '__main__':
    main()
