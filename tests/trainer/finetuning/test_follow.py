"""Fine-tuning the checkpoints of a training run from another pod."""

import json
import logging
import threading

import pytest

from berth.errors import UsageError
from support.trainer_files import changed
from trainer import pod
from trainer.loop.train import train

SAMPLES = "package://berth_recipes/samples/mnli"


def asking(recipe, every_steps, **training):
    """The recipe with a fine-tuning after every `every_steps` of its twelve updates."""
    task = {"task": "mnli", "data": SAMPLES, "max_seq_length": 24, "epochs": 1, "every_steps": every_steps}
    return changed(recipe, training={"keep_checkpoints": 9, **training}, fine_tuning={"sample": task})


def steps(workspace):
    return sorted(json.loads(path.read_text())["step"] for path in workspace.glob("finetune/*/finetuning.json"))


def pre_train(recipe, records, vocabulary, workspace):
    destination = pod.TrainingWorkspace(str(workspace), recipe)
    train(recipe=recipe, records={"short": records}, vocabulary=vocabulary, destination=destination)


@pytest.mark.slow
def test_each_checkpoint_that_the_recipe_asks_for_is_fine_tuned_once(tiny_recipe, records, vocabulary, tmp_path):
    recipe = asking(tiny_recipe, 4)
    pre_train(recipe, records, vocabulary, tmp_path)
    last = pod.finetune(recipe, "sample", str(tmp_path), seconds=0.1)
    assert steps(tmp_path) == [4, 8, 12]
    assert json.loads((tmp_path / last / "finetuning.json").read_text())["step"] == 12
    again = pod.finetune(recipe, "sample", str(tmp_path), seconds=0.1)
    assert again == last


@pytest.mark.reproducibility
def test_it_waits_for_a_training_run_that_has_not_started(tiny_recipe, records, vocabulary, tmp_path):
    recipe = asking(tiny_recipe, None)
    following = threading.Thread(target=pod.finetune, args=(recipe, "sample", str(tmp_path), 0.1))
    following.start()
    pre_train(recipe, records, vocabulary, tmp_path)
    following.join(timeout=300)
    assert not following.is_alive()
    assert steps(tmp_path) == [12]


@pytest.mark.slow
def test_a_checkpoint_that_was_never_saved_is_reported_and_skipped(tiny_recipe, records, vocabulary, tmp_path, caplog):
    recipe = asking(tiny_recipe, 5)
    pre_train(recipe, records, vocabulary, tmp_path)
    with caplog.at_level(logging.WARNING, logger="berth.finetune"):
        pod.finetune(recipe, "sample", str(tmp_path), seconds=0.1)
    assert steps(tmp_path) == [12]
    assert "there is no checkpoint of step 5 to fine-tune" in caplog.text


def test_a_task_that_the_recipe_does_not_have(tiny_recipe, tmp_path):
    with pytest.raises(UsageError, match=r"--name other: the recipe has no such task\. Expected sample"):
        pod.finetune(asking(tiny_recipe, None), "other", str(tmp_path))
