"""A run on a cluster, job by job, as processes: each pod's command, with its environment, in one workspace."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from berth.cluster import manifests
from berth.recipe import file as recipe_file
from berth.stage import run_index as runs

SHORT = [
    "vocabulary.size=2000",
    "records.short.dupe_factor=1",
    "records.long.dupe_factor=1",
    "training.checkpoint_every_steps=4",
    "training.phases.0.steps=8",
    "training.phases.0.warmup_steps=4",
    "training.phases.1.steps=4",
    "evaluation.examples=50",
    "fine_tuning={sample: {task: mnli, data: 'package://berth_recipes/samples/mnli', epochs: 1, max_seq_length: 32}}",
]
PROGRAMS = {"berth": ["-c", "from berth.app.cli import main; main()"], "python": []}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def run_pod(recipe, kind, directory):
    """Run what the only pod of a rendered job runs, with the recipe from its config map."""
    destination = manifests.Placement("registry.example.org/berth:1.0", str(directory / "workspace"), None)
    config, content, job = manifests.job(recipe, kind, destination)
    spec = job["spec"]["replicatedJobs"][0]["template"]["spec"] if job["kind"] == "JobSet" else job["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    (directory / "recipe.yaml").write_text(content["data"]["recipe.yaml"])
    words = [word.replace("/etc/berth", str(directory)) for word in container["args"]]
    for name, value in config["data"].items():  # as Kubernetes fills in
        words = [word.replace(f"$({name})", value) for word in words]
    program, *first = container["command"]
    command = [sys.executable, *PROGRAMS[program], *first, *words]
    run = subprocess.run(command, cwd=directory, env={**os.environ, **config["data"]}, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stderr


def test_data_training_evaluation_fine_tuning_and_what_is_left(tmp_path):
    recipe = recipe_file.load("quickstart", SHORT)
    workspace = str(tmp_path / "workspace")
    run_pod(recipe, "data-prep", tmp_path)
    assert set(runs.data(workspace, recipe)) == {"vocabulary", "evaluation set", "records short", "records long"}
    assert runs.training(workspace, recipe) is None

    run_pod(recipe, "train", tmp_path)
    trained = Path(runs.training(workspace, recipe))
    assert (trained / "manifest.json").exists()

    run_pod(recipe, "evaluate", tmp_path)
    lines = [json.loads(line) for line in Path(f"{trained}-followed", "evaluations.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 12 and {"masked_lm_accuracy", "only_bigram_right"} <= set(lines[-1])

    run_pod(recipe, "finetune", tmp_path)
    (tuned,) = (tmp_path / "workspace" / "finetune").glob("*/finetuning.json")
    assert json.loads(tuned.read_text())["step"] == 12

    # Whoever runs the recipe now finds the training done, in the same place, and makes the rest.
    flags = [part for setting in SHORT for part in ("--set", setting)]
    command = [sys.executable, *PROGRAMS["berth"], "run", "quickstart", "--workspace", workspace, *flags]
    rest = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert rest.returncode == 0, rest.stderr
    assert f"train: up to date: {trained}" in rest.stderr and "evaluate: started" in rest.stderr
    assert "extract: started" not in rest.stderr
    assert f"finetune: up to date: {tuned.parent}" in rest.stderr
