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
Measure what every network and every variant of it costs, and write docs/networks.md.

Example::

    python benchmarks/networks.py --out docs/networks.md

Each one is made and run in a process of its own, on one thread. Memory is read from /proc, so this
runs on Linux alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
import ctypes
import gc
import importlib
import json
from pathlib import Path
import platform
import statistics
import subprocess
import sys
import time

import torch
from vpr_ros.cli.networks import short_options
from vpr_ros.cli.networks import told_cost
from vpr_ros.errors import VprError
from vpr_ros.networks.base import PlaceNetwork
from vpr_ros.networks.measure import describe_new_image
from vpr_ros.networks.measure import earlier_images
from vpr_ros.networks.measure import make_without_files
from vpr_ros.networks.measure import measure_network
from vpr_ros.networks.registry import network_entry
from vpr_ros.networks.registry import network_names
from vpr_ros.networks.registry import network_options
from vpr_ros.networks.registry import network_variants

FEWEST, MOST = 3, 15
COMPACT_RUNS = 3

INTRODUCTION = """\
# Networks

What turns an image into a descriptor, and what that costs. `python benchmarks/networks.py --out
docs/networks.md` makes this page; `vpr_ros networks` lists the same in short, and
`vpr_ros networks NAME` all options of one.

## Choosing one

A network is chosen by its name, and its variants, the ablations and comparisons of its paper, by
its options, a YAML mapping:

```
vpr_ros map build --bag ref.mcap -o town.vprmap -p extraction.network:=gem \\
    -p extraction.options:="{trunk: resnet50, weights: imagenet}"
vpr_ros localize --bag in.mcap --map town.vprmap -p extraction.options:="{weights: imagenet}"
```

A map remembers its network, its options and a hash of its weights, but not where the weights came
from, for a map may come from a stranger: whoever localizes names the files again, and weights that
are not the map's are refused. `ros2 launch` takes the same parameters, see `config/localize.yaml`.

What networks and variants attend to is shown side by side:

```
vpr_ros attention day.jpg night.jpg -o out.png \\
    --networks "compact,saane{weights: saane.safetensors}"
```

## Where weights come from

`compact` ships with its own and `thumbnail` has none. All others are told where to look:

- `weights`: all of the network (of `gem`: that, or its trunk alone). `random` is for training from
  scratch, for tests and for the numbers below.
- `trunk_weights`: instead of that, the trunk alone. What the network adds to it is then untrained,
  which is said in a warning.
- `semantic_weights`: its segmentation, where it has one, beside `trunk_weights`.

The value is the path of a file, `.safetensors` or a checkpoint of PyTorch (`.pth`, `.pt`, `.tar`),
and works offline. Checkpoints are read with `weights_only`: tensors and plain containers, nothing
in them is run. What authors published is converted on the way. `imagenet`, given for a trunk, lets
torchvision download its own weights; nothing is downloaded unasked. A tensor that is missing or
does not fit is reported by its name and shape.

Published checkpoints that are read as they are:

- `netvlad`, `weights`: those of pytorch-NetVlad, and of Patch-NetVLAD, whose projection needs its
  size in `dimension`.
- `seqvlad`, `weights`: those of SeqVLAD on the same trunk.
- `spatiotemporal`, `weights`: the authors'; `trunk_weights`: CCT-14/7x2 at 384 pixels.
- `saane`, `semantic_weights`: PSPNet for ADE20K of semseg, or of CSAIL with `publication: csail`.
- `semantic_mask`, `semantic_weights`: DeepLabv3+ for Cityscapes of VainF, or of
  segmentation-models-pytorch with `publication: smp`; or any TorchScript file into its 19 classes.
  `weights`: ResNet-50 with GeM of the generalised contrastive loss.
- `places365`, `weights`: CSAIL's ResNets, AlexNet and DenseNet.

Where a network has the option `dimension`, a learned projection to so many numbers is a part of
it; 0 leaves it out. Any network takes `projection`: the file that `vpr_ros pca` made of its
descriptors on images of one's own, which makes them smaller without training.

## Networks of sequences

`spatiotemporal` and `seqvlad` describe a frame together with those before it, in maps and in
localizing alike. What was found in a frame is kept, so a new frame costs one. The frames of a
sequence should be as far apart as in the map: where a robot sees ten a second and its map holds
one, set `extraction.sequence_spacing_s:=1.0`.

## A network of your own

`hub` runs what others published, or you exported: a torch.hub entry point, which torch.hub
downloads unless it has it; a TorchScript archive; an ONNX file (`pip install onnxruntime`).

```
vpr_ros map build --bag ref.mcap -o town.vprmap --network hub -p "extraction.options:={
    repository: gmberton/CosPlace, entry: get_trained_model, height: 480, width: 640,
    arguments: {backbone: ResNet50, fc_output_dim: 512}}"
vpr_ros map build --bag ref.mcap -o town.vprmap --network hub -p "extraction.options:={
    file: mine.onnx, height: 240, width: 320, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}"
```

## The numbers

They are of random weights (of `compact`: its own) and say nothing about accuracy.

- *input*: height x width in pixels, after the number of frames for a network of sequences. Images
  of any size are brought to it.
- *GFLOPs*: 2 x multiply-adds of convolutions and matrix products for one image, counted in a real
  forward pass; work on single elements is not counted. For a network of sequences all numbers are
  of one new frame, when the earlier ones are encoded already: that is what a robot pays.
- *memory*: by how much the resident size of the process, at its highest while the first image is
  described, exceeds that after the import of torch, torchvision and the code of the network:
  weights, activations and what the libraries set up. 1 MiB = 2^20 bytes.
- *time*: processor time of one image on one thread, in float32 and channels-last, without decoding
  and resizing; the median of {few} to {many} runs.
- *x compact*: that time divided by the time of `compact`, measured in turns with it in the same
  process. Machines differ and are busy: this ratio travels better than milliseconds.

Measured with PyTorch {torch} on {machine}.
"""


def main() -> None:
    """Write the page, or measure one network in this process and print what was found."""
    parser = argparse.ArgumentParser(description='What every network and variant costs.')
    parser.add_argument('--networks', default=','.join(network_names()), metavar='A,B',
                        help='only these')
    parser.add_argument('--out', '-o', type=Path, required=True, help='the .md file to write')
    parser.add_argument('--seconds', type=float, default=15.0,
                        help=f'after so many no run is added beyond {FEWEST}')
    parser.add_argument('--one', default='', help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        name, options = json.loads(given.one)
        given.out.write_text(json.dumps(_measure(name, options, given.seconds)))
        return
    introduction = INTRODUCTION
    for key, value in (('few', FEWEST), ('many', MOST), ('torch', torch.__version__),
                       ('machine', _processor())):
        introduction = introduction.replace(f'{{{key}}}', str(value))
    sections = [_section(name.strip(), given.out, given.seconds)
                for name in given.networks.split(',')]
    given.out.write_text('\n'.join([introduction, *sections]))


def _section(name: str, out: Path, seconds: float) -> str:
    """Return what the page says of one network."""
    entry = network_entry(name)
    lines = [f'## {name}', '', _summary(entry.factory), '']
    if entry.paper:
        lines += [f'Paper: {entry.paper}.', '']
    rows, problems = [], []
    for label, options in network_variants(name).items():
        print(f'{name} {short_options(options)}', flush=True)
        try:
            measure_network(name, options)
        except VprError as error:
            problems.append(str(error))
            continue
        rows.append([label or 'as it is', f'`{short_options(options)}`' if options else '',
                     *_in_another_process(name, options, out, seconds)])
    if rows:
        lines += ['| variant | options | input | descriptor | parameters | GFLOPs | memory, MiB '
                  '| time, ms | x compact |', '|---|---|---|--:|--:|--:|--:|--:|--:|']
        lines += [f'| {" | ".join(row)} |' for row in rows]
    lines += [f'Not measured: {problem}.' for problem in dict.fromkeys(problems)]
    return '\n'.join([*lines, ''])


def _summary(factory: str) -> str:
    """Return the first paragraph of a network's module."""
    module = importlib.import_module(factory.split(':')[0])
    return ' '.join((module.__doc__ or '').strip().split('\n\n')[0].split())


def _in_another_process(name: str, options: Mapping[str, object], out: Path,
                        seconds: float) -> list[str]:
    """Measure one variant in a process of its own; return its cells."""
    answer = out.with_name(f'.{out.name}.one')
    try:
        subprocess.run(
            [sys.executable, __file__, '--one', json.dumps([name, options]), '--out', answer,
             '--seconds', str(seconds)], check=True)
        cells = json.loads(answer.read_text())
    finally:
        answer.unlink(missing_ok=True)
    return [str(cell) for cell in cells]


def _measure(name: str, options: Mapping[str, object], seconds: float) -> list[str]:
    torch.set_num_threads(1)
    network_options(name)  # imports the code of the network
    before = _resident('VmRSS')
    network = make_without_files(name, options).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        run = _Run(network)
        _forget_peak()
        run()
        memory = _resident('VmHWM') - before
        compact = _Run(make_without_files('compact').to(memory_format=torch.channels_last))
        compact()
        times, compact_times = _in_turns(run, compact, seconds)
    own = statistics.median(times)
    ratio = own / statistics.median(compact_times)
    return [*told_cost(measure_network(name, options)), f'{memory / 2 ** 20:.0f}',
            _three_digits(own * 1e3), _three_digits(ratio)]


class _Run:
    """Describes one random image again and again."""

    def __init__(self, network: PlaceNetwork) -> None:
        size = network.preprocessing
        generator = torch.Generator().manual_seed(0)
        images = torch.rand(1, 3, size.height, size.width, generator=generator)
        self._network = network
        self._images = images.to(memory_format=torch.channels_last)
        self._kept = earlier_images(network, self._images)

    def __call__(self) -> float:
        """Return the processor time of one image in seconds."""
        began = time.process_time()
        describe_new_image(self._network, self._images, self._kept)
        return time.process_time() - began


def _in_turns(run: _Run, compact: _Run, seconds: float) -> tuple[list[float], list[float]]:
    times: list[float] = []
    compact_times: list[float] = []
    began = time.perf_counter()
    while len(times) < FEWEST or (
            len(times) < MOST and time.perf_counter() - began < seconds):
        times.append(run())
        compact_times += [compact() for _ in range(COMPACT_RUNS)]
    return times, compact_times


def _resident(field: str) -> int:
    """Return a number of bytes from what Linux tells of this process."""
    status = Path('/proc/self/status').read_text()
    line = next(row for row in status.splitlines() if row.startswith(f'{field}:'))
    return int(line.split()[1]) * 1024


def _forget_peak() -> None:
    """Let the highest resident size begin anew at what is in use now."""
    gc.collect()
    # What making the network took and gave back, the C library may have kept.
    trim = getattr(ctypes.CDLL(None), 'malloc_trim', None)
    if trim is not None:
        trim(0)
    Path('/proc/self/clear_refs').write_text('5')


def _three_digits(value: float) -> str:
    return f'{value:.0f}' if value >= 100 else f'{value:.3g}'


def _processor() -> str:
    """Return what the processor calls itself."""
    names = [line.partition(':')[2].strip() for line in
             Path('/proc/cpuinfo').read_text().splitlines() if line.startswith('model name')]
    return names[0] if names else platform.machine()


if __name__ == '__main__':
    main()
