"""Training speed: a step of each engine on this machine, beside keras_hub's BERT, and the reading of records.

    python benchmarks/training.py [--records GLOB]      needs: pip install keras-hub jax

Each engine runs in a process of its own. Times are the median of rounds in which the programs of one engine take turns,
so that other load on the machine strikes both; the ratio is the one to look at. All use the tanh form of GELU, as
keras_hub does.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from berth import log

LAYERS, HIDDEN, HEADS, VOCABULARY = 4, 256, 4, 30522
LENGTH, PREDICTIONS, BATCH = 128, 20, 32
ROUNDS = 12
RECORDS = Path(__file__).parents[1] / "tests" / "golden" / "records" / "mlperf-512-cased.tfrecord.gz"


def batch():
    """A full batch: no padding, all predictions used."""
    import numpy as np

    generator = np.random.default_rng(0)
    features = {
        "input_ids": generator.integers(5, VOCABULARY, (BATCH, LENGTH)),
        "input_mask": np.ones((BATCH, LENGTH)),
        "segment_ids": generator.integers(0, 2, (BATCH, LENGTH)),
        "masked_lm_positions": np.sort(
            generator.permuted(np.tile(np.arange(LENGTH), (BATCH, 1)), axis=1)[:, :PREDICTIONS]
        ),
        "masked_lm_ids": generator.integers(5, VOCABULARY, (BATCH, PREDICTIONS)),
        "next_sentence_labels": generator.integers(0, 2, (BATCH, 1)),
    }
    features = {name: values.astype("int32") for name, values in features.items()}
    ones = {"masked_lm_weights": np.ones((BATCH, PREDICTIONS)), "example_weights": np.ones(BATCH)}
    return features | {name: values.astype("float32") for name, values in ones.items()}


def berth_step(engine_name):
    """A whole update of Berth's trainer: MLM and NSP, dropout 0.1, AdamW."""
    import numpy as np

    from berth.recipe import ModelConfig, Optimizer
    from trainer.config import BertConfig
    from trainer.dropout import example_keys
    from trainer.engines import Scalars, Settings, create
    from trainer.weights import initial

    shape = ModelConfig(
        hidden_size=HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=4 * HIDDEN,
        hidden_act="gelu_new",
    )
    engine = create(engine_name, Settings(BertConfig.of(shape, VOCABULARY), optimizer=Optimizer(kind="adamw")))
    engine.assign(initial(engine.shapes, 1, 0.02))
    features = {name: values[None] for name, values in batch().items()}
    number = 0

    def step():
        nonlocal number
        number += 1
        features["dropout_keys"] = example_keys(1, number, np.arange(BATCH))[None]
        np.asarray(engine.train(features, Scalars(1e-4, number)))

    return step


def keras_hub_step():
    """The same by keras_hub's BertBackbone and MaskedLMHead (no next-sentence head), dropout 0.1, Keras's AdamW."""
    import keras
    import keras_hub
    import tensorflow as tf

    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=VOCABULARY,
        num_layers=LAYERS,
        num_heads=HEADS,
        hidden_dim=HIDDEN,
        intermediate_dim=4 * HIDDEN,
        max_sequence_length=512,
    )
    positions = keras.Input((PREDICTIONS,), dtype="int32", name="mask_positions")
    head = keras_hub.layers.MaskedLMHead(token_embedding=backbone.token_embedding)
    logits = head(backbone.output["sequence_output"], mask_positions=positions)
    model = keras.Model({**backbone.input, "mask_positions": positions}, logits)
    optimizer = keras.optimizers.AdamW(1e-4, global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    features = batch()
    inputs = {
        "token_ids": features["input_ids"],
        "segment_ids": features["segment_ids"],
        "padding_mask": features["input_mask"],
        "mask_positions": features["masked_lm_positions"],
    }

    @tf.function
    def update(inputs, labels):
        with tf.GradientTape() as tape:
            losses = keras.losses.sparse_categorical_crossentropy(
                labels, model(inputs, training=True), from_logits=True
            )
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return lambda: update(inputs, features["masked_lm_ids"]).numpy()


def jax_step():
    """The same written out in JAX, plainly: no next-sentence head, dropout 0.1 by jax.random, AdamW."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    generator = np.random.default_rng(1)

    def weights(*shape):
        return (generator.standard_normal(shape) * 0.02).astype("float32")

    def layer():
        sizes = {"q": (HIDDEN, HIDDEN), "k": (HIDDEN, HIDDEN), "v": (HIDDEN, HIDDEN), "o": (HIDDEN, HIDDEN)}
        sizes |= {"up": (HIDDEN, 4 * HIDDEN), "down": (4 * HIDDEN, HIDDEN)}
        dense = {name: {"w": weights(*size), "b": weights(size[1])} for name, size in sizes.items()}
        return dense | {name: {"w": weights(HIDDEN) + 1, "b": weights(HIDDEN)} for name in ("norm1", "norm2")}

    tables = {"word": weights(VOCABULARY, HIDDEN), "position": weights(512, HIDDEN), "segment": weights(2, HIDDEN)}
    values = {
        "tables": tables,
        "norm": {"w": weights(HIDDEN) + 1, "b": weights(HIDDEN)},
        "layers": [layer() for _ in range(LAYERS)],
        "transform": {"w": weights(HIDDEN, HIDDEN), "b": weights(HIDDEN)},
        "transform_norm": {"w": weights(HIDDEN) + 1, "b": weights(HIDDEN)},
        "bias": weights(VOCABULARY),
    }
    features = batch()

    def dense(x, p):
        return x @ p["w"] + p["b"]

    def norm(x, p):
        centred = x - x.mean(-1, keepdims=True)
        return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * p["w"] + p["b"]

    def dropout(x, key):
        return jnp.where(jax.random.bernoulli(key, 0.9, x.shape), x / 0.9, 0.0)

    def loss(p, f, key):
        keys = iter(jax.random.split(key, 1 + 3 * LAYERS))
        x = (
            p["tables"]["word"][f["input_ids"]]
            + p["tables"]["position"][:LENGTH]
            + p["tables"]["segment"][f["segment_ids"]]
        )
        x = dropout(norm(x, p["norm"]), next(keys))
        bias = (1.0 - f["input_mask"][:, None, None, :]) * -10000.0
        for part in p["layers"]:
            q, k, v = (dense(x, part[n]).reshape(BATCH, LENGTH, HEADS, -1).transpose(0, 2, 1, 3) for n in "qkv")
            scores = q @ k.transpose(0, 1, 3, 2) * (HIDDEN // HEADS) ** -0.5 + bias
            mixed = dropout(jax.nn.softmax(scores), next(keys)) @ v
            attended = dense(mixed.transpose(0, 2, 1, 3).reshape(BATCH, LENGTH, HIDDEN), part["o"])
            x = norm(x + dropout(attended, next(keys)), part["norm1"])
            wide = jax.nn.gelu(dense(x, part["up"]), approximate=True)
            x = norm(x + dropout(dense(wide, part["down"]), next(keys)), part["norm2"])
        x = jnp.take_along_axis(x, f["masked_lm_positions"][:, :, None], axis=1)
        x = norm(jax.nn.gelu(dense(x, p["transform"]), approximate=True), p["transform_norm"])
        logits = x @ p["tables"]["word"].T + p["bias"]
        chosen = jnp.take_along_axis(logits, f["masked_lm_ids"][:, :, None], axis=2)[..., 0]
        return (jax.nn.logsumexp(logits, axis=-1) - chosen).mean()

    @jax.jit
    def update(p, m, v, f, key):
        g = jax.grad(loss)(p, f, key)
        size = jnp.sqrt(sum(jnp.sum(x**2) for x in jax.tree.leaves(g)))
        g = jax.tree.map(lambda x: x / jnp.maximum(size, 1.0), g)
        m = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        p = jax.tree.map(lambda p, m, v: p - 1e-4 * (m / (jnp.sqrt(v) + 1e-6) + 0.01 * p), p, m, v)
        return p, m, v

    m = jax.tree.map(np.zeros_like, values)
    state = (values, m, m)
    key = jax.random.key(0)

    def step():
        nonlocal state, key
        key, now = jax.random.split(key)
        state = jax.block_until_ready(update(*state, features, now))

    return step


def take_turns(steps):
    """Median milliseconds of each step, the programs taking turns."""
    for step in steps.values():
        step()
        step()
    times = {name: [] for name in steps}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            times[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


def reading_rate(pattern):
    """Records a second in a random order, decoded and checked, on one core."""
    import numpy as np

    from berth.inputs import Inputs
    from trainer.data import Limits, RecordSet
    from trainer.permutation import permute

    records = RecordSet(Inputs.of(pattern), Limits(10**6, 2, 512))
    records.read(np.arange(min(8, records.count)))
    count, start = 0, time.perf_counter()
    while time.perf_counter() - start < 3:
        records.read(permute(np.arange(count, count + 512), records.count, 1))
        count += 512
    return records.max_seq_length, count / (time.perf_counter() - start)


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", default=str(RECORDS), help="TFRecord files to read")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    log.setup()
    if arguments.engine:
        os.environ["KERAS_BACKEND"] = arguments.engine
        others = {"tensorflow": ("keras_hub", keras_hub_step), "jax": ("plain JAX", jax_step)}
        name, other = others[arguments.engine]
        times = take_turns({"berth": berth_step(arguments.engine), name: other()})
        ours, theirs = times["berth"], times[name]
        print(f"{arguments.engine:12} {ours:6.0f} ms   {name:>10} {theirs:6.0f} ms   ratio {ours / theirs:.2f}")
        return
    print(f"One update, {LAYERS} layers of {HIDDEN}, batch {BATCH} x {LENGTH}, {os.cpu_count()} cores")
    for engine in ("tensorflow", "jax"):
        subprocess.run([sys.executable, __file__, "--engine", engine], check=True)
    length, rate = reading_rate(arguments.records)
    print(f"Reading records of {length} tokens: {rate:,.0f} records/s on one core")


if __name__ == "__main__":
    main()
