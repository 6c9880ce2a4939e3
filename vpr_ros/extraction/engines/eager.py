"""The reference engine: PyTorch, as written, in float32."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray
import torch
from vpr_ros.extraction.engines.engine import EngineOutput
from vpr_ros.networks.base import PlaceNetwork

__all__ = ['EagerEngine']


class EagerEngine:
    """Run a network operation by operation."""

    def __init__(self, network: PlaceNetwork, device: torch.device) -> None:
        self._device = device
        # On a CPU channels-last convolutions are several times faster for small networks.
        self._network = network.to(device).to(memory_format=torch.channels_last)

    def run(self, images: NDArray[Any]) -> EngineOutput:
        """Describe images (B, h, w, 3) uint8 RGB of the network's input size."""
        with torch.inference_mode():
            # permute of an (B, h, w, 3) array is channels-last already: nothing is copied
            batch = torch.from_numpy(images).to(self._device).permute(0, 3, 1, 2)
            output = self._network(batch.float().div_(255.0))
            attention = None if output.attention is None else output.attention.cpu().numpy()
            return EngineOutput(output.descriptors.cpu().numpy(), attention)
