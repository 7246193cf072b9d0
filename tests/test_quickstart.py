"""The whole way, as a user goes it: run, run again, kill it at random moments, and compare what came out."""

import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[1]
SHORT = {
    "vocabulary.size": 2000,
    "records.short.dupe_factor": 2,
    "records.long.dupe_factor": 1,
    "training.checkpoint_every_steps": 4,
    "training.phases.0.steps": 16,
    "training.phases.0.warmup_steps": 4,
    "training.phases.1.steps": 8,
    "training.phases.1.warmup_steps": 2,
    "evaluation.examples": 100,
}
COMMAND = [
    sys.executable,
    "-c",
    "from berth.app.cli import main; main()",
    "run",
    str(ROOT / "recipes" / "quickstart.yaml"),
]
COMMAND += [part for key, value in SHORT.items() for part in ("--set", f"{key}={value}")]
# What describes a run rather than its result; see ARCHITECTURE.md.
OF_THE_RUN = {"seconds", "tools", "seal"}
# The name of a workspace is never taken for anything else.
UNUSUAL = "ws[1] *?,#%~{a}'é"

pytestmark = [pytest.mark.reproducibility, pytest.mark.timeout(900)]


def result(workspace):
    """Every file of a workspace that two runs must share, as bytes; manifests without what describes the run."""
    files = {}
    for path in sorted(workspace.rglob("*")):
        name = str(path.relative_to(workspace))
        if (
            not path.is_file()
            or name.startswith("logs/")
            or name.endswith(("report.html", "report.md"))
            or "/." in name
        ):
            continue
        content = path.read_bytes()
        if path.name == "manifest.json" and not name.startswith("report/"):
            content = {key: value for key, value in json.loads(content).items() if key not in OF_THE_RUN}
            content["inputs"] = {key: value["digest"] for key, value in content["inputs"].items()}
        elif path.name == "manifest.json":
            content = sorted(json.loads(content)["inputs"])
        files[re.sub(r"^report/\w+/", "report/", name)] = content
    return files


def run(workspace):
    return subprocess.run([*COMMAND, "--workspace", str(workspace)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    workspace = tmp_path_factory.mktemp("undisturbed")
    finished = run(workspace)
    assert finished.returncode == 0, finished.stderr
    return workspace


def test_a_second_run_finds_everything_up_to_date(undisturbed):
    before = result(undisturbed)
    again = run(undisturbed)
    assert again.returncode == 0
    assert "started:" not in again.stderr and again.stderr.count("up to date") >= 11
    assert result(undisturbed) == before


def kill_the_stage(process):
    """SIGKILL for the process that does the stage's work; `berth run` itself lives on and reports."""
    for child in psutil.Process(process.pid).children(recursive=True):
        if "kfp.dsl.executor_main" in " ".join(child.cmdline()) and "python" in child.name():
            child.kill()


def kill_everything(process):
    """SIGKILL for all processes of the run at once, as when the power goes."""
    os.killpg(process.pid, signal.SIGKILL)


def kill_berth_alone(process):
    """SIGKILL for `berth run`; the stage is left behind and must end itself."""
    os.kill(process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("stage", "kill"),
    [
        ("segment", kill_the_stage),
        ("records", kill_everything),
        ("train", kill_the_stage),
        ("train", kill_berth_alone),
    ],
)
def test_after_a_kill_the_same_command_gives_the_same_bytes(undisturbed, tmp_path, stage, kill):
    manifests = list((undisturbed / stage).glob("*/manifest.json"))
    took = max(json.loads(path.read_text())["seconds"] for path in manifests)
    chance = random.Random(
        f"{stage} {kill.__name__}"
    )  # another moment for each case, the same in each run of the tests
    log = tmp_path / "stderr.txt"
    kills = 0
    while kills < 2:  # the second time a stage is killed that is being continued
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [*COMMAND, "--workspace", str(tmp_path / UNUSUAL)],
                stderr=stderr,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
            while process.poll() is None and f" {stage}: started:" not in log.read_text():
                time.sleep(0.02)
            assert process.poll() is None, log.read_text()
            time.sleep(chance.uniform(0.0, 0.8 * took))
            kill(process)
            process.wait()
        kills += 1
        if len(list((tmp_path / UNUSUAL / stage).glob("*/manifest.json"))) == len(manifests):  # it came too late
            shutil.rmtree(tmp_path / UNUSUAL / stage)
            kills, took = 0, took / 2
    finished = run(tmp_path / UNUSUAL)
    assert finished.returncode == 0, finished.stderr
    assert result(tmp_path / UNUSUAL) == result(undisturbed)


def test_the_model_and_the_report_are_there(undisturbed):
    report = next(undisturbed.glob("report/*/report.html")).read_text()
    assert "quickstart" in report
    assert {path.name for path in undisturbed.glob("export/*/*")} >= {"config.json", "model.safetensors", "vocab.txt"}
    figures = json.loads(next(undisturbed.glob("evaluate/*/evaluation.json")).read_text())
    assert 0.0 < figures["baseline"]["masked_lm_accuracy"] < 1.0


def test_ctrl_c_during_training_saves_a_checkpoint_and_names_the_command_that_continues(undisturbed, tmp_path):
    workspace = tmp_path / UNUSUAL
    shutil.copytree(undisturbed, workspace)
    for stage in ("train", "evaluate", "export", "report"):
        shutil.rmtree(workspace / stage)
    command = [*COMMAND, "--set", "training.phases.0.steps=4000", "--workspace", str(workspace)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    try:
        while not list(workspace.glob("train/*/checkpoint-*")):
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=300)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    last = errors.decode().splitlines()[-1]
    assert process.returncode == 130, errors
    step = int(re.search(r"training was stopped by Ctrl-C after step (\d+) of 4008\. ", last)[1])
    assert list(workspace.glob(f"train/*/checkpoint-*{step}.safetensors"))
    assert f"To continue: `berth {shlex.join(command[3:])}`. Log: " in last
