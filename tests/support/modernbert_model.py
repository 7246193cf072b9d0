"""The golden ModernBERT by one of the engines: logits, with dropout too, loss, and the gradient of each variable.

python -m support.modernbert_model ENGINE OUTPUT
"""

import json
import sys
from typing import Any

import numpy as np

from berth import log
from berth.recipe import Optimizer
from support.trainer_files import GOLDEN
from trainer import models
from trainer.checkpoints import safetensors
from trainer.checkpoints.initial_weights import load
from trainer.engines import Scalars, Settings, create
from trainer.models.dropout import example_keys
from trainer.models.modernbert.configuration import ModernBertConfig

MODEL = GOLDEN / "modernbert"
BETA = 0.9


def features() -> dict[str, np.ndarray]:
    """The golden batch, with a prediction at every position."""
    with np.load(MODEL / "expected.npz") as content:
        ids, mask, labels = (content[name].astype(np.int32) for name in ("input_ids", "attention_mask", "labels"))
    weights = (labels >= 0).astype(np.float32)
    return {
        "input_ids": ids,
        "input_mask": mask,
        "segment_ids": np.zeros_like(ids),
        "masked_lm_positions": np.tile(np.arange(ids.shape[1], dtype=np.int32), (len(ids), 1)),
        "masked_lm_ids": np.maximum(labels, 0),
        **dict.fromkeys(("masked_lm_weights", "corrupted_weights", "bigram_wrong_weights"), weights),
        "next_sentence_labels": np.zeros((len(ids), 1), np.int32),
        "example_weights": np.ones(len(ids), np.float32),
    }


def compute(engine_name: str) -> dict[str, np.ndarray]:
    """``logits`` (0 at padding), ``loss``, and ``gradient/VARIABLE`` for each variable."""
    config = models.read_configuration(str(MODEL / "config.json"))
    optimizer = Optimizer(kind="adamw", beta_1=BETA, clip_global_norm=None)
    engine = create(engine_name, Settings(config, next_sentence=False, optimizer=optimizer))
    engine.assign(load(str(MODEL), engine.shapes, models.get("modernbert"), seed=0, stddev=0.02))
    batch = features()
    logits, _ = engine.predict(batch)
    sums = engine.evaluate(batch)
    engine.train({name: values[None] for name, values in batch.items()}, Scalars(0.0, 1))
    arrays = engine.arrays()
    # The first moment began with zero.
    gradients = {f"gradient/{name}": arrays[f"{name}/adam_m"] / (1.0 - BETA) for name in engine.shapes}
    results: dict[str, Any] = {"logits": logits * batch["input_mask"][..., None], "loss": sums[0] / sums[2]}
    return {name: np.asarray(array, dtype=np.float32) for name, array in {**results, **gradients}.items()}


def dropped_logits(engine_name: str) -> np.ndarray:
    """The logits with dropout everywhere, float32."""
    rates = dict.fromkeys(("embedding_dropout", "attention_dropout", "mlp_dropout"), 0.1)
    content = json.loads((MODEL / "config.json").read_text())
    config = ModernBertConfig.parse(content | rates, "config.json")
    engine = create(engine_name, Settings(config, next_sentence=False))
    engine.assign(load(str(MODEL), engine.shapes, models.get("modernbert"), seed=0, stddev=0.02))
    return engine.predict({**features(), "dropout_keys": example_keys(3, 1, np.arange(4))})[0]


if __name__ == "__main__":
    log.setup()  # TensorFlow's settings must be in the environment before it is imported
    safetensors.write(sys.argv[2], {**compute(sys.argv[1]), "dropped": dropped_logits(sys.argv[1])})
