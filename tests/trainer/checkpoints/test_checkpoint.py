"""The checkpoints of a training run: their names, which are kept, and how one is found."""

import shutil

import numpy as np
import pytest

from berth.errors import BerthError
from berth.stage.inputs import Inputs
from support.trainer_files import GOLDEN
from support.unusual_names import FEW, MANY
from trainer import models
from trainer.checkpoints import checkpoint, safetensors
from trainer.checkpoints.checkpoint import Checkpoint

TF1 = GOLDEN / "model" / "model.ckpt-28252"


def test_pruning_keeps_the_newest_of_the_schedule_and_what_is_newest(tmp_path):
    for step in (10, 20, 27, 30, 34):
        safetensors.write(str(tmp_path / checkpoint.name(step)), {}, {})
    checkpoint.prune(str(tmp_path), keep=2, is_scheduled=lambda step: step % 10 == 0)
    assert checkpoint.list_steps(str(tmp_path)) == [20, 30, 34]
    safetensors.write(str(tmp_path / checkpoint.name(40)), {}, {})
    checkpoint.prune(str(tmp_path), keep=2, is_scheduled=lambda step: step % 10 == 0)
    assert checkpoint.list_steps(str(tmp_path)) == [30, 40]


@pytest.mark.parametrize("directory", MANY)
def test_the_directory_of_checkpoints_may_have_any_name(tmp_path, directory):
    place = str(tmp_path / directory)
    for step in (1, 2, 3, 4):
        safetensors.write(f"{place}/{checkpoint.name(step)}", {}, {})
    checkpoint.prune(place, keep=2, is_scheduled=lambda step: True)
    assert checkpoint.list_steps(place) == [3, 4]
    assert Checkpoint.find(place).uri == f"{place}/{checkpoint.name(4)}"
    assert len(checkpoint.of_training(place, every=True).files) == 2
    assert checkpoint.of_training(place).uris == [f"{place}/{checkpoint.name(4)}"]


def test_a_tensorflow_checkpoint_may_be_anywhere(tmp_path):
    wanted = ["bert/pooler/dense/bias"]
    for name in FEW:
        prefix = tmp_path / name / "model[1].ckpt"
        prefix.parent.mkdir()
        for suffix in (".index", ".data-00000-of-00001"):
            shutil.copy(f"{TF1}{suffix}", f"{prefix}{suffix}")
        found = Checkpoint.find(str(prefix))
        assert len(found.files.files) == 2
        assert found.read(wanted, models.get("bert")).arrays.keys() == set(wanted)


def test_locating_a_checkpoint(tmp_path):
    with pytest.raises(BerthError, match="no checkpoint here"):
        Checkpoint.find(str(tmp_path))
    for step in (5, 12):
        safetensors.write(str(tmp_path / checkpoint.name(step)), {}, {})
    assert Checkpoint.find(str(tmp_path)).uri == str(tmp_path / checkpoint.name(12))
    assert Checkpoint.find(str(tmp_path / checkpoint.name(5))).uri == str(tmp_path / checkpoint.name(5))


def test_a_checkpoint_of_a_training_run_has_a_step_and_what_is_next_to_it(tmp_path):
    uri = str(tmp_path / checkpoint.name(7))
    safetensors.write(uri, {}, {})
    found = Checkpoint.find(uri)
    assert (found.step, found.kind, found.directory) == (7, "training", str(tmp_path))
    assert found.configuration is None and found.vocabulary is None
    (tmp_path / "config.json").write_text("{}")
    assert found.configuration == str(tmp_path / "config.json")
    (tmp_path / models.CONFIG).write_text("{}")
    assert found.configuration == str(tmp_path / models.CONFIG)
    assert found.files.uris == [uri]


@pytest.mark.parametrize("name", ["vocab.txt", "checkpoint-1.safetensors.tmp", "checkpoint-x.safetensors", "model"])
def test_other_files_have_no_step(name):
    assert checkpoint.step_of(f"/tmp/{name}") is None


def test_checkpoints_are_in_order_of_their_steps(tmp_path):
    for step in (120, 5, 12):
        safetensors.write(str(tmp_path / checkpoint.name(step)), {}, {})
    files = Inputs.of(str(tmp_path / "*"))
    assert [each.step for each in checkpoint.all_of(files)] == [5, 12, 120]
    assert checkpoint.newest(files).step == 120


def test_variables_are_read_without_the_slots_of_any_optimizer(tmp_path):
    arrays = {
        "bert/pooler/dense/bias": np.ones(2),
        "bert/pooler/dense/bias/adam_m": np.zeros(2),
        "bert/pooler/dense/bias/momentum": np.zeros(2),
        "cls/predictions/output_bias": np.ones(3),
        "loss_scale/scale": np.ones(()),
    }
    uri = str(tmp_path / checkpoint.name(1))
    safetensors.write(uri, arrays, {})
    found = Checkpoint.find(uri).variables(models.get("bert"))
    assert sorted(found) == ["bert/pooler/dense/bias", "cls/predictions/output_bias"]
