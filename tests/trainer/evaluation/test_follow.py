"""Following a training run: another process evaluates every checkpoint once, while the run continues."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from berth.errors import UsageError
from berth.stage import Directory
from berth.stage.inputs import Inputs
from support.trainer_files import RECORDS, VOCABULARY, changed
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.follow import follow

pytestmark = pytest.mark.usefixtures("_shared_engines")

ROOT = Path(__file__).parents[3]
TRAIN = """
import sys
from berth import log
log.setup()
from berth.stage.inputs import Inputs
from berth.recipe import Recipe
from berth.stage import Directory
from trainer.loop.train import train
train(recipe=Recipe.model_validate_json(sys.argv[1]), records={"short": Inputs.of(sys.argv[2])},
      vocabulary=Inputs.of(sys.argv[3]), destination=Directory(sys.argv[4]))
"""


def start(recipe, directory):
    """A training run in a process of its own."""
    arguments = [recipe.model_dump_json(), str(RECORDS), str(VOCABULARY), str(directory)]
    return subprocess.Popen([sys.executable, "-c", TRAIN, *arguments], cwd=ROOT)


def steps(lines):
    return [line["step"] for line in lines]


@pytest.mark.slow
def test_a_training_run_in_another_process_is_followed_to_its_end(tiny_recipe, records, tmp_path):
    """Started before the training; checkpoints are kept long enough that none is missed."""
    phases = [{**phase.model_dump(), "steps": 20} for phase in tiny_recipe.training.phases]
    recipe = changed(tiny_recipe, training={"phases": phases, "keep_checkpoints": 10})
    training = start(recipe, tmp_path / "train")
    lines = follow(directory=str(tmp_path / "train"), records=records, output=str(tmp_path / "out"), seconds=0.05)
    assert training.wait(timeout=60) == 0
    assert [(line["step"], line["sequences"]) for line in lines] == [(step, 4 * step) for step in range(4, 41, 4)]
    assert [json.loads(line) for line in (tmp_path / "out" / "evaluations.jsonl").read_text().splitlines()] == lines
    model = Inputs.of(str(tmp_path / "train"))
    evaluate(model=model, records=records, checkpoints="all", destination=Directory(str(tmp_path / "all")))
    assert (tmp_path / "all" / "evaluations.jsonl").read_bytes() == (
        tmp_path / "out" / "evaluations.jsonl"
    ).read_bytes()


def test_deleted_checkpoints_are_reported(trained, records, tmp_path, caplog):
    """Its first checkpoint is deleted."""
    lines = follow(directory=str(trained), records=records, output=str(tmp_path), seconds=0.05)
    assert steps(lines) == [8, 12]
    assert any("1 checkpoints were deleted before they could be evaluated" in message for message in caplog.messages)
    assert any("those of the steps 4." in message for message in caplog.messages)


def test_with_training_text_each_checkpoint_is_compared_with_a_bigram_table(trained, records, tmp_path):
    copy = shutil.copy(RECORDS, tmp_path / "text.tfrecord.gz")
    text = Inputs.of(str(copy))
    output = str(tmp_path / "out")
    lines = follow(directory=str(trained), records=records, training_records=text, output=output, seconds=0.05)
    assert steps(lines) == [8, 12]
    assert all(0 <= line["only_model_right"] <= line["masked_lm_corrupted_accuracy"] for line in lines)
    assert all(0 < line["only_bigram_right"] < 1 for line in lines)
    with pytest.raises(UsageError, match="this directory holds evaluations on other records"):
        follow(directory=str(trained), records=records, output=output)
    with pytest.raises(UsageError, match="the training records are of the held-out text"):
        follow(directory=str(trained), records=records, training_records=records, output=output)


@pytest.mark.reproducibility
def test_it_continues_where_it_was_stopped(trained, records, tmp_path):
    """What has been evaluated is not evaluated again: shown by a figure that no measurement would give."""
    follow(directory=str(trained), records=records, output=str(tmp_path), seconds=0.05)
    known = [json.loads(line) for line in (tmp_path / "evaluations.jsonl").read_text().splitlines()]
    first = {**known[0], "masked_lm_loss": 1234.5}
    (tmp_path / "evaluations.jsonl").write_text(json.dumps(first) + "\n")
    assert follow(directory=str(trained), records=records, output=str(tmp_path), seconds=0.05) == [first, known[1]]


def test_evaluations_of_something_else_are_not_mixed_with_these(trained, records, tmp_path):
    follow(directory=str(trained), records=records, output=str(tmp_path / "1"), seconds=0.05)
    other = shutil.copy(RECORDS, tmp_path / "other.tfrecord.gz")
    with pytest.raises(UsageError, match="this directory holds evaluations on other records"):
        follow(directory=str(trained), records=Inputs.of(str(other)), output=str(tmp_path / "1"))
    claim = tmp_path / "1" / ".followed.json"
    claim.write_text(json.dumps({**json.loads(claim.read_text()), "training": "another"}))
    with pytest.raises(UsageError, match="this directory holds evaluations of another training"):
        follow(directory=str(trained), records=records, output=str(tmp_path / "1"))
    with pytest.raises(UsageError, match="the output directory holds the output of another command"):
        follow(directory=str(trained), records=records, output=str(trained))


@pytest.mark.slow
def test_what_a_hasty_training_deletes_is_either_evaluated_or_reported(tiny_recipe, records, tmp_path, caplog):
    """A checkpoint after every step, and only the newest kept: many are gone before, or while, they are read."""
    recipe = changed(tiny_recipe, training={"checkpoint_every_steps": 1, "keep_checkpoints": 1})
    training = start(recipe, tmp_path / "train")
    lines = follow(directory=str(tmp_path / "train"), records=records, output=str(tmp_path / "out"), seconds=0.01)
    assert training.wait(timeout=60) == 0
    warnings = [message for message in caplog.messages if "were deleted before they could be evaluated" in message]
    assert warnings and steps(lines)[-1] == 12
    missed = warnings[0].split("of the steps ")[1].split(".")[0].split(", ")
    assert sorted([*steps(lines), *map(int, missed)]) == list(range(1, 13))
