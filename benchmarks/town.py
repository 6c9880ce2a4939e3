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
Measure how fast the town is drawn, on one core, beside describing the same pictures.

Example::

    python benchmarks/town.py --frames 60

Each condition is driven for so many consecutive frames of its own drive. Times are processor
time, so they hold on a busy machine; the ratio to describing one picture with the embedded network
(one thread, same run) says what making a bag costs beside using it.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
import time

import cv2
import numpy as np
import torch
from vpr_ros.datasets.town.town import DRIVES
from vpr_ros.datasets.town.town import Town
from vpr_ros.extraction.extractor import make_extractor
from vpr_ros.extraction.settings import ExtractionSettings


def main() -> None:
    """Print one row per drive."""
    parser = argparse.ArgumentParser(description='How fast the town is drawn, on one core.')
    parser.add_argument('--frames', type=int, default=60, help='of each drive')
    parser.add_argument('--rate', type=float, default=5.0, help='pictures per second of the drive')
    parser.add_argument('--drives', default=','.join(DRIVES))
    given = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    extractor = make_extractor(ExtractionSettings(threads=1))
    town = Town()
    print(f'{"drive":<14}{"drawing, median":>17}{"mean":>8}{"slowest":>9}{"frames/s":>10}'
          f'{"drawing / describing":>22}')
    for name in given.drives.split(','):
        traverse = town.drive(replace(DRIVES[name], rate_hz=given.rate))
        middle = len(traverse) // 2
        for index in range(middle - 5, middle):  # what is made once
            traverse.frame(index)
        drawing, describing = [], []
        for index in range(middle, min(middle + given.frames, len(traverse))):
            began = time.process_time()
            frame = traverse.frame(index)
            drawn = time.process_time()
            extractor.describe(frame)
            drawing.append(drawn - began)
            describing.append(time.process_time() - drawn)
        mean = float(np.mean(drawing))
        print(f'{name:<14}{np.median(drawing) * 1e3:>14.0f} ms{mean * 1e3:>5.0f} ms'
              f'{max(drawing) * 1e3:>6.0f} ms{1 / mean:>10.1f}'
              f'{mean / float(np.mean(describing)):>22.2f}', flush=True)


if __name__ == '__main__':
    main()
