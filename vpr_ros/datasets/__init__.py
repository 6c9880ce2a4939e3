# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Published data sets become traverses: frames with stamps, poses and ground truth.

:func:`vpr_ros.datasets.registry.open_dataset` is the door.
"""
