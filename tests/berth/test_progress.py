"""Progress: lines with done, total, rate and remaining time without a terminal, a bar on one, events in a task."""

import io
import logging
import os
import subprocess
import sys

import pytest

from berth import log, progress, task_events
from berth.progress import Progress
from support.terminal import run_on_terminal


def test_without_a_terminal_progress_is_plain_lines(monkeypatch, caplog):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level("INFO", logger="berth.records"), Progress("records", total=3, unit="shard") as bar:
        for loss in (3.0, 2.0, 1.0):
            bar.update(1, loss=loss)
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(" ")[0] for line in lines] == ["1/3", "2/3", "3/3"]
    assert all("shard/s" in line and "loss=" in line and "<" in line for line in lines[1:])
    assert not any("\r" in line for line in lines)


def test_bytes_are_scaled(monkeypatch, caplog):
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level("INFO", logger="berth.extract"), Progress("extract", total=4_000_000, unit="B") as bar:
        bar.update(2_000_000)
    assert caplog.records[0].getMessage().startswith("2.0 MB/4.0 MB [")


def test_work_that_was_done_before_does_not_count_for_the_rate(monkeypatch, caplog):
    assert progress.line(60, 50, 100, "step", 5.0, {}) == "60/100 steps [5.0 s<20 s, 2 step/s]"
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level("INFO", logger="berth.train"), Progress("train", total=100, done=50) as bar:
        bar.update(0, loss=1)
        bar.update(10)
    assert [record.getMessage().split(" ")[0] for record in caplog.records] == ["60/100"]


BARS = """
import logging, time
from berth import log
from berth.progress import Progress
log.setup()
with Progress("train", total=2, unit="step") as bar:
    bar.update(1, loss="5.31")
    with Progress("evaluate", total=1, unit="record") as inner:
        inner.update(1)
    logging.getLogger("berth.train").warning("careful")
    time.sleep(0.3)
"""


@pytest.mark.parametrize("columns", [100, 20])
def test_on_a_terminal_progress_is_a_bar_below_the_log(columns):
    status, drawn = run_on_terminal([sys.executable, "-c", BARS], columns=columns)
    assert status == 0 and "train" in drawn and "\x1b[" in drawn
    assert "train: WARNING: careful" in drawn.replace("\r", "").replace("\n", "") or columns < 30
    assert "loss=5.31" in drawn or columns < 30


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"TERM": "unknown"}])
def test_a_terminal_that_cannot_draw_gets_lines(environment):
    status, drawn = run_on_terminal([sys.executable, "-c", BARS], **environment)
    assert status == 0 and "\x1b" not in drawn and "train: WARNING: careful" in drawn


@pytest.mark.parametrize("locale", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}])
def test_a_terminal_without_unicode_gets_a_bar_that_it_can_show(locale):
    status, drawn = run_on_terminal([sys.executable, "-c", BARS], **locale)
    assert status == 0 and "train" in drawn and drawn.isascii()


def test_without_colours_there_are_none():
    _, plain = run_on_terminal([sys.executable, "-c", BARS], NO_COLOR="1")
    _, coloured = run_on_terminal([sys.executable, "-c", BARS])
    assert "\x1b[38;" in coloured or "\x1b[3" in coloured
    assert "\x1b[38;" not in plain and "\x1b[3" not in plain


def test_a_task_of_a_run_sends_its_outermost_operation():
    program = BARS.replace("time.sleep(0.3)", "bar.update(1, loss='4.9')")
    environment = {**os.environ, task_events.VARIABLE: "1"}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    content = [task_events.split(line) for line in run.stdout.removesuffix("\n").split("\n")]
    assert [text for text, _ in content] == [""] * len(content)
    events = [event for _, event in content]
    assert {event["progress"] for event in events} == {"train"}
    assert [(event["done"], event["figures"]) for event in events] == [
        (0, {}),
        (1, {"loss": "5.31"}),
        (2, {"loss": "4.9"}),
    ]


def test_log_lines_have_one_format(monkeypatch):
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    try:
        log.setup()
        logging.getLogger("berth.segment").info("%d shards", 3)
        logging.getLogger("berth.segment").warning("careful")
        logging.getLogger("tensorflow").info("noise")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
    first, second, *rest = stream.getvalue().splitlines()
    assert first[8:] == " segment: 3 shards"
    assert second[8:] == " segment: WARNING: careful"
    assert rest == []
