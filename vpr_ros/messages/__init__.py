# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Records <-> ROS messages, and image decoding; without rclpy (see ``rclpy_factory``)."""
