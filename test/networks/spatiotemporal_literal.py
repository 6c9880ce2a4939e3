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
The network of Zhao et al. 2023, step by step as published, on the tensors of a checkpoint.

It shares nothing with vpr_ros: NumPy in float64, loops over frames, windows, heads and tokens, and
the names that published checkpoints have.
"""

import numpy as np
import torch


def random_checkpoint(*, grid, window, frames, channels, stem, heads, hidden, blocks, clusters):
    """Return tensors by their published names; all of them are large enough to matter."""
    def draw(*shape, scale=1.0, mean=0.0):
        return mean + scale * torch.randn(*shape)

    e = channels // heads
    raw = {
        'encoder.spatial.tokenizer.conv_layers.0.0.weight': draw(stem, 3, 7, 7, scale=0.12),
        'encoder.spatial.tokenizer.conv_layers.1.0.weight':
            draw(channels, stem, 7, 7, scale=(2 / 49 / stem) ** 0.5),
        'aggregator.conv.weight': draw(clusters, channels, 1, scale=5 * channels ** -0.5),
        'aggregator.centroids': draw(clusters, channels, scale=channels ** -0.5)}
    for branch in ('encoder.spatial.classifier', 'encoder.temporal'):
        raw[f'{branch}.attention_pool.weight'] = draw(1, channels)
        raw[f'{branch}.attention_pool.bias'] = draw(1)
        raw[f'{branch}.positional_emb'] = draw(1, grid[0] * grid[1], channels, scale=0.5)
        norms = [f'{branch}.norm']
        for block in range(blocks):
            at = f'{branch}.blocks.{block}'
            norms += [f'{at}.pre_norm', f'{at}.norm1']
            for layer, outputs, inputs in (
                    ('self_attn.qkv', 3 * channels, channels),
                    ('self_attn.proj', channels, channels), ('linear1', hidden, channels),
                    ('linear2', channels, hidden)):
                raw[f'{at}.{layer}.weight'] = draw(outputs, inputs, scale=1.5 * inputs ** -0.5)
                if layer != 'self_attn.qkv':
                    raw[f'{at}.{layer}.bias'] = draw(outputs, scale=0.3)
            if branch == 'encoder.temporal':
                for axis, n in (('h', window), ('w', window), ('t', frames)):
                    raw[f'{at}.self_attn.rel_pos_{axis}'] = draw(2 * n - 1, e, scale=0.7)
        for norm in norms:
            raw[f'{norm}.weight'] = draw(channels, scale=0.3, mean=1.0)
            raw[f'{norm}.bias'] = draw(channels, scale=0.3)
    return raw


def describe(raw, images, *, heads, window, stride, branches='both', fold='sum',
             positions='relative'):
    """
    Describe one sequence.

    :param raw: the tensors of a checkpoint.
    :param images: (S, 3, H, W) normalised.
    :returns: the descriptor (D,), and the attention (h, w) and features (C, h, w) of the newest
        frame.
    """
    raw = {name: np.asarray(tensor, np.float64) for name, tensor in raw.items()}
    tokens = np.stack([_tokens(raw, np.asarray(image, np.float64)) for image in images])
    _, h, w, c = tokens.shape
    total = np.zeros_like(tokens)
    if branches != 'spatial':
        result, attention = _branch(
            raw, 'encoder.temporal', tokens, heads, positions == 'relative',
            _windows(h, w, window, window, stride), fold)
        total += result
    if branches != 'temporal':
        for s, frame in enumerate(tokens):
            result, attention = _branch(raw, 'encoder.spatial.classifier', frame[None], heads,
                                        False, _windows(h, w, h, w, 1), 'sum')
            total[s] += result[0]
    newest = attention[-1]
    return _vlad(raw, total.reshape(-1, c)), newest / newest.sum(), total[-1].transpose(2, 0, 1)


def _tokens(raw, image):
    for layer in (0, 1):
        weight = raw[f'encoder.spatial.tokenizer.conv_layers.{layer}.0.weight']
        image = np.maximum(_convolve(image, weight), 0)
        image = _max_pool(image)
    return image.transpose(1, 2, 0)


def _convolve(image, weight):
    padded = np.pad(image, ((0, 0), (3, 3), (3, 3)))
    h, w = ((n - 1) // 2 + 1 for n in image.shape[1:])
    out = np.zeros((len(weight), h, w))
    kernels = weight.reshape(len(weight), -1)
    for y in range(h):
        for x in range(w):
            out[:, y, x] = kernels @ padded[:, 2 * y:2 * y + 7, 2 * x:2 * x + 7].reshape(-1)
    return out


def _max_pool(image):
    h, w = ((n - 1) // 2 + 1 for n in image.shape[1:])
    out = np.zeros((len(image), h, w))
    for y in range(h):
        for x in range(w):
            near = image[:, max(2 * y - 1, 0):2 * y + 2, max(2 * x - 1, 0):2 * x + 2]
            out[:, y, x] = near.max(axis=(1, 2))
    return out


def _windows(h, w, rows, columns, stride):
    """Return the (y, x) of all tokens of each window."""
    return [[(top + y, left + x) for y in range(rows) for x in range(columns)]
            for top in range(0, h - rows + 1, stride)
            for left in range(0, w - columns + 1, stride)]


def _branch(raw, name, x, heads, relative, windows, fold):
    """Return the result (S, h, w, C) of one branch, and the attention (S, h, w) received."""
    if not relative:
        x = x + raw[f'{name}.positional_emb'].reshape(x.shape[1:])
    blocks = {key[len(f'{name}.blocks.'):].split('.')[0] for key in raw
              if key.startswith(f'{name}.blocks.')}
    for block in range(len(blocks)):
        at = f'{name}.blocks.{block}'
        y, attention = _attention(raw, f'{at}.self_attn', _norm(raw, f'{at}.pre_norm', x), heads,
                                  relative, windows, fold)
        x = _norm(raw, f'{at}.norm1', x + y)
        inner = x @ raw[f'{at}.linear1.weight'].T + raw[f'{at}.linear1.bias']
        inner = 0.5 * inner * (1 + torch.erf(torch.from_numpy(inner / 2 ** 0.5)).numpy())
        x = x + inner @ raw[f'{at}.linear2.weight'].T + raw[f'{at}.linear2.bias']
    return _norm(raw, f'{name}.norm', x), attention


def _norm(raw, name, x):
    mean = x.mean(axis=-1, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(variance + 1e-5) * raw[f'{name}.weight'] + raw[f'{name}.bias']


def _attention(raw, at, x, heads, relative, windows, fold):
    """Attend within each window of all frames, and put the windows back."""
    s, h, w, c = x.shape
    folded = np.zeros_like(x)
    received = np.zeros((s, h, w))
    counts = np.zeros((h, w))
    for window in windows:
        places = [(t, y, x_) for t in range(s) for y, x_ in window]
        inside = np.stack([x[place] for place in places])
        out, attention = _heads(raw, at, inside, np.array(places), heads, relative)
        out = out @ raw[f'{at}.proj.weight'].T + raw[f'{at}.proj.bias']
        for i, place in enumerate(places):
            folded[place] += out[i]
            received[place] += attention[i]
        for place in window:
            counts[place] += 1
    assert counts.min() >= 1
    if fold == 'average':
        folded = folded / counts[:, :, None]
    return folded, received / counts


def _heads(raw, at, inside, places, heads, relative):
    """Return the outputs (T, C) of all heads, and the attention (T,) each token receives."""
    n, c = inside.shape
    e = c // heads
    qkv = inside @ raw[f'{at}.qkv.weight'].T
    out = np.zeros((n, c))
    received = np.zeros(n)
    for head in range(heads):
        q, k, v = (qkv[:, part * c + head * e:part * c + (head + 1) * e] for part in range(3))
        for i in range(n):
            logits = k @ q[i] / e ** 0.5
            if relative:
                for axis, letter in enumerate('thw'):
                    table = raw[f'{at}.rel_pos_{letter}']
                    offset = places[i, axis] - places[:, axis]
                    logits = logits + table[offset + len(table) // 2] @ q[i]
            weights = np.exp(logits - logits.max())
            weights /= weights.sum()
            out[i, head * e:(head + 1) * e] = weights @ v
            received += weights / (heads * n)
    return out, received


def _vlad(raw, x):
    """Describe tokens (S * N, C) as SeqVLAD does."""
    x = x / np.linalg.norm(x, axis=1, keepdims=True)
    centroids = raw['aggregator.centroids']
    assign = raw['aggregator.conv.weight'].reshape(centroids.shape)
    sums = np.zeros_like(centroids)
    for token in x:
        logits = assign @ token
        soft = np.exp(logits - logits.max())
        soft /= soft.sum()
        for k, centroid in enumerate(centroids):
            sums[k] += soft[k] * (token - centroid)
    sums = sums / np.linalg.norm(sums, axis=1, keepdims=True)
    return sums.reshape(-1) / np.linalg.norm(sums)
