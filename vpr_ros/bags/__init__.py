# Copyright 2026 vpr_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Read and write rosbag1 and rosbag2 (sqlite3, MCAP) without a ROS installation."""
