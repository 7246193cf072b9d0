"""The classifier: a layer over the golden model's pooled state; the filling of a batch does not count."""

import numpy as np
import pytest

from support.finetuning_files import CONFIG, options
from trainer import models
from trainer.checkpoints import initial_weights as weights
from trainer.engines import Scalars
from trainer.finetuning.engine import ClassifierEngine
from trainer.finetuning.heads import ClassificationHead, RegressionHead
from trainer.finetuning.loop import phase_of
from trainer.models import read_configuration
from trainer.models.dropout import example_keys
from trainer.schedules import schedule

HEAD = "cls/seq_relationship/"


def test_with_the_weights_of_the_next_sentence_head_it_gives_its_logits(golden, batch):
    config = read_configuration(str(golden / "bert_config.json"))
    engine = ClassifierEngine(config, ClassificationHead(("next", "random")))
    shapes = {name: shape for name, shape in engine.shapes.items() if name.startswith("bert/")}
    shapes |= {f"{HEAD}output_weights": (2, config.hidden_size), f"{HEAD}output_bias": (2,)}
    arrays = weights.load(str(golden / "model.ckpt-28252"), shapes, models.get("bert"), seed=0, stddev=0.02)
    engine.assign({name.removeprefix(HEAD): array for name, array in arrays.items()})
    logits = engine.predict({name: batch[name] for name in ("input_ids", "input_mask", "segment_ids")})
    with np.load(golden / "hf_logits.npz") as expected:
        np.testing.assert_allclose(logits, expected["nsp_logits_gelu"], atol=1e-5)


@pytest.mark.parametrize("head", [ClassificationHead("abc"), RegressionHead()], ids=["labels", "scores"])
def test_the_filling_of_a_batch_does_not_count(head):
    generator = np.random.default_rng(0)
    features = {
        "input_ids": generator.integers(5, CONFIG.vocab_size, (6, 8)).astype(np.int32),
        "input_mask": np.ones((6, 8), dtype=np.int32),
        "segment_ids": np.zeros((6, 8), dtype=np.int32),
        "labels": np.arange(6) % 3 if head.labels else np.linspace(0, 5, 6).astype(np.float32),
        "example_weights": (np.arange(6) < 4).astype(np.float32),
        "dropout_keys": example_keys(3, 1, np.arange(6)),
    }
    results, variables = [], []
    for rows in (6, 4):
        engine = ClassifierEngine(CONFIG, head)
        engine.assign(weights.initial(engine.shapes, 1, stddev=0.2))
        given = {name: values[:rows] for name, values in features.items()}
        results.append([np.asarray(engine.train(given, Scalars(0.01, number))) for number in (1, 2)])
        variables.append(engine.arrays())
    np.testing.assert_allclose(results[0], results[1], rtol=1e-5)
    assert results[0][1][0] < results[0][0][0]  # the loss
    for name, array in variables[0].items():
        if not name.endswith("key/bias"):  # it has no gradient but rounding errors
            np.testing.assert_allclose(array, variables[1][name], atol=1e-4, err_msg=name)


def test_the_rate_rises_and_sinks_in_straight_lines_over_all_epochs():
    phase = phase_of(options("", epochs=2, batch_size=4, warmup_proportion=0.25, learning_rate=0.8), examples=9)
    assert (phase.steps, phase.warmup_steps) == (6, 1)  # three batches an epoch; int(1.5)
    rates = [schedule.learning_rate(phase, step) for step in range(6)]
    np.testing.assert_allclose(rates, [0.0, *(0.8 * (1 - step / 6) for step in range(1, 6))])
