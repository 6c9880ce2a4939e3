"""ROS 2 nodes: the only code that imports rclpy; thin shells around the same Localizer."""
