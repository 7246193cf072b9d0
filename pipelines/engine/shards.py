"""Names of a stage's shards."""

from __future__ import annotations


def shard_names(stem: str, count: int, extension: str) -> list[str]:
    """``stem-00000-of-00008.extension`` and so on, in order."""
    return [f"{stem}-{index:05d}-of-{count:05d}.{extension}" for index in range(count)]
