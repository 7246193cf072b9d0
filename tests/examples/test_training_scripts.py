"""examples/own_corpus.py and examples/compare_recipes.py, run as a reader runs them, on little text."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
WORDS = "tide harbour ship crew rope anchor wind sail port quay crane cargo dock pilot buoy chart deck mast".split()  # noqa: SIM905

pytestmark = [pytest.mark.docs, pytest.mark.timeout(900)]


def run(directory, script, *arguments):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = [sys.executable, str(EXAMPLES / script), *map(str, arguments)]
    ran = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-5000:]
    return ran.stdout


def test_own_text_becomes_a_model(tmp_path):
    chance = random.Random(1)
    lines = []
    for _ in range(60):
        sentences = [" ".join(chance.choices(WORDS, k=chance.randrange(5, 12))).capitalize() + "." for _ in range(4)]
        lines.append(json.dumps({"body": " ".join(sentences)}))
    (tmp_path / "news.jsonl").write_text("\n".join(lines))
    small = ("--text-field", "body", "--vocabulary-size", 105, "--held-out", 10, "--evaluation-records", 50)
    printed = run(tmp_path, "own_corpus.py", "*.jsonl", *small, "--steps", 20)
    assert "masked tokens guessed right on held-out text" in printed
    (evaluation,) = (tmp_path / "workspace").glob("evaluate/*/evaluation.json")
    assert json.loads(evaluation.read_text())["step"] == 20
    assert list((tmp_path / "workspace").glob("export/*/model.safetensors"))
    assert list((tmp_path / "workspace").glob("report/*/report.html"))


def test_two_recipes_share_the_data_and_are_compared(tmp_path):
    printed = run(
        tmp_path, "compare_recipes.py", "quickstart", "--scale", "tiny",
        "--set", "optimizer.kind=adamw", "--set", "optimizer.kind=lamb",
    )  # fmt: skip
    made = {path.name: len(list(path.glob("*"))) for path in (tmp_path / "workspace").iterdir()}
    assert made["train"] == made["report"] == 2
    assert made["extract"] == made["segment"] == made["vocab"] == 1
    rows = [line.split() for line in printed.splitlines() if line.startswith("optimizer.kind=")]
    assert [row[0] for row in rows] == ["optimizer.kind=adamw", "optimizer.kind=lamb"]
    assert all(row[1].endswith("%") and float(row[2]) > 0 for row in rows)
    page = (tmp_path / "comparison.html").read_text()
    assert "adamw" in page and "lamb" in page
