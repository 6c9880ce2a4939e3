"""
Images (B, 3, H, W) to place descriptors (B, D) and attention (B, h, w).

One paper per file, plus trunks and pooling; :mod:`vpr_ros.networks.registry` makes a network by
name. Importing this package loads no torch.
"""
