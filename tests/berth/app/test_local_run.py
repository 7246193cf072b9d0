"""A local run: its log, and its end when it is stopped: the task saves what it can, and the run says what that is."""

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from berth import storage
from berth.app.local_run import _log_file
from berth.recipe.file import load

# A pipeline of one task whose stage makes shards for ever.
RUN = """
import sys
from berth_test_pipeline import pipeline
from berth.app import cli, local_run
cli.app = lambda arguments: local_run.execute(pipeline, sys.argv[1], recipe=open(sys.argv[2]).read())
cli.main()
"""
PIPELINE = """
from kfp import dsl


@dsl.component(base_image="python", install_kfp_package=False)
def make_shards(recipe: str, workspace: str) -> str:
    import time

    from berth.stage import Stage, run
    from berth.stage.task import Task

    def work(output):
        for number in range(10_000):
            name = f"{number:05}.txt"
            if not output.is_complete(name):
                with output.shard(name) as shard:
                    shard.write(b"x")
                time.sleep(0.05)

    with Task("shards", recipe, workspace) as task:
        run(Stage("shards", 1, {}), task.destination, work)
    return ""


@dsl.pipeline
def pipeline(recipe: str, workspace: str) -> str:
    return make_shards(recipe=recipe, workspace=workspace).output
"""


@pytest.fixture
def start(tmp_path):
    """Start such a run in a process group of its own."""
    (tmp_path / "berth_test_pipeline.py").write_text(PIPELINE)
    (tmp_path / "recipe.json").write_text(load("quickstart").model_dump_json())
    processes = []

    def start():
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        command = [sys.executable, "-c", RUN, str(tmp_path / "w"), str(tmp_path / "recipe.json")]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        with process:  # closes its pipes
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.reproducibility
@pytest.mark.parametrize(
    ("send", "number", "name"),
    [
        (os.kill, signal.SIGTERM, "SIGTERM"),
        (os.killpg, signal.SIGTERM, "SIGTERM"),
        (os.killpg, signal.SIGINT, "Ctrl-C"),
    ],
    ids=["the process", "its group", "a terminal's Ctrl-C"],
)
def test_the_task_ends_itself_and_the_run_says_so(start, tmp_path, send, number, name):
    process = start()
    while not list(tmp_path.glob("w/shards/*/00003.txt")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    send(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number, errors
    assert f"berth: shards was stopped by {name}. What is complete is kept: the same command continues." in errors
    (directory,) = tmp_path.glob("w/shards/*")
    receipts = [json.loads(path.read_text())["file"] for path in (directory / ".receipts").glob("*.json")]
    assert len(receipts) >= 3
    assert all(receipt["sha256"] == storage.sha256(str(directory / receipt["path"])) for receipt in receipts)


@pytest.mark.reproducibility
def test_a_run_that_is_stopped_before_its_task_begins_says_what_is_known(start, tmp_path):
    process = start()
    while not list(tmp_path.glob("w/logs/*.log")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    time.sleep(0.2)
    os.kill(process.pid, signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143, errors
    assert "was stopped by SIGTERM" in errors and "continues" in errors


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
