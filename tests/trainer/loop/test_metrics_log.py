"""The logs of a training run: what cannot be written for TensorBoard ends no training run."""

from __future__ import annotations

import json
import logging

from tensorboard.summary.writer.record_writer import RecordWriter

from berth.stage.output import Output
from trainer.loop.metrics_log import MetricsLog


def evaluated(log: MetricsLog, output: Output, step: int) -> list[int]:
    """The steps in evaluations.jsonl after another evaluation was added."""
    log.add_evaluation({"step": step, "masked_lm_loss": 1.0})
    with open(output.path("evaluations.jsonl"), encoding="utf-8") as file:
        return [json.loads(line)["step"] for line in file]


def warnings(caplog) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_directory_of_events_that_cannot_be_made_is_one_warning(tmp_path, caplog):
    (tmp_path / ".tensorboard").write_text("a file")
    output = Output(str(tmp_path))
    log = MetricsLog(output, 0, is_writer=True, next_sentence=False)
    assert evaluated(log, output, 10) == [10]
    assert evaluated(log, output, 20) == [10, 20]
    log.write()
    log.close()
    (warning,) = warnings(caplog)
    assert "training goes on without event files for TensorBoard" in warning
    assert ".tensorboard" in warning


def test_an_event_file_that_cannot_grow_is_one_warning(tmp_path, caplog):
    output = Output(str(tmp_path))
    log = MetricsLog(output, 0, is_writer=True, next_sentence=False)
    assert evaluated(log, output, 10) == [10]
    assert not warnings(caplog)
    events = log._events
    assert events is not None
    events._file.close()
    events._file = open("/dev/full", "wb")  # noqa: SIM115  a device without space
    events._records = RecordWriter(events._file)
    assert evaluated(log, output, 20) == [10, 20]
    assert evaluated(log, output, 30) == [10, 20, 30]
    log.close()
    (warning,) = warnings(caplog)
    assert "No space left on device" in warning
