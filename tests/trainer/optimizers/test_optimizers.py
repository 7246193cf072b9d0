"""LAMB and AdamW give the reference implementations' numbers."""

from typing import get_args

import numpy as np
import pytest

from berth.errors import UsageError
from berth.recipe import Optimizer
from trainer import optimizers
from trainer.optimizers import common

KINDS = {
    "lamb": (Optimizer(kind="lamb"), 1e-2),
    "adamw": (Optimizer(kind="adamw", bias_correction=False), 1e-3),
}


@pytest.mark.parametrize("kind", KINDS)
def test_twenty_steps_equal_the_reference(golden, kind):
    options, learning_rate = KINDS[kind]
    optimizer = optimizers.create(options)
    with np.load(golden / "optimizers.npz") as content:
        expected = dict(content)
    names = [name.removeprefix("init/") for name in expected if name.startswith("init/")]
    values = {name: expected[f"init/{name}"] for name in names}
    m, v = ({name: np.zeros_like(values[name]) for name in names} for _ in range(2))
    for step in range(1, 21):
        gradients = {name: expected[f"grad/{step - 1}/{name}"] for name in names}
        scale = np.asarray(common.clip_scale(options, common.global_norm(gradients)))
        for name in names:
            scalars = optimizer.scalars(learning_rate, step)
            moments = m[name], v[name]
            updated = optimizer.update(name, values[name], gradients[name] * scale, moments, scalars)
            values[name], m[name], v[name] = (np.asarray(a) for a in (updated.value, *updated.slots))
        if step in (1, 5, 20):
            for name in names:
                reference = expected[f"{kind}/{step}/{name}"]
                assert np.abs(values[name] - reference).max() <= 1e-6 * np.abs(reference).max(), (step, name)


def test_what_is_excluded_is_found_by_its_path():
    optimizer = Optimizer(exclude_from_weight_decay=["LayerNorm", "bias"])
    assert common.is_decayed(optimizer, "bert/encoder/layer_0/output/dense/kernel")
    assert not common.is_decayed(optimizer, "bert/encoder/layer_0/output/dense/bias")
    assert not common.is_decayed(optimizer, "bert/embeddings/LayerNorm/gamma")


def test_a_variable_of_zeros_is_updated_without_a_trust_ratio():
    zeros, ones = np.zeros(3, np.float32), np.ones(3, np.float32)
    optimizer = optimizers.create(Optimizer(kind="lamb"))
    updated = optimizer.update("kernel", zeros, ones, (zeros, zeros), optimizer.scalars(0.5, 1))
    np.testing.assert_allclose(updated.value, -0.5 * ones, rtol=1e-5)


def test_gradients_are_scaled_down_to_the_global_norm_but_never_up():
    optimizer = Optimizer(clip_global_norm=2.0)
    gradients = [np.array([3.0, 0.0], np.float32), np.array([[4.0]], np.float32)]
    norm = common.global_norm(gradients)
    assert float(norm) == 5.0
    assert float(common.clip_scale(optimizer, norm)) == pytest.approx(0.4)
    assert float(common.clip_scale(optimizer, norm * 0.1)) == 1.0
    assert float(common.clip_scale(Optimizer(clip_global_norm=None), norm)) == 1.0


def test_the_registry_holds_what_a_recipe_can_name():
    assert set(optimizers.OPTIMIZERS) == set(get_args(Optimizer.model_fields["kind"].annotation))
    with pytest.raises(UsageError, match=r"optimizer\.kind: there is no such optimizer.* Found sgd"):
        optimizers.create(Optimizer.model_construct(kind="sgd"))


@pytest.mark.parametrize("kind", optimizers.OPTIMIZERS)
def test_every_optimizer_fulfils_the_interface(kind):
    """Slots begin with zeros and keep their shapes; a gradient moves the variable against it."""
    optimizer = optimizers.create(Optimizer(kind=kind))
    value, gradient = np.ones((2, 3), np.float32), np.full((2, 3), 0.1, np.float32)
    slots = [np.zeros_like(value) for _ in optimizer.slots]
    updated = optimizer.update("kernel", value, gradient, slots, optimizer.scalars(0.1, 1))
    assert isinstance(updated, optimizers.Update)
    assert len(set(optimizer.slots)) == len(updated.slots)
    assert all(np.shape(slot) == value.shape for slot in updated.slots)
    assert (np.asarray(updated.value) < value).all()
