"""Checkpoints: one type, one file a format; first weights, and exports."""
