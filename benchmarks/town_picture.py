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
Put one place of the town on every drive into one picture, as docs/town.jpg shows it.

Example::

    python benchmarks/town_picture.py -o docs/town.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from vpr_ros.datasets.town.town import DRIVES
from vpr_ros.datasets.town.town import Town

SIZE = (400, 300)
COLUMNS = 4


def main() -> None:
    """Write the picture."""
    parser = argparse.ArgumentParser(description='One place of the town on every drive.')
    parser.add_argument('--out', '-o', type=Path, required=True)
    parser.add_argument('--frame', type=int, default=31, help='of the drive by day')
    given = parser.parse_args()
    town = Town()
    place = town.traverse('day').frame(given.frame).T_map_base
    assert place is not None
    tiles = []
    for name in DRIVES:
        traverse = town.traverse(name)
        positions = traverse.positions()
        assert positions is not None
        nearest = int(np.argmin(np.linalg.norm(positions - place.position, axis=1)))
        tile = cv2.resize(traverse.frame(nearest).image, SIZE, interpolation=cv2.INTER_AREA)
        cv2.rectangle(tile, (0, 0), (SIZE[0], 26), (30, 34, 38), -1)
        cv2.putText(tile, name, (9, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (255, 255, 255), 1,
                    cv2.LINE_AA)
        tiles.append(tile)
    rows = [np.hstack(tiles[i:i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    cv2.imwrite(str(given.out), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])


if __name__ == '__main__':
    main()
