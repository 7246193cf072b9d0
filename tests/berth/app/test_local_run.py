"""A local run: what runs side by side, what a terminal shows, and how it ends if a task fails or it is stopped."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from berth import storage
from berth.recipe.file import load
from support.terminal import Terminal

# Pipelines: one task whose stage makes shards for ever; two of these and what comes after; two short ones, of which
# the second may fail, and what comes after.
RUN = """
import sys
import berth_test_pipeline
from berth import log
from berth.app import cli, local_run
from pipelines.engine import resources
log.setup()
resources.usable_cores = lambda: int(sys.argv[4])
pipeline = getattr(berth_test_pipeline, sys.argv[3])
cli.app = lambda arguments: local_run.execute(pipeline, sys.argv[1], name="demo", recipe=open(sys.argv[2]).read())
cli.main()
"""
PIPELINE = """
from kfp import dsl


@dsl.component(base_image="python", install_kfp_package=False)
def make_shards(recipe: str, workspace: str, name: str = "shards", after: str = "") -> str:
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

    with Task(name, recipe, workspace) as task:
        run(Stage(name, 1, {}), task.destination, work)
    return ""


@dsl.component(base_image="python", install_kfp_package=False)
def learn(recipe: str, workspace: str, name: str, fails: bool = False, after: str = "") -> str:
    import logging
    import os
    import time

    from berth.errors import UsageError
    from berth.progress import Progress
    from berth.stage.task import Task

    with Task(name, recipe, workspace) as task:
        log = logging.getLogger(f"berth.{name}")
        log.info("begins with %s", after)
        if not after:  # wait until the other one has begun as well
            open(os.path.join(workspace, name), "w").close()
            while not all(os.path.exists(os.path.join(workspace, each)) for each in ("one", "two")):
                time.sleep(0.02)
        with Progress("learning", total=10) as progress:
            for number in range(10):
                if fails and number == 5:
                    raise UsageError("wrong", where="demo")
                time.sleep(0.02 if not fails else 0.1)
                progress.update(1, loss=f"{10 - number}.5")
        log.warning("careful: café")
        log.info("ends")
    return f"result of {name}"


@dsl.pipeline
def pipeline(recipe: str, workspace: str) -> str:
    return make_shards(recipe=recipe, workspace=workspace).output


@dsl.pipeline
def endless(recipe: str, workspace: str) -> str:
    common = {"recipe": recipe, "workspace": workspace}
    first, second = make_shards(name="one", **common), make_shards(name="two", **common)
    return make_shards(name="three", after=f"{first.output}{second.output}", **common).output


def short(fails):
    @dsl.pipeline
    def pair(recipe: str, workspace: str) -> str:
        common = {"recipe": recipe, "workspace": workspace}
        first, second = learn(name="one", **common), learn(name="two", fails=fails, **common)
        return learn(name="three", after=f"{first.output} and {second.output}", **common).output

    return pair


good, bad = short(False), short(True)


@dsl.pipeline
def shards_and_failure(recipe: str, workspace: str) -> str:
    common = {"recipe": recipe, "workspace": workspace}
    first, second = make_shards(name="one", **common), learn(name="two", fails=True, after="nothing", **common)
    return make_shards(name="three", after=f"{first.output}{second.output}", **common).output
"""


@pytest.fixture
def start(tmp_path):
    """Start such a run in a process group of its own."""
    (tmp_path / "berth_test_pipeline.py").write_text(PIPELINE)
    (tmp_path / "recipe.json").write_text(load("quickstart").model_dump_json())
    processes = []

    def start(pipeline="pipeline", cores=2):
        environment = {**os.environ, "PYTHONPATH": str(tmp_path), "BERTH_CACHE": str(tmp_path / "cache")}
        command = [sys.executable, "-c", RUN, str(tmp_path / "w"), str(tmp_path / "recipe.json"), pipeline, str(cores)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
        )
        processes.append(process)
        return process

    def terminal(pipeline, cores=2, **options):
        command = [sys.executable, "-c", RUN, str(tmp_path / "w"), str(tmp_path / "recipe.json"), pipeline, str(cores)]
        opened = Terminal(
            command, PYTHONPATH=str(tmp_path), BERTH_CACHE=str(tmp_path / "cache"), **{"columns": 120, **options}
        )
        processes.append(opened.process)
        return opened

    def screen(pipeline, **options):
        opened = terminal(pipeline, **options)
        assert opened.wait() == 0, opened.drawn
        return opened.drawn

    start.terminal, start.screen = terminal, screen
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
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 128 + number, errors
    assert f"berth: shards was stopped by {name}. What is complete is kept: the same command continues." in errors
    assert f"To continue: `berth {tmp_path}/w {tmp_path}/recipe.json pipeline 2`. Log: {tmp_path}/w/logs/" in errors
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
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 143, errors
    assert "was stopped by SIGTERM" in errors and "continues" in errors


def test_independent_tasks_run_side_by_side_and_their_lines_are_in_order(start, tmp_path):
    process = start("good")
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors
    (log,) = (tmp_path / "w" / "logs").iterdir()
    written = [
        re.match(r"(?:\d\d:\d\d:\d\d )?((?:---|one:|two:|three:) .*)", line) for line in log.read_text().split("\n")
    ]
    lines = [match[1].rstrip() for match in written if match]
    assert lines == [
        *("--- learn", "one: begins with", "one: WARNING: careful: café", "one: ends"),
        *("--- learn-2", "two: begins with", "two: WARNING: careful: café", "two: ends"),
        *("--- learn-3", "three: begins with result of one and result of two", "three: WARNING: careful: café"),
        "three: ends",
    ]
    shown = [line[9:].rstrip() for line in errors.splitlines()]
    assert [line for line in shown if not line.startswith("run: ")] == [line for line in lines if line[:3] != "---"]
    stages = ["run: stage 1 of 3, learn", "run: stage 2 of 3, learn-2", "run: stage 3 of 3, learn-3"]
    # On a slow machine there are lines of progress between them.
    assert [line for line in shown if line.startswith("run: ") and "[" not in line] == stages
    assert "\x1b" not in errors and "\r" not in errors
    assert set(json.loads((tmp_path / "cache" / "durations.json").read_text())["demo"]) == {
        "learn",
        "learn-2",
        "learn-3",
    }


def test_a_failure_stops_the_task_beside_it_which_keeps_what_is_complete(start, tmp_path):
    process = start("shards_and_failure")
    _, errors = process.communicate(timeout=200)
    assert process.returncode == 2, errors
    assert errors.splitlines()[-1].startswith("berth: learn failed. demo: wrong. Log: ")
    (directory,) = tmp_path.glob("w/one/*")
    assert list((directory / ".receipts").glob("*.json")) and not list(tmp_path.glob("w/three"))


def test_a_terminal_shows_stage_time_left_bars_and_the_curve_of_the_loss(start, tmp_path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "durations.json").write_text('{"demo": {"learn": 90, "learn-3": 5}}')
    drawn = start.screen("good")
    assert "stages 1 and 2 of 3, about " in drawn and " left, " in drawn and " so far" in drawn
    assert "/10 steps" in drawn and "loss=" in drawn and "loss 10.50 █" in drawn
    assert "  3 of 3  learn-3" in drawn and "careful" in drawn and "begins with" not in drawn


def test_a_narrow_terminal_that_shows_ascii_and_no_colours(start, tmp_path):
    (tmp_path / "w").mkdir()
    for name in ("one", "two"):
        (tmp_path / "w" / name).touch()  # nobody waits for the other one
    drawn = start.screen("good", columns=24, NO_COLOR="1", PYTHONIOENCODING="ascii", cores=1)
    (log,) = (tmp_path / "w" / "logs").iterdir()
    assert "careful: café" in log.read_text(encoding="utf-8"), "the log is text whatever the terminal shows"
    assert "stage 1 of 3" in drawn and drawn.isascii() and "\x1b[3" not in drawn
    assert max(map(len, re.sub(r"\x1b\[[0-9?]*[A-Za-z]", "", drawn).replace("\r", "\n").split("\n"))) <= 60


@pytest.mark.reproducibility
def test_ctrl_c_on_a_terminal_stops_both_tasks_and_says_how_to_continue(start, tmp_path):
    terminal = start.terminal("endless")
    while not all(list(tmp_path.glob(f"w/{name}/*/00003.txt")) for name in ("one", "two")):
        assert terminal.process.poll() is None, terminal.drawn
        time.sleep(0.05)
    terminal.press_ctrl_c()
    assert terminal.wait() == 130, terminal.drawn
    last = terminal.drawn.replace("\r", "").replace("\n", "")
    for name in ("one", "two"):
        assert f"{name} was stopped by Ctrl-C. What is complete is kept: the same command continues." in last
        (directory,) = tmp_path.glob(f"w/{name}/*")
        assert list((directory / ".receipts").glob("*.json"))
    assert "To continue: `berth " in last and "\x1b[?25h" in last  # the cursor is shown again
