"""A whole update of Berth's trainer: masked language model and next sentence, dropout 0.1, AdamW."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from berth.recipe import ModelConfig, Optimizer
from trainer import models
from trainer.checkpoints.initial_weights import initial
from trainer.engines import Scalars, Settings, create
from trainer.models.dropout import example_keys
from training_parts.small import BATCH, HEADS, HIDDEN, LAYERS, VOCABULARY, full_batch


def make_step(engine_name: str) -> Callable[[], object]:
    """A function that makes one update and waits for its result."""
    shape = ModelConfig(
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * HIDDEN,
        hidden_act="gelu_new",
    )
    engine = create(
        engine_name, Settings(models.configuration_of(shape, VOCABULARY), optimizer=Optimizer(kind="adamw"))
    )
    engine.assign(initial(engine.shapes, 1, 0.02))
    features = {name: values[None] for name, values in full_batch().items()}
    number = 0

    def step() -> np.ndarray:
        nonlocal number
        number += 1
        features["dropout_keys"] = example_keys(1, number, np.arange(BATCH))[None]
        return np.asarray(engine.train(features, Scalars(1e-4, number)))

    return step
