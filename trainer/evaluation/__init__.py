"""Evaluation of checkpoints on held-out records."""
