"""Fused attention is attention: the same numbers as in plain operations, and never used where it would drop nothing."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import ValidationError

from berth.errors import UsageError
from support.trainer_files import changed
from trainer import models
from trainer.checkpoints import safetensors
from trainer.checkpoints.initial_weights import load
from trainer.engines import Settings, create
from trainer.engines.fused_attention import attend, fused_attention
from trainer.models import read_configuration

SCRIPT = Path(__file__).with_name("run_attention.py")
BATCH, LENGTH, HEADS, SIZE = 3, 10, 2, 8


def by_hand(query, key, value, lengths):
    """Softmax of the scaled scores over the positions that are no padding, in double precision."""
    scores = np.einsum("btnh,bsnh->bnts", *(a.astype(np.float64) for a in (query, key))) / np.sqrt(SIZE)
    scores[np.broadcast_to(np.arange(LENGTH) >= lengths[:, None, None, None], scores.shape)] = -np.inf
    probabilities = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.einsum("bnts,bsnh->btnh", probabilities / probabilities.sum(axis=-1, keepdims=True), value)


@pytest.fixture(scope="module")
def tensors():
    generator = np.random.default_rng(3)
    return [generator.normal(size=(BATCH, LENGTH, HEADS, SIZE)).astype(np.float32) for _ in range(3)]


@pytest.mark.parametrize("lengths", [[LENGTH] * 3, [1, 4, LENGTH]])
def test_it_is_attention_over_what_is_no_padding(tensors, lengths):
    lengths = np.array(lengths, dtype=np.int32)
    found = jax.jit(attend, static_argnames="implementation")(*tensors, lengths, implementation="xla")
    np.testing.assert_allclose(found, by_hand(*tensors, lengths), atol=1e-6)


def test_what_stands_in_the_padding_changes_nothing_forwards_or_backwards(tensors):
    query, key, value = tensors
    lengths = np.array([1, 4, 9], dtype=np.int32)
    real = (np.arange(LENGTH) < lengths[:, None])[:, :, None, None]

    def total(key, value):
        return jnp.sum(attend(query, key, value, lengths, implementation="xla") * query)

    gradients = [
        jax.grad(total, argnums=(0, 1))(*pair) for pair in ((key, value), (key * real, value * real + 1 - real))
    ]
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
        assert not np.asarray(one)[~np.broadcast_to(real, one.shape)].any()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_without_a_gpu_xla_computes_it(dtype):
    assert fused_attention(dtype, HEADS, SIZE).keywords == {"implementation": "xla"}


@pytest.mark.slow
def test_a_model_with_it_gives_and_learns_the_same(golden, tmp_path):
    """Logits equal Hugging Face's; three updates with hidden dropout and accumulation end with the same weights."""
    prefix = golden / "model.ckpt-28252"
    config = read_configuration(str(golden / "bert_config.json"))
    engine = create("tensorflow", Settings(config))
    safetensors.write(str(tmp_path / "in"), load(str(prefix), engine.shapes, models.get("bert"), seed=0, stddev=0.02))
    root = Path(__file__).parents[3]
    import_path = os.pathsep.join((str(root), str(root / "tests")))
    environment = {**os.environ, "PYTHONPATH": import_path, "KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, SCRIPT, tmp_path / "in", tmp_path / "out"], check=True, env=environment)
    found, _ = safetensors.read(str(tmp_path / "out"))
    with np.load(golden / "hf_logits.npz") as expected:
        for attention in ("plain", "fused"):
            np.testing.assert_allclose(found[f"{attention}/0.0/logits"], expected["mlm_logits_gelu"], atol=1e-5)
    for name, plain in found.items():
        if name.startswith("plain/") and "key/bias" not in name:  # it has no gradient but rounding errors
            np.testing.assert_allclose(found[name.replace("plain", "fused", 1)], plain, atol=1e-5, err_msg=name)
    # Where scores are dropped, training is that of plain operations, bit for bit.
    for name in engine.shapes:
        np.testing.assert_array_equal(found[f"fused/0.1/weights/{name}"], found[f"plain/0.1/weights/{name}"])
    assert (found["plain/0.1/sums"] != found["plain/0.0/sums"]).any()


def test_recipes_that_it_cannot_do_are_refused(tiny_recipe, golden):
    with pytest.raises(ValidationError, match=r"needs training\.engine: jax"):
        changed(tiny_recipe, training={"attention": "fused"})
    fused = {"attention": "fused", "engine": "jax"}
    with pytest.raises(ValidationError, match=r"needs model\.attention_probs_dropout_prob: 0 \(it is 0\.1\)"):
        changed(tiny_recipe, training=fused)
    changed(tiny_recipe, training=fused, model={"attention_probs_dropout_prob": 0.0})
    config = read_configuration(str(golden / "bert_config.json"))
    with pytest.raises(UsageError, match=r"training\.attention: TensorFlow has no fused attention"):
        create("tensorflow", Settings(config, attention="fused"))
