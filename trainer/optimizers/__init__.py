"""Optimizers, as pure functions of arrays."""
