"""Visual place recognition for ROS 2 robots: where have I been before, from cameras alone."""

__version__ = '0.1.0'
