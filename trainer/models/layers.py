"""What the networks of several architectures share: scopes that name variables, activations, the masked positions."""

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
