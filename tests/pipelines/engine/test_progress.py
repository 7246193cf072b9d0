"""Progress over shards."""

from __future__ import annotations

import logging

from berth import progress
from berth.stage.output import Output
from pipelines.engine import progress as engine_progress
from pipelines.engine.progress import report_progress, shard_progress


def test_progress_counts_complete_shards_and_those_being_written(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(engine_progress, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    output, seen = Output(str(tmp_path)), []
    monkeypatch.setattr(progress.Progress, "update", lambda self, done: seen.append(done))
    with caplog.at_level(logging.INFO), shard_progress("work", output, {"a": 100, "b": 10}, unit="B"):
        report_progress("a", 30)
        with output.shard("b"):
            pass
    assert sum(seen) == 40
    with shard_progress("work", output, {"a": 100}, unit="B"), output.shard("a"):
        pass
    assert sum(seen) == 140
