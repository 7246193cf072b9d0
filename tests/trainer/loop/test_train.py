"""Training: its output, and that interruptions leave no trace in it."""

import json
import logging
import math
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import berth.stage
from berth.errors import BerthError, UsageError
from berth.stage import Directory, Stage, Workspace
from berth.stage.inputs import Inputs
from support.toy_training import while_writing
from support.trainer_files import RECORDS, VOCABULARY, changed
from trainer.checkpoints import checkpoint, safetensors
from trainer.loop.train import train

pytestmark = pytest.mark.usefixtures("_shared_engines")

CHECKPOINT = "checkpoint-*.safetensors"
CLOCK = "manifest.json"  # holds the seconds the stage took


def run(recipe, records, vocabulary, directory):
    return train(
        recipe=recipe, records={"short": records}, vocabulary=vocabulary, destination=Directory(str(directory))
    )


def contents(directory):
    """The result's files; hidden ones are not part of it."""
    return {path.name: path.read_bytes() for path in Path(directory).glob("[!.]*") if path.name != CLOCK}


def test_the_result_is_checkpoints_metrics_and_the_models_description(trained, tiny_recipe, vocabulary):
    assert {path.name for path in trained.iterdir()} == {
        ".revisions.json",
        ".tensorboard",
        "bert_config.json",
        "checkpoint-00000008.safetensors",
        "checkpoint-00000012.safetensors",
        "manifest.json",
        "metrics.jsonl",
        "training.json",
        "vocab.txt",
    }
    assert json.loads((trained / "bert_config.json").read_text())["vocab_size"] == 2373
    summary = json.loads((trained / "training.json").read_text())
    assert (summary["steps"], summary["sequences"]) == (12, 48)
    assert [phase["max_seq_length"] for phase in summary["phases"]] == [64, 64]
    lines = [json.loads(line) for line in (trained / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["phase"]) for line in lines] == [
        (3, "first"),
        (6, "first"),
        (9, "second"),
        (12, "second"),
    ]
    for line in lines:
        assert line["loss"] == pytest.approx(line["masked_lm_loss"] + line["next_sentence_loss"])
        assert line["masked_lm_loss"] == pytest.approx(math.log(2373), abs=0.5)
        assert line["gradient_norm"] > 0
    assert [line["learning_rate"] for line in lines] == pytest.approx([0.01 * 4 / 6, 0.01 / 6] * 2)


def test_checkpoints_hold_variables_slots_and_the_position_in_the_data(trained):
    arrays, state = safetensors.read(str(trained / checkpoint.name(8)))
    assert {"bert/embeddings/word_embeddings", "bert/embeddings/word_embeddings/adam_v"} <= set(arrays)
    assert (state["step"], state["phase"], state["step_in_phase"], state["position"]) == (8, "second", 2, 32)


@pytest.mark.reproducibility
def test_sigterm_saves_and_the_same_command_finishes_with_the_same_bytes(
    trained, tiny_recipe, records, vocabulary, tmp_path
):
    """Stopped after the first checkpoint, so in the first or second phase, with accumulation or without.

    The directory's name would match others if it were taken for a pattern.
    """
    directory = tmp_path / "out[1] *?, #%"

    def stop_after_first_checkpoint():
        while not list(directory.glob(CHECKPOINT)):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    watcher = threading.Thread(target=stop_after_first_checkpoint)
    watcher.start()
    with pytest.raises(BerthError, match=r"stopped by SIGTERM after step \d+ of 12") as error:
        run(tiny_recipe, records, vocabulary, directory)
    watcher.join()
    assert error.value.exit_status == 143
    assert not (directory / "manifest.json").exists()
    assert run(tiny_recipe, records, vocabulary, directory).was_up_to_date is False
    assert contents(directory) == contents(trained)


def interrupted(finished, directory):
    """A copy of a finished training run without its manifest, as if it was killed just before writing it."""
    shutil.copytree(finished, directory)
    claim = {"stage": "train", "digest": json.loads((directory / "manifest.json").read_text())["digest"]}
    (directory / ".stage.json").write_text(json.dumps(claim))
    (directory / "manifest.json").unlink()
    return directory


@pytest.mark.reproducibility
def test_a_disk_that_is_full_when_saving_leaves_the_old_checkpoint_whole(
    trained, tiny_recipe, records, vocabulary, tmp_path
):
    """And with room again, the same command ends with the files of an undisturbed run."""
    directory = interrupted(trained, tmp_path / "out")
    (directory / checkpoint.name(12)).unlink()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that the limit gives an OSError, as a full disk does
    half = (directory / checkpoint.name(8)).stat().st_size // 2

    def limit(name, piece):  # not before: the records are unpacked into a larger file
        resource.setrlimit(resource.RLIMIT_FSIZE, (half, limits[1]))

    try:
        with (
            while_writing(limit),
            pytest.raises(BerthError, match=r"checkpoint-00000012\.safetensors: cannot write here.*Free space"),
        ):
            run(tiny_recipe, records, vocabulary, directory)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert checkpoint.list_steps(str(directory)) == [8]
    assert not list(directory.glob(".*.tmp"))
    run(tiny_recipe, records, vocabulary, directory)
    assert contents(directory) == contents(trained)


def test_a_checkpoint_of_another_model_in_the_output_is_refused(trained, tiny_recipe, records, vocabulary, tmp_path):
    directory = interrupted(trained, tmp_path / "out")
    arrays, state = safetensors.read(str(directory / checkpoint.name(12)))
    safetensors.write(str(directory / checkpoint.name(12)), arrays, {**state, "model": "of another"})
    with pytest.raises(
        BerthError,
        match=r"checkpoint-00000012\.safetensors: the checkpoint .* belongs to another model",
    ):
        run(tiny_recipe, records, vocabulary, directory)


def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_is_used(
    trained, tiny_recipe, records, vocabulary, tmp_path, caplog
):
    directory = interrupted(trained, tmp_path / "out")
    newest = directory / checkpoint.name(12)
    newest.write_bytes(newest.read_bytes()[:-1])
    run(tiny_recipe, records, vocabulary, directory)
    assert any(f"{newest}: the checkpoint is damaged" in message for message in caplog.messages)
    assert contents(directory) == contents(trained)


def test_done_is_done(trained, tiny_recipe, records, vocabulary):
    assert run(tiny_recipe, records, vocabulary, trained).was_up_to_date
    with pytest.raises(UsageError, match="another train run"):
        run(changed(tiny_recipe, seed=8), records, vocabulary, trained)


def test_finding_that_there_is_nothing_to_do_needs_no_tensorflow():
    stages = "trainer.loop.train, trainer.evaluation.evaluate, trainer.serving.export"
    code = f"import sys, {stages}; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"tensorflow", "keras", "numba", "jax"} & set(loaded)


def test_weights_start_from_a_checkpoint(trained, tiny_recipe, records, vocabulary, tmp_path):
    """Without a step worth mentioning, the result is the checkpoint it started from."""
    phase = {**tiny_recipe.training.phases[0].model_dump(), "steps": 1, "warmup_steps": 1}  # rate 0
    start = {"initial_checkpoint": str(trained), "initialization": {"vocabulary": "by_token"}}
    recipe = changed(tiny_recipe, **start, training={"phases": [phase]})
    run(recipe, records, vocabulary, tmp_path / "out")
    before, _ = safetensors.read(str(trained / checkpoint.name(12)), lambda name: "/adam_" not in name)
    after, _ = safetensors.read(str(tmp_path / "out" / checkpoint.name(1)), lambda name: "/adam_" not in name)
    assert all((before[name] == after[name]).all() for name in before)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {"initial_checkpoint", "initial_vocabulary"} <= set(manifest["inputs"])
    assert manifest["parameters"]["initialization"]["vocabulary"] == "by_token"


def test_what_cannot_be_trained_is_refused(tiny_recipe, records, vocabulary, tmp_path):
    with pytest.raises(UsageError, match=r"--records short=DIR: the records of a phase are not given"):
        train(recipe=tiny_recipe, records={}, vocabulary=vocabulary, destination=Directory(str(tmp_path / "1")))
    small = tmp_path / "vocab.txt"
    small.write_text("\n".join(VOCABULARY.read_text().split("\n")[:100]) + "\n")
    with pytest.raises(BerthError, match=r"qarib-64-cased.tfrecord.gz, record \d+: a record does not fit the model"):
        run(tiny_recipe, records, Inputs.of(str(small)), tmp_path / "2")


def test_records_of_another_vocabulary_are_refused(tiny_recipe, vocabulary, tmp_path):
    """The manifest of the records says which vocabulary they were made with."""
    other = tmp_path / "other.txt"
    other.write_text(VOCABULARY.read_text().replace("[UNK]", "[unk]"))

    def make(output):
        with output.shard("part-00000-of-00001.tfrecord.gz") as shard:
            shard.write(RECORDS.read_bytes())

    stage = Stage("records", 1, {}, {"vocabulary": Inputs.of(str(other))})
    made = berth.stage.run(stage, Directory(str(tmp_path / "records")), make)
    with pytest.raises(UsageError, match=r"the records 'short' were made with another vocabulary"):
        run(tiny_recipe, made.files("*.tfrecord*"), vocabulary, tmp_path / "out")


def test_a_loss_that_is_no_number_stops_with_the_step(tiny_recipe, records, vocabulary, tmp_path):
    phase = {**tiny_recipe.training.phases[0].model_dump(), "learning_rate": 1e38, "warmup_steps": 0}
    recipe = changed(tiny_recipe, training={"phases": [phase]}, optimizer={"clip_global_norm": None})
    with pytest.raises(BerthError, match=r"not a finite number at step 2.*no checkpoint yet.*Lower the learning rate"):
        run(recipe, records, vocabulary, tmp_path / "out")


def test_the_last_good_checkpoint_is_named_when_the_loss_is_no_number(tiny_recipe, records, vocabulary, tmp_path):
    good, bad = (phase.model_dump() for phase in tiny_recipe.training.phases)
    bad |= {"learning_rate": 1e38, "warmup_steps": 0}
    recipe = changed(tiny_recipe, training={"phases": [good, bad]}, optimizer={"clip_global_norm": None})
    with pytest.raises(BerthError, match=r"checkpoint-00000004.*number at step 8.*good checkpoint at step 4"):
        run(recipe, records, vocabulary, tmp_path / "out")


SCRIPT = """
import sys
from berth import log
log.setup()
from berth.stage.inputs import Inputs
from berth.recipe import Recipe
from berth.stage import Directory
from trainer.loop.train import train
recipe, records = Recipe.model_validate_json(open(sys.argv[1]).read()), Inputs.of(sys.argv[2])
train(recipe=recipe, records={"short": records}, vocabulary=Inputs.of(sys.argv[3]),
      evaluation=records if recipe.evaluation.is_during_training else None, destination=Directory(sys.argv[4]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("every_steps", [None, 5], ids=["alone", "evaluated"])
def test_killed_at_random_moments_it_ends_with_the_same_bytes(tiny_recipe, tmp_path, every_steps):
    phases = [{**phase.model_dump(), "steps": 60} for phase in tiny_recipe.training.phases]
    training = {"phases": phases, "checkpoint_every_steps": 7}
    recipe = changed(tiny_recipe, training=training, evaluation={"every_steps": every_steps})
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())

    def start(directory):
        arguments = [str(tmp_path / "recipe.json"), str(RECORDS), str(VOCABULARY), str(directory)]
        return subprocess.Popen([sys.executable, "-c", SCRIPT, *arguments], cwd=Path(__file__).parents[3])

    assert start(tmp_path / "undisturbed").wait() == 0
    generator, kills = np.random.default_rng(), 0
    while True:
        process = start(tmp_path / "killed")
        known = len(list((tmp_path / "killed").glob(CHECKPOINT))) if kills else 0
        # Let each attempt get on, so that the test ends: kill it soon after a checkpoint it wrote itself.
        while process.poll() is None and len(list((tmp_path / "killed").glob(CHECKPOINT))) <= min(known, 1):
            time.sleep(0.01)
        time.sleep(generator.uniform(0.0, 0.3))
        if process.poll() is not None or kills == 4:
            break
        process.kill()
        process.wait()
        kills += 1
    assert process.wait() == 0 and kills
    assert contents(tmp_path / "killed") == contents(tmp_path / "undisturbed")


@pytest.mark.parametrize(
    "changes",
    [{"keep_checkpoints": 9}, {"checkpoint_every_steps": 5}, {"log_every_steps": 2}],
    ids=lambda each: next(iter(each)),
)
def test_what_changes_no_weight_is_no_other_training_run(trained, tiny_recipe, records, vocabulary, changes):
    recipe = changed(tiny_recipe, training=changes)
    assert run(recipe, records, vocabulary, trained).was_up_to_date


@pytest.fixture
def constant(tiny_recipe):
    """One phase of a constant rate with this number of steps, and perhaps another one after it."""

    def of(steps, *others):
        phase = {**tiny_recipe.training.phases[0].model_dump(), "steps": steps, "end_learning_rate": 0.01}
        after = {**phase, "name": "after", "steps": 2}
        return changed(tiny_recipe, training={"phases": [phase, after] if others else [phase]})

    return of


@pytest.mark.parametrize("more", [(8,), (6, "after")], ids=["a longer phase", "another phase"])
def test_more_steps_continue_the_same_run(constant, records, vocabulary, tmp_path, more, caplog):
    """In a directory of its own, finished or not, and in a workspace: the weights are those of an undisturbed run."""
    longer, (steps, end) = constant(*more), (6, 8)
    run(longer, records, vocabulary, tmp_path / "whole")
    run(constant(steps), records, vocabulary, tmp_path / "out")
    with caplog.at_level(logging.INFO):
        result = run(longer, records, vocabulary, tmp_path / "out")
    assert any("continuing after step 6" in message for message in caplog.messages)
    assert result.manifest.digest == json.loads((tmp_path / "whole" / "manifest.json").read_text())["digest"]
    whole, _ = safetensors.read(str(tmp_path / "whole" / checkpoint.name(end)))
    here, _ = safetensors.read(str(tmp_path / "out" / checkpoint.name(end)))
    assert all(np.array_equal(here[name], whole[name]) for name in whole)
    caplog.clear()
    place = {"records": {"short": records}, "vocabulary": vocabulary, "destination": Workspace(str(tmp_path / "w"))}
    first = train(recipe=constant(steps), **place)
    with caplog.at_level(logging.INFO):
        second = train(recipe=longer, **place)
    assert any(f"continuing the training run in {first.uri} after step 6" in message for message in caplog.messages)
    there, _ = safetensors.read(f"{second.uri}/{checkpoint.name(end)}")
    assert all(np.array_equal(there[name], whole[name]) for name in whole)


def test_what_does_is_named(trained, tiny_recipe, records, vocabulary):
    phases = [dict(phase.model_dump()) for phase in tiny_recipe.training.phases]
    phases[1]["steps"] = 7
    with pytest.raises(UsageError, match=r"another train run. Found training\.phases\.1\.steps = 6 there, 7 now"):
        run(changed(tiny_recipe, training={"phases": phases}), records, vocabulary, trained)
