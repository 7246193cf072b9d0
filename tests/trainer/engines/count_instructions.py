"""How many instructions XLA compiles an update into, for ModernBERTs of 2, 4 and 6 layers."""

import numpy as np

from berth.recipe import ModelConfig, Optimizer
from trainer import models
from trainer.engines import Settings, create

BATCH, LENGTH, PREDICTIONS = 2, 8, 2
SIZES = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": LENGTH}


def count(layers):
    model = ModelConfig(architecture="modernbert", num_hidden_layers=layers, **SIZES)
    config = models.get("modernbert").configuration.of(model, 16)
    engine = create("jax", Settings(config, next_sentence=False, optimizer=Optimizer(kind="adamw")))
    shapes = {"input_ids": LENGTH, "input_mask": LENGTH, "segment_ids": LENGTH}
    shapes |= dict.fromkeys(("masked_lm_positions", "masked_lm_ids", "masked_lm_weights"), PREDICTIONS)
    features = {name: np.ones((1, BATCH, width), dtype=np.int32) for name, width in shapes.items()}
    features["masked_lm_weights"] = features["masked_lm_weights"].astype(np.float32)
    features["example_weights"] = np.ones((1, BATCH), dtype=np.float32)
    rates = np.ones(len(engine._optimizer.scalars(0.1, 1)), dtype=np.float32)
    update = engine._train_step.lower(engine._values, engine._slots, {}, features, rates).compile()
    return len(update.as_text().splitlines())


if __name__ == "__main__":
    print(*(count(layers) for layers in (2, 4, 6)))  # noqa: T201  for the test
