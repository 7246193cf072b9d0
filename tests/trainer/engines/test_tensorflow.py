"""The TensorFlow engine: gradient accumulation equals the big batch, updates follow the optimizer, runs repeat."""

import numpy as np
import pytest

from berth.recipe import Optimizer
from trainer.checkpoints.initial_weights import initial
from trainer.engines import Scalars, Settings, create
from trainer.models import read_configuration
from trainer.models.dropout import example_keys

STEPS = 3
SEED = 5


@pytest.fixture(scope="module")
def engines(golden):
    """Two engines of the same model, with dropout: one layer, since every layer is traced."""
    config = read_configuration(str(golden / "bert_config.json")).model_copy(update={"num_hidden_layers": 1})
    return [create("tensorflow", Settings(config, optimizer=Optimizer())) for _ in range(2)]


def start(engine):
    """Set the engine back to the weights that all runs begin with."""
    engine.assign(initial(engine.shapes, SEED, stddev=0.02))
    engine.reset_optimizer()
    return engine


def features(batch, step, accumulation):
    """The batch as micro-batches; each example has another number of masked positions."""
    weights = (np.arange(8)[None, :] < np.array([[8], [1], [5], [3]])).astype(np.float32)
    content = {**batch, "masked_lm_weights": weights, "dropout_keys": example_keys(SEED, step, np.arange(4))}
    return {name: values.reshape(accumulation, -1, *values.shape[1:]) for name, values in content.items()}


def trained(engine, batch, accumulation):
    """Weights after some steps, and the last step's sums and gradient norm."""
    for step in range(1, STEPS + 1):
        result = engine.train(features(batch, step, accumulation), Scalars(0.01, step))
    return engine.arrays(), np.asarray(result)


def test_accumulation_equals_the_big_batch_with_uneven_masks_and_dropout(engines, batch):
    whole, sums = trained(start(engines[0]), batch, accumulation=1)
    parts, part_sums = trained(start(engines[0]), batch, accumulation=2)
    np.testing.assert_allclose(part_sums, sums, rtol=1e-5)
    for name, array in whole.items():
        if not name.endswith(("adam_m", "adam_v", "key/bias")):  # the key's bias has no gradient but rounding errors
            np.testing.assert_allclose(parts[name], array, atol=1e-6, err_msg=name)


@pytest.mark.reproducibility
def test_two_runs_give_the_same_bits(engines, batch):
    first, sums = trained(start(engines[0]), batch, accumulation=1)
    second, other_sums = trained(start(engines[1]), batch, accumulation=1)
    np.testing.assert_array_equal(sums, other_sums)
    assert all((first[name] == second[name]).all() for name in first)


def test_arrays_restore_the_whole_state(engines, batch):
    """Variables and slots, read and assigned elsewhere, go on to the same bits."""
    one, other = engines
    trained(start(one), batch, accumulation=1)
    other.assign(one.arrays())
    results = [np.asarray(engine.train(features(batch, 9, 1), Scalars(0.01, 4))) for engine in engines]
    np.testing.assert_array_equal(*results)


def test_arrays_are_copies_that_later_updates_do_not_change(engines, batch):
    engine = start(engines[0])
    taken, _ = trained(engine, batch, accumulation=1)
    copied = {name: array.copy() for name, array in taken.items()}
    changed = trained(engine, batch, accumulation=1)[0]
    assert all(np.array_equal(taken[name], copied[name]) for name in copied)
    assert not all(np.array_equal(changed[name], copied[name]) for name in copied)
    again = engine.arrays(taken)
    assert all(again[name] is taken[name] and np.array_equal(again[name], changed[name]) for name in copied)


def test_resetting_the_optimizer_empties_its_slots_only(engines, batch):
    engine = start(engines[0])
    before, _ = trained(engine, batch, accumulation=1)
    engine.reset_optimizer()
    for name, array in engine.arrays().items():
        if name.endswith(("/adam_m", "/adam_v")):
            assert not array.any()
        else:
            np.testing.assert_array_equal(array, before[name])


def test_the_loss_goes_down(engines, batch):
    engine = start(engines[0])
    before = engine.evaluate(batch)
    for step in range(1, 31):
        engine.train(features(batch, step, 1), Scalars(0.02, step))
    after = engine.evaluate(batch)
    assert after[0] < 0.8 * before[0] and after[3] < before[3]
