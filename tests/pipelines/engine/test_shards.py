"""Names of shards, and progress over them."""

from __future__ import annotations

import logging

from berth import progress
from berth.stage.output import Output
from pipelines.engine import shards
from pipelines.engine.shards import report, shard_names, watched


def test_names():
    assert shard_names("part", 2, "txt") == ["part-00000-of-00002.txt", "part-00001-of-00002.txt"]


def test_progress_counts_complete_shards_and_those_under_way(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(shards, "SECONDS_BETWEEN_LOOKS", 0.01)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    output, seen = Output(str(tmp_path)), []
    monkeypatch.setattr(progress.Progress, "update", lambda self, done: seen.append(done))
    with caplog.at_level(logging.INFO), watched("work", output, {"a": 100, "b": 10}, unit="B"):
        report("a", 30)
        with output.shard("b"):
            pass
    assert sum(seen) == 40
    with watched("work", output, {"a": 100}, unit="B"), output.shard("a"):
        pass
    assert sum(seen) == 140
