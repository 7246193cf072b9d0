"""Weights: random ones fixed by the seed, and those of other programs' checkpoints."""

import json

import numpy as np
import pytest

from berth.errors import BerthError
from trainer import models
from trainer.checkpoints import checkpoint, safetensors
from trainer.checkpoints import initial_weights as weights
from trainer.checkpoints.checkpoint import Checkpoint
from trainer.models.bert import huggingface

SHAPES = {
    "bert/embeddings/word_embeddings": (200, 32),
    "bert/encoder/layer_0/attention/self/query/kernel": (32, 32),
    "bert/encoder/layer_0/attention/self/query/bias": (32,),
    "bert/encoder/layer_0/attention/output/LayerNorm/gamma": (32,),
    "bert/pooler/dense/kernel": (32, 32),
    "cls/predictions/output_bias": (200,),
    "cls/seq_relationship/output_weights": (2, 32),
}


def load(uri, shapes=SHAPES):
    return weights.load(str(uri), shapes, models.get("bert"), seed=1, stddev=0.02)


def test_random_weights_are_those_of_bert():
    first = weights.initial(SHAPES, seed=1, stddev=0.02)
    table = first["bert/embeddings/word_embeddings"]
    assert table.dtype == np.float32 and abs(table.mean()) < 1e-3
    assert np.abs(table).max() <= 0.04
    assert table.std() == pytest.approx(0.02 * 0.8796, rel=0.02)  # of a normal cut off at two deviations
    assert (first["bert/encoder/layer_0/attention/output/LayerNorm/gamma"] == 1).all()
    assert not first["cls/predictions/output_bias"].any()


def test_random_weights_depend_on_seed_and_name_only():
    whole = weights.initial(SHAPES, seed=1, stddev=0.02)
    alone = weights.initial({"bert/pooler/dense/kernel": (32, 32)}, seed=1, stddev=0.02)
    np.testing.assert_array_equal(whole["bert/pooler/dense/kernel"], alone["bert/pooler/dense/kernel"])
    other = weights.initial(SHAPES, seed=2, stddev=0.02)
    assert (whole["bert/pooler/dense/kernel"] != other["bert/pooler/dense/kernel"]).all()


def test_a_tf1_checkpoint_is_read_by_name(golden):
    loaded = load(golden / "model.ckpt-28252")
    assert {name: array.shape for name, array in loaded.items()} == SHAPES
    assert len(Checkpoint.find(str(golden / "model.ckpt-28252")).files.files) == 2


def export(directory, arrays, prefix=True, old_names=False):
    """A Hugging Face directory."""
    theirs = {huggingface.name_of(name): huggingface.convert(name, array) for name, array in arrays.items()}
    if not prefix:
        theirs = {name.removeprefix("bert."): a for name, a in theirs.items() if not name.startswith("cls.")}
    if old_names:
        theirs = {name.replace("LayerNorm.weight", "LayerNorm.gamma"): array for name, array in theirs.items()}
    (directory / "config.json").write_text(json.dumps({"model_type": "bert"}))
    safetensors.write(str(directory / "model.safetensors"), theirs)


@pytest.mark.parametrize("old_names", [False, True])
def test_a_hugging_face_directory_gives_the_same_weights(golden, tmp_path, old_names):
    arrays = load(golden / "model.ckpt-28252")
    export(tmp_path, arrays, old_names=old_names)
    loaded = load(tmp_path)
    assert all((loaded[name] == arrays[name]).all() for name in SHAPES)
    assert len(Checkpoint.find(str(tmp_path)).files.files) == 2


def test_heads_that_an_encoder_lacks_are_random_and_said_so(golden, tmp_path, caplog):
    arrays = load(golden / "model.ckpt-28252")
    export(tmp_path, arrays, prefix=False)
    loaded = load(tmp_path)
    assert any("initialized at random: cls/predictions/output_bias" in line for line in caplog.messages)
    assert loaded["cls/seq_relationship/output_weights"].std() > 0.01
    name = "bert/pooler/dense/kernel"
    np.testing.assert_array_equal(loaded[name], arrays[name])


def test_own_checkpoints_are_read_from_their_file_or_directory(golden, tmp_path):
    arrays = load(golden / "model.ckpt-28252")
    safetensors.write(str(tmp_path / checkpoint.name(4)), arrays, {"step": 4})
    for uri in (tmp_path, tmp_path / checkpoint.name(4)):
        assert all((load(uri)[name] == arrays[name]).all() for name in SHAPES)


def test_every_variable_that_does_not_fit_is_named(golden):
    shapes = {**SHAPES, "bert/pooler/dense/kernel": (64, 64), "bert/encoder/layer_7/output/dense/bias": (32,)}
    with pytest.raises(BerthError, match="belongs to another model") as error:
        load(golden / "model.ckpt-28252", shapes)
    assert "bert/encoder/layer_7/output/dense/bias" in str(error.value)
    assert "bert/pooler/dense/kernel [32, 32] where the model has [64, 64]" in str(error.value)


def test_where_there_is_no_checkpoint(tmp_path):
    with pytest.raises(BerthError, match="no checkpoint here"):
        Checkpoint.find(str(tmp_path))
