"""A recipe's first phase: its whole update beside the matrix products of its shapes alone, both in JAX."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from itertools import pairwise

import jax
import numpy as np

from berth.recipe import Recipe
from trainer import models
from trainer.checkpoints.initial_weights import initial
from trainer.engines import Scalars, Settings, create
from training_parts.small import full_batch

# A training run waits for results once in many updates (`trainer/loop/window.py`); so do both programs here.
IN_A_ROW = 25
# One product [rows, inner] × [inner, columns], as often as the batch has independent ones.
Product = tuple[int, int, int, int]


def products(recipe: Recipe) -> Iterator[Product]:
    """(count, rows, inner, columns) of the forward products of a modernbert of one batch of the first phase.

    Attention's are counted in full, also in layers with a window, as they are computed.
    """
    model, phase = recipe.model, recipe.training.phases[0]
    records = recipe.records[phase.records]
    hidden, heads, length = model.hidden_size, model.num_attention_heads, records.max_seq_length
    tokens, masked = phase.batch_size * length, phase.batch_size * records.max_predictions
    for _ in range(model.num_hidden_layers):
        yield 1, tokens, hidden, 3 * hidden
        yield phase.batch_size * heads, length, hidden // heads, length
        yield phase.batch_size * heads, length, length, hidden // heads
        yield 1, tokens, hidden, hidden
        yield 1, tokens, hidden, 2 * model.intermediate_size
        yield 1, tokens, model.intermediate_size, hidden
    yield 1, masked, hidden, hidden
    yield 1, masked, hidden, recipe.vocabulary.size


def flops(recipe: Recipe) -> int:
    """Operations of an update's products, forwards and backwards."""
    return 3 * sum(2 * count * rows * inner * columns for count, rows, inner, columns in products(recipe))


def make_products(recipe: Recipe) -> Callable[[], object]:
    """A function that computes each product of ``IN_A_ROW`` updates, and both of its gradients, and waits."""
    key = jax.random.key(0)
    operands = []
    for count, *sizes in products(recipe):
        shapes = [(count, *shape) if count > 1 else shape for shape in pairwise([*sizes, sizes[0]])]
        operands.append(tuple(jax.random.normal(key, shape) for shape in shapes))

    @jax.jit
    def compute(operands: list[tuple[jax.Array, jax.Array, jax.Array]]) -> list[tuple[jax.Array, jax.Array, jax.Array]]:
        return [(x @ w, w @ g, g @ x) for x, w, g in operands]  # g: the gradient, transposed

    return lambda: jax.block_until_ready([compute(operands) for _ in range(IN_A_ROW)])


def make_update(recipe: Recipe) -> Callable[[], object]:
    """A function that makes ``IN_A_ROW`` updates of the recipe's first phase and waits for their results."""
    phase = recipe.training.phases[0]
    records = recipe.records[phase.records]
    config = models.configuration_of(recipe.model, recipe.vocabulary.size)
    next_sentence = records.objective != "mlm"
    engine = create("jax", Settings(config, next_sentence=next_sentence, optimizer=recipe.optimizer))
    engine.assign(initial(engine.shapes, 1, recipe.model.initializer_range))
    batch = full_batch(phase.batch_size, records.max_seq_length, records.max_predictions, recipe.vocabulary.size)
    features = {name: values[None] for name, values in batch.items()}
    numbers = itertools.count(1)

    def step() -> list[np.ndarray]:
        results = [engine.train(features, Scalars(1e-4, number)) for number in itertools.islice(numbers, IN_A_ROW)]
        return [np.asarray(result) for result in results]

    return step
