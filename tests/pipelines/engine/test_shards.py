"""Names of shards."""

from __future__ import annotations

from pipelines.engine.shards import shard_names


def test_names():
    assert shard_names("part", 2, "txt") == ["part-00000-of-00002.txt", "part-00001-of-00002.txt"]
