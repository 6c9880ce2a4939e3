"""Frames to descriptions, fast: preprocessing, engines, batching."""
