"""The quickstart with its workspace in Cloud Storage: the real client and all stages, against an emulator."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from berth import storage

ROOT = Path(__file__).parents[1]
SHORT = {
    "vocabulary.size": 2000,
    "records.short.dupe_factor": 1,
    "records.long.dupe_factor": 1,
    "training.checkpoint_every_steps": 4,
    "training.phases.0.steps": 8,
    "training.phases.0.warmup_steps": 4,
    "training.phases.1.steps": 4,
    "training.phases.1.warmup_steps": 2,
    "evaluation.examples": 50,
}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


def berth(*words):
    command = [sys.executable, "-c", "from berth.app.cli import main; main()", *words]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run


def test_the_quickstart_in_a_bucket(bucket, tmp_path):
    workspace = f"{bucket}/workspace"
    settings = [word for key, value in SHORT.items() for word in ("--set", f"{key}={value}")]
    command = ["run", str(ROOT / "recipes" / "quickstart.yaml"), "--workspace", workspace, *settings]
    first = berth(*command)
    report = next(line.split()[-1] for line in first.stdout.splitlines() if line.startswith("report "))
    assert report.startswith(workspace) and "quickstart" in storage.read_text(report)
    assert "started:" not in berth(*command).stderr
    uris = storage.glob(storage.Pattern(workspace, "**"))
    assert not [uri for uri in uris if re.search(r"/\.(?!tensorboard/|revisions)", uri)]

    # It can be brought home, and its data are those of a local run.
    berth("verify", workspace)
    berth("sync", workspace, str(tmp_path / "home"))
    berth("verify", str(tmp_path / "home"))
    berth(*command[:2], "--workspace", str(tmp_path / "local"), "--until", "data", *settings)
    manifests = [path for path in (tmp_path / "local").glob("*/*/manifest.json") if path.parts[-3] != "report"]
    assert len(manifests) == 7
    for manifest in manifests:
        there = tmp_path / "home" / manifest.relative_to(tmp_path / "local")
        assert json.loads(there.read_text())["files"] == json.loads(manifest.read_text())["files"], manifest
