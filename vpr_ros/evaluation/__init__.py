# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Measure what was recognised: metrics, protocols, and a report for people."""
