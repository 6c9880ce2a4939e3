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


"""The calibration that ships with a network, for maps that have none of their own."""

from __future__ import annotations

from importlib import resources

from vpr_ros.matching.calibration import Calibration
from vpr_ros.networks.identity import NetworkIdentity

__all__ = ['shipped_calibration']


def shipped_calibration(network: NetworkIdentity, local_kind: str) -> Calibration:
    """
    Return what was learnt when a network was trained, or what says 'default'.

    It holds for the very weights that it was learnt with, and for one kind of local features.
    """
    file = resources.files('vpr_ros') / 'weights' / f'{network.name}_calibration.json'
    if not file.is_file():
        return Calibration()
    found = Calibration.from_json(file.read_text(encoding='utf-8'), source='network')
    if found.about.get('weights_hash') != network.weights_hash:
        return Calibration()
    if local_kind and local_kind != found.local_kind:
        # What is said without geometry holds.
        return Calibration('network', modes={name: mode for name, mode in found.modes.items()
                                             if '+' not in name}, about=found.about)
    return found
