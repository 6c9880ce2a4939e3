"""ROS-free machinery that every live host shares."""
