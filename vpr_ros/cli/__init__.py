"""The vpr_ros command; its modules import heavy libraries inside functions only."""
