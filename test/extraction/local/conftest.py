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

"""Images with something to see on them, and what agreement of features means."""

import cv2
import numpy as np
import pytest
from vpr_ros.extraction.engines.engine import EngineOutput


@pytest.fixture(scope='session')
def scene():
    """Return a maker of images (H, W, 3) full of blots, the same for the same number."""
    def make(number=0, height=240, width=320):
        rng = np.random.default_rng(number)
        image = np.full((height, width, 3), 128, np.uint8)
        for _ in range(height * width // 600):
            centre = (int(rng.integers(0, width)), int(rng.integers(0, height)))
            axes = (int(rng.integers(2, 14)), int(rng.integers(2, 14)))
            colour = tuple(int(c) for c in rng.integers(0, 256, 3))
            cv2.ellipse(image, centre, axes, float(rng.uniform(0, 180)), 0.0, 360.0, colour, -1)
        return cv2.GaussianBlur(image, (3, 3), 0.0)

    return make


@pytest.fixture(scope='session')
def nothing():
    """Return what an engine says that no source but the network's own asks."""
    return EngineOutput(np.zeros((1, 4), np.float32), None)


@pytest.fixture(scope='session')
def pairs_of():
    """Return a function: points (N, 2) of mutual nearest neighbours in one image and another."""
    def match(one, other):
        similarity = one.descriptors @ other.descriptors.T
        nearest = similarity.argmax(axis=1)
        mutual = similarity.argmax(axis=0)[nearest] == np.arange(len(nearest))
        return one.points[mutual], other.points[nearest[mutual]]

    return match


@pytest.fixture(scope='session')
def share_that_agrees(pairs_of):
    """Return a function: which share of the matches of two images a known homography explains."""
    def share(one, other, homography, pixels):
        a, b = pairs_of(one, other)
        wanted = cv2.perspectiveTransform(a[None].astype(np.float64), homography)[0]
        return float((np.linalg.norm(wanted - b, axis=1) < pixels).mean())

    return share


@pytest.fixture(scope='session')
def tilted():
    """Return an image seen from elsewhere, and the homography of its pixels."""
    def tilt(image):
        height, width = image.shape[:2]
        corners = np.float32([[0, 0], [1, 0], [1, 1], [0, 1]])
        seen = np.float32([[0.04, 0.02], [0.97, 0.06], [0.95, 0.98], [0.01, 0.93]])
        size = np.float32([width, height])
        homography = cv2.getPerspectiveTransform(corners * size, seen * size)
        return cv2.warpPerspective(image, homography, (width, height)), homography

    return tilt
