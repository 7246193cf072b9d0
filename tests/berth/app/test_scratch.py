"""Temporary directories of runs: removed at their end, and those of killed runs by the next one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from berth.app.scratch import PREFIX, scratch

HOLD = """
import sys
from berth.app.scratch import scratch
with scratch() as directory:
    open(f"{directory}/file", "w").close()
    print(directory, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    return tmp_path


def start() -> tuple[subprocess.Popen, str]:
    """Another process with a directory of its own, and its path."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return process, process.stdout.readline().strip()


def end(process: subprocess.Popen, number: int) -> None:
    process.send_signal(number)
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_a_directory_is_removed_at_the_end(place):
    with scratch() as directory:
        assert os.listdir(place) == [os.path.basename(directory)]
    assert os.listdir(place) == []


def test_what_a_killed_run_has_left_is_removed_by_the_next_but_not_what_is_in_use(place):
    (place / f"{PREFIX}link").symlink_to("/nowhere")
    killed, left = start()
    end(killed, signal.SIGKILL)
    assert os.path.exists(f"{left}/file")
    running, used = start()
    try:
        assert not os.path.exists(left)
        with scratch() as mine:
            assert os.path.exists(f"{used}/file")
            assert mine != used
    finally:
        end(running, signal.SIGKILL)
    with scratch():
        assert not os.path.exists(used)
