"""A training step of BERT written out in JAX, plainly."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from training_parts.small import BATCH, HEADS, HIDDEN, LAYERS, LENGTH, VOCABULARY, full_batch


def make_step() -> Callable[[], object]:
    """The same written out in JAX, plainly: no next-sentence head, dropout 0.1 by jax.random, AdamW."""
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
    features = full_batch()

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
