"""The stages, built once for all trials."""

from crash.stages import stages

__all__ = ["stages"]
