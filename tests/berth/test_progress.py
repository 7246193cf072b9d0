"""Progress: lines with done, total, rate and remaining time where there is no terminal; a bar where there is one."""

import fcntl
import io
import logging
import os
import pty
import struct
import termios

from berth import log, progress
from berth.progress import Progress


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
    assert caplog.records[0].getMessage().startswith("2.00M/4.00MB [")


def test_on_a_terminal_progress_is_a_bar(monkeypatch):
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    monkeypatch.setenv(log.TERMINAL_VARIABLE, os.ttyname(child))
    with Progress("train", total=2, unit="step") as bar:
        bar.update(1)
    drawn = os.read(parent, 10_000).decode()
    assert "train:" in drawn and "0/2" in drawn and "step" in drawn
    os.close(parent)
    os.close(child)


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
