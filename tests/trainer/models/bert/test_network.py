"""The model is Google's BERT: its names, its logits, its losses."""

import numpy as np
import pytest

from trainer import models
from trainer.checkpoints.initial_weights import load
from trainer.engines import Settings, create
from trainer.models import read_configuration


@pytest.fixture(scope="module")
def config(golden):
    return read_configuration(str(golden / "bert_config.json"))


@pytest.fixture(scope="module")
def trained(golden, config):
    engine = create("tensorflow", Settings(config))
    engine.assign(load(str(golden / "model.ckpt-28252"), engine.shapes, models.get("bert"), seed=0, stddev=0.02))
    return engine


def test_every_variable_has_its_name_in_googles_checkpoints(golden, trained):
    import tensorflow as tf

    shapes = tf.train.load_checkpoint(str(golden / "model.ckpt-28252")).get_variable_to_shape_map()
    slots = {f"{name}/{slot}" for name in trained.shapes for slot in ("adam_m", "adam_v")}
    assert set(shapes) - slots - {"global_step"} == set(trained.shapes)
    assert all(tuple(shapes[name]) == shape for name, shape in trained.shapes.items())


@pytest.mark.parametrize("activation", ["gelu", "gelu_new"])
def test_logits_and_losses_are_those_of_hugging_face(golden, config, batch, activation):
    engine = create("tensorflow", Settings(config.model_copy(update={"hidden_act": activation})))
    engine.assign(load(str(golden / "model.ckpt-28252"), engine.shapes, models.get("bert"), seed=0, stddev=0.02))
    masked_lm, next_sentence = engine.predict(batch)
    sums = engine.evaluate(batch)
    with np.load(golden / "hf_logits.npz") as expected:
        np.testing.assert_allclose(masked_lm, expected[f"mlm_logits_{activation}"], atol=1e-5)
        np.testing.assert_allclose(next_sentence, expected[f"nsp_logits_{activation}"], atol=1e-5)
        assert sums[0] / sums[2] == pytest.approx(expected[f"mlm_loss_{activation}"], abs=1e-5)
        assert sums[3] / sums[5] == pytest.approx(expected[f"nsp_loss_{activation}"], abs=1e-5)


def test_padding_does_not_matter(trained, batch):
    """The content of the padding, and how much of it there is, changes nothing."""
    lengths = batch["input_mask"].sum(axis=1)
    assert lengths.min() < batch["input_mask"].shape[1]
    other = dict(batch)
    other["input_ids"] = np.where(batch["input_mask"] == 1, batch["input_ids"], 5)
    for name in ("input_ids", "input_mask", "segment_ids"):
        other[name] = np.pad(other[name], ((0, 0), (0, 8)))
    for before, after in zip(trained.predict(batch), trained.predict(other), strict=True):
        np.testing.assert_allclose(before, after, atol=1e-5)


def test_a_model_without_next_sentence_head(golden, config, trained, batch):
    engine = create("tensorflow", Settings(config, next_sentence=False))
    engine.assign(load(str(golden / "model.ckpt-28252"), engine.shapes, models.get("bert"), seed=0, stddev=0.02))
    assert set(trained.shapes) - set(engine.shapes) == {
        "cls/seq_relationship/output_weights",
        "cls/seq_relationship/output_bias",
    }
    logits, relation = engine.predict(batch)
    np.testing.assert_allclose(logits, trained.predict(batch)[0], atol=1e-6)
    assert relation is None and engine.evaluate(batch)[3] == 0.0


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_keeps_float32_variables_and_comes_close(golden, config, trained, batch, precision):
    engine = create("tensorflow", Settings(config, precision=precision))
    engine.assign(load(str(golden / "model.ckpt-28252"), engine.shapes, models.get("bert"), seed=0, stddev=0.02))
    assert {array.dtype for array in engine.arrays().values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(engine.predict(batch)[0], trained.predict(batch)[0], atol=0.05)
