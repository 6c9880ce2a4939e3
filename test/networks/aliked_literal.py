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
ALIKED as its paper says, step by step, on the tensors of a file.

It shares nothing with vpr_ros: NumPy in float64, loops over locations, taps, points and positions.
Here the maps are resized, put side by side and normalised at the size of the image.
"""

from math import floor

import numpy as np


def selu(x):
    return 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1.0))


def convolve(x, weight, bias=None, padding=None):
    """Return (O, h, w) of a map (C, h, w); zeros stand around it."""
    outputs, _, size, _ = weight.shape
    around = size // 2 if padding is None else padding
    padded = np.pad(x, ((0, 0), (around, around), (around, around)))
    height, width = padded.shape[1] - size + 1, padded.shape[2] - size + 1
    result = np.zeros((outputs, height, width))
    for i in range(size):
        for j in range(size):
            result += np.einsum('oc,chw->ohw', weight[:, :, i, j],
                                padded[:, i:i + height, j:j + width])
    return result if bias is None else result + bias[:, None, None]


def read_between(x, row, column):
    """Return what a map (C, h, w) holds between four locations; zero outside of it."""
    total = np.zeros(len(x))
    for i in (floor(row), floor(row) + 1):
        for j in (floor(column), floor(column) + 1):
            if 0 <= i < x.shape[1] and 0 <= j < x.shape[2]:
                total += x[:, i, j] * (1 - abs(row - i)) * (1 - abs(column - j))
    return total


def deformed(x, raw, name):
    weight = raw[f'{name}.regular_conv.weight']
    farthest = max(x.shape[1:]) / 4
    offsets = np.clip(convolve(x, raw[f'{name}.offset_conv.weight'],
                               raw[f'{name}.offset_conv.bias']), -farthest, farthest)
    result = np.zeros((len(weight), *x.shape[1:]))
    for i in range(x.shape[1]):
        for j in range(x.shape[2]):
            for tap in range(9):
                down, right = offsets[2 * tap:2 * tap + 2, i, j]
                seen = read_between(x, i + tap // 3 - 1 + down, j + tap % 3 - 1 + right)
                result[:, i, j] += weight[:, :, tap // 3, tap % 3] @ seen
    return result


def normed(x, raw, name):
    mean, variance, weight, bias = (
        raw[f'{name}.{part}'][:, None, None]
        for part in ('running_mean', 'running_var', 'weight', 'bias'))
    return (x - mean) / np.sqrt(variance + 1e-5) * weight + bias


def block(x, raw, name, deformable):
    def layer(x, conv):
        if deformable:
            return deformed(x, raw, f'{name}.{conv}')
        return convolve(x, raw[f'{name}.{conv}.weight'])

    y = normed(layer(selu(normed(layer(x, 'conv1'), raw, f'{name}.bn1')), 'conv2'),
               raw, f'{name}.bn2')
    if f'{name}.downsample.weight' in raw:
        y = y + convolve(x, raw[f'{name}.downsample.weight'], raw[f'{name}.downsample.bias'])
    return selu(y)


def pooled(x, size):
    c, h, w = x.shape
    return x.reshape(c, h // size, size, w // size, size).mean(axis=(2, 4))


def resized(x, height, width):
    """Resize so that the corners of both grids lie on one another."""
    result = np.zeros((len(x), height, width))
    for i in range(height):
        for j in range(width):
            result[:, i, j] = read_between(x, i * (x.shape[1] - 1) / (height - 1),
                                           j * (x.shape[2] - 1) / (width - 1))
    return result


def maps(raw, image):
    """Return X (D, H, W) and the scores (H, W) of an image (3, H, W) in [0, 1]."""
    _, height, width = image.shape
    down, right = -height % 32, -width % 32
    top, left = down // 2, right // 2
    padded = np.pad(image, ((0, 0), (top, down - top), (left, right - left)), mode='edge')
    x1 = block(padded, raw, 'block1', deformable=False)
    x2 = block(pooled(x1, 2), raw, 'block2', deformable=False)
    x3 = block(pooled(x2, 4), raw, 'block3', deformable=True)
    x4 = block(pooled(x3, 4), raw, 'block4', deformable=True)
    x = np.concatenate([
        resized(selu(convolve(xk, raw[f'conv{k}.weight'])), *padded.shape[1:])
        for k, xk in enumerate((x1, x2, x3, x4), start=1)])
    score = x
    for k in (0, 2, 4, 6):
        score = convolve(selu(score) if k else score, raw[f'score_head.{k}.weight'])
    score = 1 / (1 + np.exp(-score[0]))
    x = x / np.sqrt((x ** 2).sum(axis=0))
    return (x[:, top:top + height, left:left + width],
            score[top:top + height, left:left + width])


def nearest(x, row, column):
    return x[:, min(max(row, 0), x.shape[1] - 1), min(max(column, 0), x.shape[2] - 1)]


def descriptors(raw, x, points):
    """Describe points x, y in X (D, H, W), as (N, D)."""
    weights = raw['desc_head.agg_weights']
    farthest = max(x.shape[1:]) / 4
    found = []
    for column, row in points:
        near = np.stack([np.stack([nearest(x, int(row) + i, int(column) + j)
                                   for j in (-1, 0, 1)], axis=1) for i in (-1, 0, 1)], axis=1)
        hidden = selu(convolve(near, raw['desc_head.offset_conv.0.weight'],
                               raw['desc_head.offset_conv.0.bias'], padding=0))
        offsets = convolve(hidden, raw['desc_head.offset_conv.2.weight'],
                           raw['desc_head.offset_conv.2.bias'])[:, 0, 0]
        offsets = np.clip(offsets, -farthest, farthest)
        total = np.zeros(len(x))
        for m in range(len(weights)):
            seen = read_between(x, row + offsets[2 * m + 1], column + offsets[2 * m])
            total += selu(raw['desc_head.sf_conv.weight'][:, :, 0, 0] @ seen) @ weights[m]
        found.append(total / np.sqrt((total ** 2).sum()))
    return np.array(found)


def peaks(scores, threshold):
    """Return the pixels (x, y) of the peaks of (H, W), the best first."""
    height, width = scores.shape

    def around(i, j):
        return [(a, b) for a in range(max(i - 2, 0), min(i + 3, height))
                for b in range(max(j - 2, 0), min(j + 3, width))]

    everywhere = [(i, j) for i in range(height) for j in range(width)]
    found = {at for at in everywhere if all(scores[at] >= scores[n] for n in around(*at))}
    for _ in range(2):
        taken = {n for at in found for n in around(*at)}
        left = np.array(scores)
        for at in taken:
            left[at] = 0.0
        found |= {at for at in everywhere
                  if at not in taken and all(left[at] >= left[n] for n in around(*at))}
    kept = [at for at in found if scores[at] > threshold
            and 2 <= at[0] < height - 2 and 2 <= at[1] < width - 2]
    return [(j, i) for i, j in sorted(kept, key=lambda at: -scores[at])]


def refined(scores, pixels):
    """Return the points (N, 2) x, y that peaks are moved to."""
    points = []
    for column, row in pixels:
        total, right, down = 0.0, 0.0, 0.0
        for i in range(-2, 3):
            for j in range(-2, 3):
                weight = np.exp((scores[row + i, column + j] - scores[row, column]) / 0.1)
                total, right, down = total + weight, right + weight * j, down + weight * i
        points.append((column + right / total, row + down / total))
    return np.array(points)
