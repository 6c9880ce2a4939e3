# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The message texts exist twice; they must not drift apart."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_package_data_equals_the_interface_package():
    interface = ROOT / 'vpr_msgs' / 'msg'
    data = ROOT / 'vpr_ros' / 'messages' / 'definitions' / 'vpr_msgs' / 'msg'
    texts = {path.name: path.read_text() for path in interface.glob('*.msg')}
    assert len(texts) >= 3
    assert {path.name: path.read_text() for path in data.glob('*.msg')} == texts
