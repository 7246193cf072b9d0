"""The model is Hugging Face's ModernBertForMaskedLM: its names, logits, loss and gradients, in both engines."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.modernbert_model import MODEL, compute, dropped_logits, features
from trainer import models
from trainer.checkpoints import safetensors
from trainer.checkpoints.initial_weights import load
from trainer.engines import Settings, create
from trainer.models.dropout import example_keys

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module")
def by_jax(tmp_path_factory):
    """What JAX computes, in a process of its own: Keras computes with one engine in a process."""
    output = tmp_path_factory.mktemp("computed") / "jax.safetensors"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
        "KERAS_BACKEND": "jax",
    }
    command = [sys.executable, "-m", "support.modernbert_model", "jax", str(output)]
    subprocess.run(command, env=environment, check=True)
    return safetensors.read(str(output))[0]


@pytest.fixture(scope="module", params=["tensorflow", pytest.param("jax", marks=pytest.mark.slow)])
def computed(request):
    """Arrays by name: logits, loss and gradients of an engine."""
    return compute("tensorflow") if request.param == "tensorflow" else request.getfixturevalue("by_jax")


def test_logits_and_loss_are_those_of_hugging_face(computed):
    with np.load(MODEL / "expected.npz") as expected:
        np.testing.assert_allclose(computed["logits"][..., ::4], expected["logits"], atol=1e-5)
        assert computed["loss"] == pytest.approx(float(expected["loss"]), abs=1e-5)


def test_each_gradient_has_the_norm_of_hugging_faces(computed):
    name_of = models.get("modernbert").huggingface.name_of
    norms = {
        f"gradient_norm/{name_of(name.removeprefix('gradient/'))}": float(np.linalg.norm(gradient))
        for name, gradient in computed.items()
        if name.startswith("gradient/")
    }
    with np.load(MODEL / "expected.npz") as expected:
        theirs = {name: float(expected[name]) for name in expected.files if name.startswith("gradient_norm/")}
    assert norms == pytest.approx(theirs, abs=1e-5)


@pytest.fixture(scope="module")
def batch():
    """The golden batch."""
    return features()


def engine_of(**changes):
    """TensorFlow's engine with the golden weights, and another configuration."""
    config = models.read_configuration(str(MODEL / "config.json")).model_copy(update=changes)
    engine = create("tensorflow", Settings(config, next_sentence=False))
    engine.assign(load(str(MODEL), engine.shapes, models.get("modernbert"), seed=0, stddev=0.02))
    return engine


def test_padding_does_not_matter(batch):
    """The content of the padding, and how much of it there is, changes nothing."""
    engine = engine_of(max_position_embeddings=104)
    other = dict(batch, input_ids=np.where(batch["input_mask"] == 1, batch["input_ids"], 5))
    for name in ("input_ids", "input_mask", "segment_ids"):
        other[name] = np.pad(other[name], ((0, 0), (0, 8)))
    logits = [engine.predict(each)[0] * batch["input_mask"][..., None] for each in (batch, other)]
    np.testing.assert_allclose(*logits, atol=1e-5)


def test_a_local_layer_sees_half_of_its_window_to_each_side(batch):
    engine = engine_of(layer_types=["sliding_attention"] * 4, local_attention=6)
    other = dict(batch, input_ids=batch["input_ids"].copy())
    other["input_ids"][0, 40] = 7
    before, after = engine.predict(batch)[0][0], engine.predict(other)[0][0]
    changed = np.flatnonzero(np.abs(before - after).max(axis=-1) > 0)
    assert (changed.min(), changed.max()) == (40 - 4 * 3, 40 + 4 * 3)  # four layers of three positions each


def test_a_decoder_that_is_not_tied_has_weights_of_its_own(batch, tmp_path):
    arrays, _ = safetensors.read(str(MODEL / "model.safetensors"))
    arrays["decoder.weight"] = 2.0 * arrays["model.embeddings.tok_embeddings.weight"]
    safetensors.write(str(tmp_path / "model.safetensors"), arrays)
    content = json.loads((MODEL / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**content, "tie_word_embeddings": False}))
    engine = create("tensorflow", Settings(models.read_configuration(str(tmp_path / "config.json")), False))
    engine.assign(load(str(tmp_path), engine.shapes, models.get("modernbert"), seed=0, stddev=0.02))
    bias = arrays["decoder.bias"]
    tied, untied = engine_of().predict(batch)[0], engine.predict(batch)[0]
    np.testing.assert_allclose(untied - bias, 2.0 * (tied - bias), atol=1e-5)


@pytest.mark.parametrize("rate", ["embedding_dropout", "attention_dropout", "mlp_dropout"])
def test_dropout_follows_from_the_keys_of_the_examples(batch, rate):
    engine = engine_of(**{rate: 0.1})
    plain = engine.predict(batch)[0]
    keys = example_keys(3, 1, np.arange(4))
    dropped = engine.predict({**batch, "dropout_keys": keys})[0]
    assert (np.abs(dropped - plain).max(axis=(1, 2)) > 1e-3).all()
    np.testing.assert_array_equal(engine.predict({**batch, "dropout_keys": keys})[0], dropped)
    backwards = {name: values[::-1] for name, values in batch.items()}
    again = engine.predict({**backwards, "dropout_keys": keys[::-1]})[0]
    np.testing.assert_allclose(again[::-1], dropped, atol=1e-5)


@pytest.mark.slow
def test_both_engines_drop_the_same(by_jax):
    np.testing.assert_allclose(dropped_logits("tensorflow"), by_jax["dropped"], atol=1e-4)


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_float32_variables_and_comes_close(batch, precision):
    config = models.read_configuration(str(MODEL / "config.json"))
    engine = create("tensorflow", Settings(config, False, precision))
    engine.assign(load(str(MODEL), engine.shapes, models.get("modernbert"), seed=0, stddev=0.02))
    assert {array.dtype for array in engine.arrays().values()} == {np.dtype(np.float32)}
    logits = engine.predict(batch)[0] * batch["input_mask"][..., None]
    with np.load(MODEL / "expected.npz") as expected:
        np.testing.assert_allclose(logits[..., ::4], expected["logits"], atol=0.05)
