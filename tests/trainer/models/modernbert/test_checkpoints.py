"""ModernBERT's checkpoints: read from Hugging Face's directory, exported to one, and what transformers makes of it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from berth.errors import BerthError, UsageError
from berth.recipe import ModelConfig
from berth.stage import Directory
from berth.stage.inputs import Inputs
from support.modernbert_model import MODEL, features
from support.trainer_files import VOCABULARY, changed
from trainer import models
from trainer.checkpoints import checkpoint, safetensors
from trainer.checkpoints.checkpoint import Checkpoint
from trainer.checkpoints.initial_weights import load, of_recipe
from trainer.engines import Settings, create
from trainer.models.modernbert import huggingface
from trainer.serving.export import export

ROOT = Path(__file__).parents[4]
LAYER = "modernbert/layer_{}/{}"
PARTS = ("attention/LayerNorm/gamma", "attention/qkv/kernel", "attention/output/kernel")
NAMES = {
    "modernbert/embeddings/word_embeddings",
    "modernbert/embeddings/LayerNorm/gamma",
    *(LAYER.format(layer, part) for layer in range(4) for part in PARTS),
    *(LAYER.format(layer, f"mlp/{part}") for layer in range(4) for part in ("LayerNorm/gamma", "input/kernel")),
    *(LAYER.format(layer, "mlp/output/kernel") for layer in range(4)),
    "modernbert/LayerNorm/gamma",
    "modernbert/transform/dense/kernel",
    "modernbert/transform/LayerNorm/gamma",
    "cls/output_bias",
} - {"modernbert/layer_0/attention/LayerNorm/gamma"}
TOKENS = VOCABULARY.read_text().split("\n")[:-1]


@pytest.fixture(scope="module")
def arrays():
    """The golden model's variables, by our names."""
    return Checkpoint.find(str(MODEL)).read(NAMES, models.get("modernbert")).arrays


@pytest.fixture(scope="module")
def model(arrays, tmp_path_factory):
    """The golden model as if Berth had trained it."""
    directory = tmp_path_factory.mktemp("model")
    safetensors.write(str(directory / checkpoint.name(3)), arrays, {"step": 3})
    config = models.read_configuration(str(MODEL / "config.json"))
    (directory / "bert_config.json").write_bytes(config.to_json())
    (directory / "vocab.txt").write_text("\n".join(TOKENS) + "\n")
    (directory / "training.json").write_text(json.dumps({"lower_case": False}))
    return directory


def run(model, directory, kind):
    export(model=Inputs.of(str(model / "checkpoint-*")), format=kind, destination=Directory(str(directory)))
    return directory


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """The golden model as a Hugging Face directory."""
    return run(model, tmp_path_factory.mktemp("export") / "huggingface", "huggingface")


def test_every_variable_is_found(arrays):
    assert set(arrays) == NAMES
    assert Checkpoint.find(str(MODEL)).read([], models.get("modernbert")).layers == 4
    assert arrays["modernbert/layer_2/attention/qkv/kernel"].shape == (48, 3 * 48)


def test_an_encoder_without_heads_is_found_under_its_shorter_names():
    assert huggingface.candidates("modernbert/layer_1/mlp/input/kernel") == [
        "model.layers.1.mlp.Wi.weight",
        "layers.1.mlp.Wi.weight",
    ]


def test_an_export_is_the_directory_that_was_read(exported):
    ours, _ = safetensors.read(str(exported / "model.safetensors"))
    theirs, _ = safetensors.read(str(MODEL / "model.safetensors"))
    assert set(ours) == set(theirs)
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array)
    settings = json.loads((exported / "tokenizer_config.json").read_text())
    assert settings["model_input_names"] == ["input_ids", "attention_mask"] and settings["model_max_length"] == 96
    assert json.loads((exported / "tokenizer.json").read_text())["normalizer"]["lowercase"] is False
    before, after = (json.loads((directory / "config.json").read_text()) for directory in (MODEL, exported))
    assert {key: after[key] for key in before} == before


def test_an_exported_encoder_has_the_transform_and_no_decoder(model, arrays, tmp_path):
    found, _ = safetensors.read(str(run(model, tmp_path / "encoder", "encoder") / "encoder.safetensors"))
    assert set(found) == set(arrays) - {"cls/output_bias"}


@pytest.fixture
def recipe(tiny_recipe):
    """A recipe that starts from a copy of the golden directory."""
    shape = {"hidden_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 64}
    model = ModelConfig(architecture="modernbert", local_attention=16, max_position_embeddings=96, **shape)
    records = {"short": {"max_seq_length": 64, "objective": "mlm", "rng": "keyed"}}
    return changed(tiny_recipe, model=model.model_dump(), records=records, initial_checkpoint=str(MODEL))


def start(recipe, arrays):
    shapes = {name: array.shape for name, array in arrays.items()}
    return of_recipe(recipe, shapes, models.configuration_of(recipe.model, len(TOKENS)), TOKENS)


def test_a_training_run_starts_from_hugging_faces_directory(recipe, arrays, caplog):
    found = start(recipe, arrays)
    assert all((found[name] == array).all() for name, array in arrays.items())
    assert not caplog.messages


def test_what_no_shape_shows_is_compared(recipe, arrays, caplog):
    start(changed(recipe, model={"local_attention": 8, "global_rope_theta": 10000.0}), arrays)
    assert [message.partition("config.json")[2] for message in caplog.messages] == [
        " has local_attention 16, the recipe's model 8",
        " has global_rope_theta 160000.0, the recipe's model 10000.0",
    ]


def test_a_checkpoint_whose_decoder_is_not_tied_is_refused(recipe, arrays, tmp_path):
    (tmp_path / "model.safetensors").write_bytes((MODEL / "model.safetensors").read_bytes())
    content = json.loads((MODEL / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**content, "tie_word_embeddings": False}))
    with pytest.raises(BerthError, match=r"config\.json: .*another model. Found tie_word_embeddings false"):
        start(changed(recipe, initial_checkpoint=str(tmp_path)), arrays)


def test_a_configuration_of_another_architecture_is_refused(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "roberta"}')
    with pytest.raises(
        UsageError, match=r"model_type: .*unknown architecture. Found roberta. Expected bert or modernbert"
    ):
        models.read_configuration(str(tmp_path / "config.json"))


def test_a_saved_model_takes_token_ids_of_any_length(model, tmp_path):
    import tensorflow as tf

    signature = tf.saved_model.load(str(run(model, tmp_path / "savedmodel", "savedmodel"))).signatures[
        "serving_default"
    ]
    names = ("input_ids", "input_mask", "segment_ids", "masked_lm_positions")
    whole = features()
    with np.load(MODEL / "expected.npz") as content:
        expected = content["logits"]
    for row, length in ((0, 96), (3, 17)):
        batch = {name: tf.constant(whole[name][row : row + 1, :length]) for name in names}
        logits = signature(**batch)["masked_lm_logits"].numpy()[..., ::4]
        np.testing.assert_allclose(logits[0], expected[row, :length], atol=1e-5)


def transformers_logits(directory, *configuration):
    path = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
    command = [sys.executable, "-m", "support.modernbert_transformers", str(directory), *configuration]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": path})
    return np.load(directory / "logits.npy")


@pytest.mark.torch
def test_transformers_load_every_key_and_give_the_same_logits(exported):
    with np.load(MODEL / "expected.npz") as expected:
        np.testing.assert_allclose(transformers_logits(exported)[..., ::4], expected["logits"], atol=1e-4)


CONFIGURATIONS = {
    "windows, bases and depths": {
        "num_hidden_layers": 5,
        "global_attn_every_n_layers": 2,
        "local_attention": 7,
        "global_rope_theta": 5000.0,
        "local_rope_theta": 70.0,
    },
    "untied, other activations": {
        "tie_word_embeddings": False,
        "hidden_activation": "gelu_pytorch_tanh",
        "classifier_activation": "relu",
        "norm_eps": 1e-3,
    },
    "global only": {"global_attn_every_n_layers": 1, "num_hidden_layers": 2},
    "another order of layers": {
        "layer_types": ["sliding_attention", "sliding_attention", "full_attention"],
        "num_hidden_layers": 3,
    },
}


@pytest.mark.torch
@pytest.mark.parametrize("changes", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_what_transformers_write_is_computed_as_they_do(changes, tmp_path):
    content = json.loads((MODEL / "config.json").read_text())
    spellings = {"layer_types", "rope_parameters"}
    published = {key: value for key, value in content.items() if key not in spellings} | changes
    expected = transformers_logits(tmp_path, json.dumps(published))
    (tmp_path / "published").mkdir()
    (tmp_path / "published" / "config.json").write_text(json.dumps(published))
    of_published, of_newer = (
        models.read_configuration(str(directory / "config.json")) for directory in (tmp_path / "published", tmp_path)
    )
    engine = create("tensorflow", Settings(of_published, next_sentence=False))
    engine.assign(load(str(tmp_path), engine.shapes, models.get("modernbert"), seed=0, stddev=0.02))
    batch = features()
    logits = engine.predict(batch)[0] * batch["input_mask"][..., None]
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    for key in ("layer_types", "reach", "global_rope_theta", "local_rope_theta", "tie_word_embeddings", "norm_eps"):
        assert getattr(of_published, key) == getattr(of_newer, key)
