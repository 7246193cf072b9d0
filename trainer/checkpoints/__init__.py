"""Checkpoints: writing, reading, converting and exporting them."""
