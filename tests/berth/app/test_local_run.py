"""The log of a local run: in the workspace, or in a directory of this user alone."""

import os
import stat
import tempfile
from pathlib import Path

from berth.app.local_run import _log_file


def test_logs_of_a_workspace_in_a_bucket_are_where_nobody_else_can_plant_a_link(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "logs").mkdir(mode=0o500)  # another user's
    paths = []
    for _ in range(2):
        with _log_file("gs://bucket/workspace") as (path, file):
            file.write("line\n")
        paths.append(Path(path))
    assert len({path.parent for path in paths}) == 2
    for path in paths:
        assert path.read_text() == "line\n"
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert os.listdir(tmp_path / "logs") == []


def test_logs_of_two_runs_in_one_second_are_two_files(tmp_path):
    for number in range(2):
        with _log_file(str(tmp_path)) as (_, file):
            file.write(str(number))
    found = sorted(path.read_text() for path in (tmp_path / "logs").iterdir())
    assert found == ["0", "1"]
