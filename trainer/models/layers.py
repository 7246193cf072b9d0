"""What networks of several architectures share: scopes that name variables, dense layers, normalisation, gathering."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from trainer.models.architecture import Configuration, Tensor

# Added to the attention scores of padding, as in Google's modeling.py.
MASKED_SCORE = -10000.0

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functools.partial(ops.gelu, approximate=False),
    "gelu_new": functools.partial(ops.gelu, approximate=True),
    "relu": ops.relu,
}


class Scope(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A layer that builds its children inside its own name, so that variable paths nest as in TF1."""

    def __init__(self, config: Configuration, name: str, dtype: Any) -> None:
        super().__init__(name=name, dtype=dtype)
        self.config: Any = config  # of the network's architecture

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        """The layers inside and the number of features each receives."""
        return []

    def build(self, input_shape: Any = None) -> None:
        """Create the variables of the layers inside."""
        for layer, features in self.children():
            layer.build((None, None, features))


class Dense(keras.layers.Dense):  # type: ignore[misc]
    """A dense layer that multiplies matrices [batch · length, features].

    With three dimensions XLA transposes the inputs for the gradient of the weights: an eighth of a step on a CPU.
    """

    def call(self, inputs: Tensor) -> Tensor:
        """Outputs [..., units] of inputs [..., features]."""
        outputs = super().call(ops.reshape(inputs, (-1, inputs.shape[-1])))
        return ops.reshape(outputs, (*ops.shape(inputs)[:-1], self.units))


class LayerNorm(keras.layers.LayerNormalization):  # type: ignore[misc]
    """Layer normalisation."""

    def call(self, inputs: Tensor) -> Tensor:
        """Outputs of the shape of the inputs [..., features]."""
        return super().call(_stored(inputs))


def _stored(values: Tensor) -> Tensor:
    """The same values, which XLA writes to memory on a CPU, and so their gradient.

    It would otherwise compute the gradient of the sum of ModernBERT's layers anew for each layer below, element by
    element: time that grows with the square of the number of layers (half of a step at six). It does so with BERT's
    layers, which are normalised after the sum, and no barrier was found to prevent that.
    """
    if keras.backend.backend() == "jax":
        import jax

        if jax.default_backend() == "cpu":
            return jax.lax.optimization_barrier(values)
    return values


def gather_positions(hidden: Tensor, positions: Tensor) -> Tensor:
    """Hidden states [batch, predictions, hidden] at the given positions [batch, predictions]."""
    length, size = ops.shape(hidden)[1], hidden.shape[2]
    rows = ops.arange(ops.shape(positions)[0], dtype="int32")[:, None] * length
    flat = ops.take(ops.reshape(hidden, (-1, size)), ops.reshape(positions + rows, (-1,)), axis=0)
    return ops.reshape(flat, (-1, ops.shape(positions)[1], size))


def named_variables(network: keras.layers.Layer) -> dict[str, keras.Variable]:
    """All variables of a network by their path below it, sorted."""
    prefix = len(network.name) + 1
    return {v.path[prefix:]: v for v in sorted(network.trainable_variables, key=lambda v: v.path)}
