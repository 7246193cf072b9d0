"""LAMB and AdamW give the reference implementations' numbers."""

import numpy as np
import pytest

from berth.recipe import Optimizer
from trainer.optimizers import update as optimizers

KINDS = {
    "lamb": (Optimizer(kind="lamb"), 1e-2),
    "adamw": (Optimizer(kind="adamw", bias_correction=False), 1e-3),
}


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_steps_equal_the_reference(golden, kind):
    optimizer, learning_rate = KINDS[kind]
    with np.load(golden / "optimizers.npz") as content:
        expected = dict(content)
    names = [name.removeprefix("init/") for name in expected if name.startswith("init/")]
    values = {name: expected[f"init/{name}"] for name in names}
    m, v = ({name: np.zeros_like(values[name]) for name in names} for _ in range(2))
    for step in range(1, 21):
        gradients = {name: expected[f"grad/{step - 1}/{name}"] for name in names}
        scale = np.asarray(optimizers.clip_scale(optimizer, optimizers.global_norm(gradients)))
        for name in names:
            rates = optimizers.rates(optimizer, learning_rate, step)
            updated = optimizers.update(optimizer, name, values[name], gradients[name] * scale, m[name], v[name], rates)
            values[name], m[name], v[name] = (np.asarray(a) for a in (updated.value, updated.m, updated.v))
        if step in (1, 5, 20):
            for name in names:
                reference = expected[f"{kind}/{step}/{name}"]
                assert np.abs(values[name] - reference).max() <= 1e-6 * np.abs(reference).max(), (step, name)


def test_what_is_excluded_is_found_by_its_path():
    optimizer = Optimizer(exclude_from_weight_decay=["LayerNorm", "bias"])
    assert optimizers.is_decayed(optimizer, "bert/encoder/layer_0/output/dense/kernel")
    assert not optimizers.is_decayed(optimizer, "bert/encoder/layer_0/output/dense/bias")
    assert not optimizers.is_decayed(optimizer, "bert/embeddings/LayerNorm/gamma")


def test_a_variable_of_zeros_is_updated_without_a_trust_ratio():
    zeros, ones = np.zeros(3, np.float32), np.ones(3, np.float32)
    optimizer = Optimizer(kind="lamb")
    updated = optimizers.update(optimizer, "kernel", zeros, ones, zeros, zeros, optimizers.rates(optimizer, 0.5, 1))
    np.testing.assert_allclose(updated.value, -0.5 * ones, rtol=1e-5)


def test_gradients_are_scaled_down_to_the_global_norm_but_never_up():
    optimizer = Optimizer(clip_global_norm=2.0)
    gradients = [np.array([3.0, 0.0], np.float32), np.array([[4.0]], np.float32)]
    norm = optimizers.global_norm(gradients)
    assert float(norm) == 5.0
    assert float(optimizers.clip_scale(optimizer, norm)) == pytest.approx(0.4)
    assert float(optimizers.clip_scale(optimizer, norm * 0.1)) == 1.0
    assert float(optimizers.clip_scale(Optimizer(clip_global_norm=None), norm)) == 1.0
