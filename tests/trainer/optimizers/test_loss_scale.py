"""Loss scaling in float16: overflowing updates are left out and the scale finds its place."""

import numpy as np
import pytest

from berth.recipe import Optimizer
from trainer.checkpoints.initial_weights import initial
from trainer.engines import Scalars, Settings, create
from trainer.models import read_configuration
from trainer.models.dropout import example_keys
from trainer.optimizers import loss_scale


def test_the_scale_is_halved_after_an_overflow_and_doubled_after_many_good_updates():
    def following(*values):
        return tuple(float(value) for value in loss_scale.following(*values))

    assert following(8.0, 5.0, False) == (4.0, 0.0)
    assert following(8.0, 5.0, True) == (8.0, 6.0)
    assert following(8.0, loss_scale.GROWTH_UPDATES - 1.0, True) == (16.0, 0.0)


@pytest.fixture(scope="module")
def engine(golden):
    config = read_configuration(str(golden / "bert_config.json"))
    return create("tensorflow", Settings(config, precision="mixed_float16", optimizer=Optimizer()))


def test_updates_that_overflow_change_nothing_but_the_scale(engine, batch):
    engine.assign({**initial(engine.shapes, 1, 0.02), loss_scale.SCALE: np.float32(2.0**40)})
    features = {name: values[None] for name, values in batch.items()}
    features["dropout_keys"] = example_keys(1, 1, np.arange(4))[None]
    before = engine.arrays()
    result = np.asarray(engine.train(features, Scalars(0.01, 1)))
    after = engine.arrays()
    assert np.isfinite(result).all() and result[-1] == 0.0
    assert after[loss_scale.SCALE] == 2.0**39
    assert all((after[name] == before[name]).all() for name in before if name not in loss_scale.INITIAL)


def test_at_a_fitting_scale_float16_trains_as_float32(engine, golden, batch):
    config = read_configuration(str(golden / "bert_config.json"))
    exact = create("tensorflow", Settings(config, optimizer=Optimizer()))
    features = {name: values[None] for name, values in batch.items()}
    features["dropout_keys"] = example_keys(1, 1, np.arange(4))[None]
    start = initial(engine.shapes, 1, 0.02)
    for one in (engine, exact):
        one.assign(start)
        one.reset_optimizer()
    engine.assign({loss_scale.SCALE: np.float32(2.0**15)})
    scaled, expected = (np.asarray(one.train(features, Scalars(0.01, 1))) for one in (engine, exact))
    np.testing.assert_allclose(scaled, expected, rtol=2e-2)
    assert engine.arrays()[loss_scale.SCALE] == 2.0**15
