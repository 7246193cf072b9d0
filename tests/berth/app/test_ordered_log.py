"""The log of tasks that run side by side; log files of two runs, and of a workspace in a bucket."""

import io
import os
import stat
import tempfile
from pathlib import Path

from berth.app.ordered_log import OrderedLog, log_file


def test_lines_are_in_the_order_of_the_tasks_whatever_the_order_in_which_they_write():
    file, shown = io.StringIO(), []
    log = OrderedLog(file, 3, shown.append)
    log.write(1, "b1")
    log.write(0, "a1")
    assert shown == ["a1"]
    log.write(2, "c1")
    log.end(1)
    log.write(0, "a2")
    log.end(0)
    assert shown == ["a1", "a2", "b1", "c1"]
    log.write(2, "c2")
    assert file.getvalue() == "a1\na2\nb1\nc1\nc2\n"


def test_a_run_that_ends_early_loses_no_line():
    file = io.StringIO()
    log = OrderedLog(file, 3, lambda line: None)
    log.write(2, "c")
    log.write(1, "b")
    log.close()
    assert file.getvalue() == "b\nc\n"


def test_logs_of_a_workspace_in_a_bucket_are_where_nobody_else_can_plant_a_link(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "logs").mkdir(mode=0o500)  # another user's
    paths = []
    for _ in range(2):
        with log_file("gs://bucket/workspace") as (path, file):
            file.write("line\n")
        paths.append(Path(path))
    assert len({path.parent for path in paths}) == 2
    for path in paths:
        assert path.read_text() == "line\n"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(tmp_path / "logs") == []


def test_logs_of_two_runs_in_one_second_are_two_files(tmp_path):
    for number in range(2):
        with log_file(str(tmp_path)) as (_, file):
            file.write(str(number))
    found = sorted(path.read_text() for path in (tmp_path / "logs").iterdir())
    assert found == ["0", "1"]
