"""A training run that one engine began is continued by the other, from the command line."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.trainer_files import RECORDS, VOCABULARY, changed
from trainer.checkpoints import checkpoint, safetensors

ROOT = Path(__file__).parents[3]
MIDDLE, END = 10, 20


@pytest.fixture(scope="module")
def train(tiny_recipe, tmp_path_factory):
    """Run `berth train` in a process of its own; its messages."""
    directory = tmp_path_factory.mktemp("recipe")
    phase = {**tiny_recipe.training.phases[0].model_dump(), "steps": END, "learning_rate": 0.005}
    recipe = changed(
        tiny_recipe,
        training={"phases": [phase], "checkpoint_every_steps": MIDDLE},
        model={"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
    )
    (directory / "recipe.yaml").write_text(recipe.model_dump_json())
    (directory / "records").mkdir()
    shutil.copy(RECORDS, directory / "records" / "part-00000-of-00001.tfrecord.gz")

    def train(output, engine):
        arguments = ["train", directory / "recipe.yaml", "--records", f"short={directory / 'records'}"]
        arguments += ["--vocab", VOCABULARY, "--output", output, "--set", f"training.engine={engine}"]
        environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
        program = "from berth.app.cli import main; main()"
        finished = subprocess.run(
            [sys.executable, "-c", program, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert finished.returncode == 0, finished.stderr
        return finished.stderr

    return train


def interrupted(finished, directory):
    """A copy of a finished training as it was after the checkpoint in the middle."""
    shutil.copytree(finished, directory)
    digest = json.loads((directory / "manifest.json").read_text())["digest"]
    (directory / ".stage.json").write_text(json.dumps({"stage": "train", "digest": digest}))
    (directory / "manifest.json").unlink()
    (directory / checkpoint.name(END)).unlink()
    return directory


@pytest.mark.slow
def test_weights_agree_whichever_engine_goes_on(train, tmp_path):
    for engine in ("tensorflow", "jax"):
        train(tmp_path / engine, engine)
    for begun, other in (("tensorflow", "jax"), ("jax", "tensorflow")):
        directory = interrupted(tmp_path / begun, tmp_path / f"{begun}-{other}")
        assert f"continuing after step {MIDDLE}" in train(directory, other)
    expected, _ = safetensors.read(str(tmp_path / "tensorflow" / checkpoint.name(END)))
    for name in ("jax", "tensorflow-jax", "jax-tensorflow"):
        arrays, state = safetensors.read(str(tmp_path / name / checkpoint.name(END)))
        assert set(arrays) == set(expected) and state["step"] == END
        for variable, array in expected.items():
            np.testing.assert_allclose(arrays[variable], array, atol=1e-5, err_msg=f"{name}: {variable}")
    # What is finished is finished for both.
    before = (tmp_path / "jax" / "manifest.json").stat().st_mtime_ns
    train(tmp_path / "jax", "tensorflow")
    assert (tmp_path / "jax" / "manifest.json").stat().st_mtime_ns == before
