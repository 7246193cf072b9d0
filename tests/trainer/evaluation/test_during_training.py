"""Evaluation during training: its figures, the best checkpoint, the target, and what interruptions leave of them."""

import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest
import tensorflow as tf

import berth.stage
from berth.errors import BerthError, UsageError
from berth.stage import Directory, Stage
from berth.stage.inputs import Inputs
from support.trainer_files import RECORDS, VOCABULARY, changed
from trainer.checkpoints import checkpoint
from trainer.evaluation.evaluate import evaluate
from trainer.loop.train import train

pytestmark = pytest.mark.usefixtures("_shared_engines")

TARGET = {"metric": "masked_lm_loss", "value": 0.001}
FIGURES = (
    "masked_lm_loss",
    "masked_lm_accuracy",
    "masked_lm_corrupted_accuracy",
    "next_sentence_loss",
    "next_sentence_accuracy",
)
TRAINING_FIGURES = [name for name in FIGURES if "corrupted" not in name]


def run(recipe, records, vocabulary, directory):
    sets = {"short": records}
    return train(
        recipe=recipe, records=sets, vocabulary=vocabulary, evaluation=records, destination=Directory(str(directory))
    )


def contents(directory):
    """The result's files; the manifest holds the seconds the stage took."""
    return {path.name: path.read_bytes() for path in Path(directory).glob("[!.]*") if path.name != "manifest.json"}


def lines_of(directory):
    return [json.loads(line) for line in (directory / "evaluations.jsonl").read_text().splitlines()]


def summary_of(directory):
    return json.loads((directory / "training.json").read_text())


def unfinished(directory, copy):
    """A copy of a finished training run without its manifest, as if it was killed just before writing it."""
    shutil.copytree(directory, copy)
    digest = json.loads((copy / "manifest.json").read_text())["digest"]
    (copy / ".stage.json").write_text(json.dumps({"stage": "train", "digest": digest}))
    (copy / "manifest.json").unlink()
    return copy


@pytest.fixture(scope="module")
def recipe(tiny_recipe):
    """The tiny recipe, evaluated after every second step; its second phase unlearns what the first has learned.

    What is the best follows from the loss; the target is out of reach.
    """
    first, second = (phase.model_dump() for phase in tiny_recipe.training.phases)
    phases = [first, {**second, "learning_rate": 50.0}]
    return changed(tiny_recipe, training={"phases": phases}, evaluation={"every_samples": 8, "target": TARGET})


@pytest.fixture(scope="module")
def undisturbed(_shared_engines, recipe, records, vocabulary, tmp_path_factory):
    """The output of a training run that nothing interrupted."""
    directory = tmp_path_factory.mktemp("evaluated") / "out"
    run(recipe, records, vocabulary, directory)
    return directory


def test_the_model_is_evaluated_at_the_start_at_intervals_and_at_the_end_of_phases(undisturbed):
    lines = lines_of(undisturbed)
    assert [(line["step"], line["phase"], line["sequences"]) for line in lines] == [
        (0, "first", 0),
        (2, "first", 8),
        (4, "first", 16),
        (6, "first", 24),
        (8, "second", 32),
        (10, "second", 40),
        (12, "second", 48),
    ]
    assert set(lines[0]) == {"step", "phase", "sequences", *FIGURES}


def test_its_figures_are_those_of_an_evaluation_afterwards(undisturbed, records, tmp_path):
    evaluate(
        model=Inputs.of(str(undisturbed)), records=records, batch_size=17, destination=Directory(str(tmp_path / "out"))
    )
    after = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert after["step"] == 12
    assert {name: after[name] for name in FIGURES} == pytest.approx(
        {name: lines_of(undisturbed)[-1][name] for name in FIGURES}, rel=1e-5
    )


def test_the_evaluation_before_the_first_step_proves_that_a_checkpoint_was_loaded(
    undisturbed, recipe, records, vocabulary, tmp_path
):
    phase = {**recipe.training.phases[0].model_dump(), "steps": 1, "warmup_steps": 0}
    begun = changed(recipe, initial_checkpoint=str(undisturbed), training={"phases": [phase]})
    run(begun, records, vocabulary, tmp_path / "out")
    start, end = lines_of(tmp_path / "out")[0], lines_of(undisturbed)[-1]
    assert start["step"] == 0
    assert {name: start[name] for name in FIGURES} == {name: end[name] for name in FIGURES}


def test_the_best_checkpoint_is_kept_with_the_newest_and_recorded(undisturbed):
    summary, lines = summary_of(undisturbed), lines_of(undisturbed)
    best = min(lines[1:], key=lambda line: line["masked_lm_loss"])
    assert best["step"] == 6  # between two scheduled checkpoints, and older than those that are kept
    assert summary["best"] == {
        "step": 6,
        "masked_lm_loss": best["masked_lm_loss"],
        "checkpoint": "checkpoint-00000006.safetensors",
    }
    assert checkpoint.list_steps(str(undisturbed)) == [6, 8, 12]
    assert summary["ended"] == {"step": 12, "sequences": 48, "target_reached": False}


@pytest.mark.reproducibility
def test_stopped_and_started_again_it_ends_with_the_same_bytes(undisturbed, recipe, records, vocabulary, tmp_path):
    """Stopped soon after the best checkpoint of that moment was written."""
    directory = tmp_path / "out"

    def stop():
        while not list(directory.glob("checkpoint-*.safetensors")):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    watcher = threading.Thread(target=stop)
    watcher.start()
    with pytest.raises(BerthError, match="stopped by SIGTERM"):
        run(recipe, records, vocabulary, directory)
    watcher.join()
    run(recipe, records, vocabulary, directory)
    assert contents(directory) == contents(undisturbed)


@pytest.mark.reproducibility
def test_lines_about_steps_after_the_checkpoint_are_dropped_and_written_again(
    undisturbed, recipe, records, vocabulary, tmp_path
):
    directory = unfinished(undisturbed, tmp_path / "out")
    for step in (8, 12):
        (directory / checkpoint.name(step)).write_bytes(b"damaged")
    run(recipe, records, vocabulary, directory)
    assert contents(directory) == contents(undisturbed)
    (_, before), (start, after) = scalars(directory)
    assert max(before["train/loss"]) == 12
    assert start == 7  # TensorBoard hides this step and later ones of the file before
    assert min(after["evaluation/masked_lm_loss"]) == 8


@pytest.fixture(scope="module")
def reached(recipe, undisturbed, records, vocabulary, tmp_path_factory):
    """A training run with a target that it reaches after step 6."""
    lines = {line["step"]: line for line in lines_of(undisturbed)}
    assert lines[6]["masked_lm_loss"] < lines[4]["masked_lm_loss"] < lines[2]["masked_lm_loss"]
    target = {"metric": "masked_lm_loss", "value": lines[6]["masked_lm_loss"] + 1e-6}
    directory = tmp_path_factory.mktemp("target") / "out"
    targeted = changed(recipe, evaluation={"target": target})
    run(targeted, records, vocabulary, directory)
    return targeted, directory


def test_training_ends_at_the_target(reached, undisturbed):
    _, directory = reached
    assert summary_of(directory)["ended"] == {"step": 6, "sequences": 24, "target_reached": True}
    assert summary_of(directory)["best"]["step"] == 6
    assert checkpoint.list_steps(str(directory)) == [4, 6]
    assert lines_of(directory) == lines_of(undisturbed)[:4]
    assert (directory / "manifest.json").exists()


def test_a_target_that_was_reached_stays_reached(reached, records, vocabulary, tmp_path):
    """Killed after its last checkpoint, before its manifest: nothing is trained any more."""
    recipe, directory = reached
    copy = unfinished(directory, tmp_path / "out")
    run(recipe, records, vocabulary, copy)
    assert contents(copy) == contents(directory)


def scalars(directory):
    """What TensorBoard reads: for each event file the first step of its run, and steps and values by tag."""
    files = []
    for path in sorted((directory / ".tensorboard").iterdir()):
        tags = {}
        start = None
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            if event.HasField("session_log"):
                start = event.step
            for value in event.summary.value:
                tags.setdefault(value.tag, {})[event.step] = value.simple_value
        files.append((start, tags))
    return files


def test_tensorboard_gets_the_metrics_the_speed_and_the_evaluations(undisturbed):
    ((start, tags),) = scalars(undisturbed)
    assert start == 0
    assert set(tags) == {
        *(f"evaluation/{name}" for name in FIGURES),
        *(f"train/{name}" for name in (*TRAINING_FIGURES, "loss", "learning_rate", "gradient_norm")),
        "speed/sequences_per_second",
        "speed/model_flops_per_second",
    }
    metrics = [json.loads(line) for line in (undisturbed / "metrics.jsonl").read_text().splitlines()]
    assert tags["train/loss"] == pytest.approx({line["step"]: line["loss"] for line in metrics})
    assert tags["evaluation/masked_lm_accuracy"] == pytest.approx(
        {line["step"]: line["masked_lm_accuracy"] for line in lines_of(undisturbed)}
    )
    assert all(value > 0 for value in tags["speed/sequences_per_second"].values())


def test_recipe_and_files_must_agree(recipe, tiny_recipe, records, vocabulary, tmp_path):
    given = {"records": {"short": records}, "vocabulary": vocabulary, "destination": Directory(str(tmp_path / "out"))}
    with pytest.raises(UsageError, match="evaluates during training, but the evaluation set is not given"):
        train(recipe=recipe, **given)
    with pytest.raises(UsageError, match="is given, but the recipe does not evaluate during training"):
        train(recipe=tiny_recipe, evaluation=records, **given)


def test_an_evaluation_set_of_another_vocabulary_is_refused(recipe, undisturbed, records, vocabulary, tmp_path):
    """What was picked from records was made with their vocabulary."""
    other = tmp_path / "other.txt"
    other.write_text(VOCABULARY.read_text().replace("[UNK]", "[unk]"))

    def copy(output):
        with output.shard("eval.tfrecord.gz") as shard:
            shard.write(RECORDS.read_bytes())

    made = berth.stage.run(
        Stage("records", 1, {}, {"vocabulary": Inputs.of(str(other))}), Directory(str(tmp_path / "records")), copy
    )
    picked = berth.stage.run(
        Stage("evalset", 1, {}, {"records": made.files("*")}), Directory(str(tmp_path / "evalset")), copy
    ).files("*")
    destination = Directory(str(tmp_path / "out"))
    with pytest.raises(UsageError, match=r"the records 'evaluation' were made with another vocabulary"):
        train(
            recipe=recipe, records={"short": records}, vocabulary=vocabulary, evaluation=picked, destination=destination
        )
    with pytest.raises(UsageError, match=r"the records 'evaluation' were made with another vocabulary"):
        evaluate(model=Inputs.of(str(undisturbed)), records=picked, destination=destination)
