"""A schedule that a checkpoint has begun: the checkpoint must be of the step at which it continues."""

import pytest

from berth.errors import UsageError
from berth.recipe import file as recipe_file
from berth.stage import Directory
from support.trainer_files import changed
from trainer.checkpoints.checkpoint import Checkpoint
from trainer.loop.train import train

PHASE = {"name": "a", "records": "short", "steps": 10, "batch_size": 4, "learning_rate": 0.1}


def continued(recipe, checkpoint, step):
    phase = {**PHASE, "schedule": {"from_step": step, "total_steps": step + 10}}
    return changed(recipe, initial_checkpoint=str(checkpoint), training={"phases": [phase]})


def test_a_checkpoint_of_another_step_is_an_error_before_any_work(tiny_recipe, golden, records, vocabulary, tmp_path):
    recipe = continued(tiny_recipe, golden / "model.ckpt-28252", 28000)
    output = tmp_path / "model"
    with pytest.raises(UsageError, match=r"checkpoint of another step.* step 28,252.* step 28,000") as error:
        train(recipe=recipe, records={"short": records}, vocabulary=vocabulary, destination=Directory(str(output)))
    assert "model.ckpt-28252" in str(error.value) and not output.exists()


@pytest.mark.parametrize(
    ("uri", "step"),
    [
        ("runs/model.ckpt-28252", 28252),
        ("runs/ctl_step_900000.ckpt-9", 900000),
        ("runs/bert_model.ckpt", None),
        ("runs/mymodel.ckpt-0", 0),
    ],
)
def test_the_step_in_a_tensorflow_checkpoints_name(uri, step):
    assert Checkpoint(uri, "tensorflow").named_step == step


def test_the_step_of_our_own_checkpoint_is_that_of_its_name():
    assert Checkpoint("model/checkpoint-00000250.safetensors", "training").named_step == 250
    assert Checkpoint("model/huggingface", "huggingface").named_step is None


def test_the_first_phase_continues_no_schedule_without_a_checkpoint():
    values = ["training.phases.0.schedule={from_step: 100, total_steps: 9000}"]
    with pytest.raises(UsageError, match=r"phases\.0\.schedule continues at step 100, but initial_checkpoint names no"):
        recipe_file.load("quickstart", values)


@pytest.mark.parametrize(
    ("step", "message"), [(5900, r"begins after step 6,000.*from_step: 6000"), (0, "from_step is 0")]
)
def test_a_later_phase_continues_after_the_steps_before_it(step, message):
    with pytest.raises(UsageError, match=message):
        recipe_file.load("quickstart", [f"training.phases.1.schedule={{from_step: {step}, total_steps: 9000}}"])


def test_an_override_of_the_steps_before_a_continued_schedule_is_named():
    with pytest.raises(UsageError, match=r"phases\.1\.schedule\.from_step is 900,000, .* begins after step 800,000"):
        recipe_file.load("notram_t2", ["training.phases.0.steps=800000"])
    values = ["training.phases.0.steps=800000", "training.phases.1.schedule={from_step: 800000, total_steps: 900000}"]
    assert recipe_file.load("notram_t2", values).training.phases[1].first_step == 800_000


def test_a_small_scale_keeps_the_shape_of_a_continued_schedule():
    first, second = recipe_file.load("notram_t2", scale="tiny").training.phases
    assert (first.steps, second.first_step, second.schedule_steps) == (22, 22, 24)
    small = recipe_file.load("notram_t2", ["training.phases.1.schedule.total_steps=50"], scale="tiny")
    assert small.training.phases[1].schedule_steps == 50
