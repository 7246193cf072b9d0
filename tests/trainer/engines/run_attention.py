"""Logits, updates and gradients of a model with plain and with fused attention, under JAX.

python run_attention.py CHECKPOINT OUTPUT
"""

import sys

import numpy as np

from berth import log
from berth.recipe import Optimizer
from support.trainer_files import GOLDEN
from trainer.checkpoints import safetensors
from trainer.engines import Scalars, Settings, create
from trainer.models import read_configuration
from trainer.models.dropout import example_keys

STEPS = 3


def main(weights, output):
    with np.load(GOLDEN / "model" / "hf_logits.npz") as content:
        batch = {name: content[name] for name in content.files if "logits" not in name and "loss" not in name}
    batch["example_weights"] = np.ones(4, dtype=np.float32)
    arrays, _ = safetensors.read(weights)
    found = {}
    for rate in (0.0, 0.1):
        config = read_configuration(str(GOLDEN / "model" / "bert_config.json")).model_copy(
            update={"attention_probs_dropout_prob": rate}
        )
        for attention in ("plain", "fused"):
            engine = create("jax", Settings(config, optimizer=Optimizer(), attention=attention))
            engine.assign(arrays)
            found[f"{attention}/{rate}/logits"] = engine.predict(batch)[0]
            for step in range(1, STEPS + 1):
                features = {name: values.reshape(2, 2, *values.shape[1:]) for name, values in batch.items()}
                features["dropout_keys"] = example_keys(1, step, np.arange(4)).reshape(2, 2, 2)
                sums = engine.train(features, Scalars(0.01, step))
            found[f"{attention}/{rate}/sums"] = np.asarray(sums)
            found |= {f"{attention}/{rate}/weights/{name}": array for name, array in engine.arrays().items()}
    safetensors.write(output, found)


if __name__ == "__main__":
    log.setup()
    main(*sys.argv[1:])
