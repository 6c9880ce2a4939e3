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
Our network with the published weights of Zhao et al. 2023, against the steps of their code.

The weights are not part of this project: put one of their checkpoints (S = 5, both branches,
relative positions) into a folder as ``spatiotemporal.pth`` and name the folder in
``VPR_ROS_WEIGHTS``. The comparison takes about a minute.
"""

import os
from pathlib import Path
import runpy

import numpy as np
import pytest
import torch
from vpr_ros.networks.spatiotemporal import spatiotemporal
from vpr_ros.networks.weights import read_weights

_FILE = Path(os.environ.get('VPR_ROS_WEIGHTS', '')) / 'spatiotemporal.pth'


@pytest.mark.skipif(
    'VPR_ROS_WEIGHTS' not in os.environ or not _FILE.is_file(),
    reason='no published weights: VPR_ROS_WEIGHTS names no folder with spatiotemporal.pth')
def test_published_weights_describe_as_the_published_code():
    literal = runpy.run_path(str(Path(__file__).with_name('spatiotemporal_literal.py')))
    images = torch.rand(5, 3, 384, 384, dtype=torch.float64)
    network = spatiotemporal(weights=str(_FILE)).double().eval()
    with torch.no_grad():
        output = network(images[None])
    raw, _ = read_weights(_FILE)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    wanted = literal['describe'](raw, (images - mean) / std, heads=6, window=6, stride=3)
    for got, value in zip(output, wanted, strict=True):
        np.testing.assert_allclose(got[0].numpy(), value, rtol=1e-9, atol=1e-12)
