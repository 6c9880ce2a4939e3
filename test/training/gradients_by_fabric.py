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
"""The gradient of one whole batch, for test_gradients.py: alone, or as a process of torchrun."""

from pathlib import Path
import sys

from lightning.fabric import Fabric
from safetensors.torch import save_file
import torch
from torch import nn
from torch import Tensor
from torch.nn import functional as F
from vpr_ros.training.gradients import accumulate_gradients
from vpr_ros.training.losses.multi_similarity import multi_similarity

LABELS = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
SEEDS = (3, 6, 0)


class SmallNetwork(nn.Module):
    """A network of two outputs; ``drops`` of its features are dropped in training."""

    def __init__(self, drops: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3)
        self.linear = nn.Linear(6, 5)
        self.drops = drops

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Describe images (B, 3, H, W)."""
        features = F.dropout(self.conv(images).relu(), self.drops, self.training)
        return {'descriptors': F.normalize(self.linear(features.mean(dim=(2, 3)))),
                'features': features}


def network(drops: float = 0.0) -> SmallNetwork:
    """Return the same network every time, in double precision."""
    torch.manual_seed(0)
    return SmallNetwork(drops).double()


def images() -> Tensor:
    """Return the same batch every time: (8, 3, 9, 9)."""
    return torch.rand(8, 3, 9, 9, generator=torch.Generator().manual_seed(1),
                      dtype=torch.float64)


def loss(outputs: dict[str, Tensor]) -> dict[str, Tensor]:
    """Compare all pairs, and all maps with their mean: nothing that parts of a batch could."""
    features = outputs['features']
    return {'pairs': multi_similarity(outputs['descriptors'], LABELS),
            'spread': (features - features.mean(dim=0)).square().mean()}


def gradients(fabric: Fabric, *, chunk: int, drops: float = 0.0) -> dict[str, Tensor]:
    """Return the gradient that each parameter gets."""
    trained = network(drops)
    module = fabric.setup(trained)
    share = len(images()) // fabric.world_size
    own = images()[fabric.global_rank * share:][:share]
    accumulate_gradients(fabric, module, own, loss, chunk=chunk, seeds=SEEDS)
    return {name: parameter.grad for name, parameter in trained.named_parameters()}


if __name__ == '__main__':
    fabric = Fabric(accelerator='cpu', devices=2, strategy='ddp', precision='64-true')
    fabric.launch()
    found = {f'{chunk}:{name}': gradient for chunk in (0, 3)
             for name, gradient in gradients(fabric, chunk=chunk).items()}
    if fabric.is_global_zero:
        save_file(found, str(Path(sys.argv[1])))
