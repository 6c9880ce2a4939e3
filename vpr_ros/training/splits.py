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

"""Which examples are trained on, and which only tell how well a network learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vpr_ros.errors import unknown_name
from vpr_ros.errors import VprError
from vpr_ros.training.places import PlaceImages
from vpr_ros.training.places import PlaceRule

__all__ = ['hold_out', 'hold_out_regions']

Array = NDArray[Any]


def hold_out(images: PlaceImages, share: float, *, seed: int,
             rule: PlaceRule) -> tuple[Array, Array]:
    """
    Hold out places that training never sees.

    Labelled examples are held out by whole places, and places that are parts of one image (windows
    of a fixed camera) stay together: the camera is held out. Posed examples are held out by a
    stretch at one end of each region, along its longest axis, chosen by ``seed`` (of aligned
    traverses the last frames); those nearer to it than ``rule.negative`` are in neither part. No
    image is read for both. Examples of which nothing is known are trained on, as are places that
    one image alone shows, for an image finds itself.

    :param share: of the other examples, in (0, 1); met as closely as whole places allow.
    :returns: (n,) and (m,) int64, increasing: what is trained on and what is held out.
    :raises VprError: when either would be empty, or of labelled places have fewer than two.
    """
    if not 0.0 < share < 1.0:
        raise VprError(f'the share to hold out is between 0 and 1, got {share:g}')
    rng = np.random.default_rng(seed)
    held = np.zeros(len(images), bool)
    unused = np.zeros(len(images), bool)
    labelled = np.flatnonzero((images.places >= 0) & ~images.single)
    posed = np.flatnonzero((images.places < 0) & np.isfinite(images.positions).all(axis=1))
    if len(labelled):
        held[labelled] = _places(images.select(labelled), share, rng)
    for region in np.unique(images.regions[posed]):
        rows = posed[images.regions[posed] == region]
        held[rows], unused[rows] = _stretch(images.select(rows), share, rng, rule)
    unused |= ~held & np.isin(images.frames, images.frames[held]).any(axis=1)
    return _both(np.flatnonzero(~held & ~unused), np.flatnonzero(held), images, rule)


def hold_out_regions(images: PlaceImages, names: Sequence[str]) -> tuple[Array, Array]:
    """
    Hold out whole regions by name: cities, cameras.

    :returns: (n,) and (m,) int64, increasing: what is trained on and what is held out.
    """
    for name in names:
        if name not in images.region_names:
            raise unknown_name('region', name, filter(None, set(images.region_names)))
    held = np.isin(np.array(images.region_names)[images.regions], names) if names \
        else np.zeros(len(images), bool)
    if held.all() or not held.any():
        raise VprError(f'{len(names)} regions held out of '
                       f'{len(np.unique(images.regions))} leave {"no" if held.all() else "all"} '
                       'images to train on; hold out some regions, but not every one')
    return np.flatnonzero(~held), np.flatnonzero(held)


def _places(images: PlaceImages, share: float, rng: np.random.Generator) -> Array:
    """Return (N,) bool: whole places, in groups that share no image."""
    groups = _groups(images)
    _, firsts = np.unique(images.places, return_index=True)
    examples, places = np.bincount(groups), np.bincount(groups[firsts])
    order = rng.permutation(len(examples))
    # Among one place alone nothing can be mistaken: either side needs two.
    count = np.cumsum(places[order])
    possible = np.flatnonzero((count >= 2) & (count <= len(firsts) - 2))
    if not len(possible):
        raise VprError(f'{len(firsts)} places in {len(examples)} groups that share no image are '
                       'too few: two must be trained on and two held out; give more places, cut '
                       'windows, or give other images for validation')
    reached = np.cumsum(examples[order])[possible]
    last = possible[np.argmin(np.abs(reached - share * len(images)))]
    return np.isin(groups, order[:last + 1])


def _groups(images: PlaceImages) -> Array:
    """Return (N,) the group of each example: places that are parts of one image are in one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    places, place = np.unique(images.places, return_inverse=True)
    frames, frame = np.unique(images.frames, return_inverse=True)
    n = len(places) + len(frames)
    edges = (np.repeat(place, images.length), len(places) + frame.reshape(-1))
    graph = coo_array((np.ones(len(edges[0]), np.int8), edges), shape=(n, n))
    _, groups = connected_components(graph, directed=False)
    return np.unique(groups[place], return_inverse=True)[1]


def _stretch(images: PlaceImages, share: float, rng: np.random.Generator,
             rule: PlaceRule) -> tuple[Array, Array]:
    """Return (N,) bool each: the stretch that is held out, and what is too near to it."""
    if images.unit == 'frames':
        along = images.positions[:, 0]
    else:
        centred = images.positions - images.positions.mean(axis=0)
        _, _, axes = np.linalg.svd(centred, full_matrices=False)
        along = centred @ axes[0] * rng.choice([-1.0, 1.0])
    held = along >= np.quantile(along, 1.0 - share)
    # A distance along an axis is never longer than the distance itself.
    near = ~held & (along >= along[held].min() - rule.negative)
    if not (~held & ~near).any():
        # Too small to be divided.
        return np.zeros_like(held), np.zeros_like(held)
    return held, near


def _both(training: Array, held: Array, images: PlaceImages,
          rule: PlaceRule) -> tuple[Array, Array]:
    if len(training) and len(held):
        return training, held
    if not len(images):
        raise VprError('there are no images to hold some out of')
    if images.single.any() and not ((images.places >= 0) & ~images.single).any() \
            and not np.isfinite(images.positions).all(axis=1).any():
        raise VprError('each of these images is a place of its own (singles), which it would '
                       'always find: none can be held out; give other images for validation')
    if not (images.places >= 0).any() and not np.isfinite(images.positions).all(axis=1).any():
        raise VprError('neither places nor positions are known of these images, so nothing can be '
                       'held out; give other images for validation')
    raise VprError('no part of these images can be held out: beside it a gap of '
                   f'{rule.negative:g} {images.unit} (negative) is neither trained on nor held '
                   'out, and nothing is left; give longer traverses, hold out less, make the gap '
                   'smaller, or give other images for validation')
