"""ModernBERT's encoder in Keras 3: https://arxiv.org/abs/2412.13663, as Hugging Face's `ModernBertModel` computes it.

Layers are pre-norm and have no biases. Dropout is a function of keys that the caller passes (`dropout.py`).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import ops

from trainer.models.architecture import Tensor
from trainer.models.dropout import dropout
from trainer.models.layers import ACTIVATIONS, MASKED_SCORE, Dense, LayerNorm, Scope
from trainer.models.modernbert.configuration import ModernBertConfig

__all__ = ["Places"]


class Rotation(NamedTuple):
    """Rotary position embeddings (https://arxiv.org/abs/2104.09864): cosines and signed sines, [length, head size]."""

    cosines: Tensor
    sines: Tensor


class Places(NamedTuple):
    """What a layer's attention needs to know of positions; the same for all layers of its kind.

    Args:
        bias: Added to the scores, [batch, 1, 1 or length, length].
        query: Rotation of the queries, scaled by 1 / √(head size).
        key: Rotation of the keys.
    """

    bias: Tensor
    query: Rotation
    key: Rotation


def normalisation(config: ModernBertConfig, policy: Any) -> LayerNorm:
    return LayerNorm(epsilon=config.norm_eps, center=False, name="LayerNorm", dtype=policy)


def dense_layer(size: int, name: str, policy: Any) -> Dense:
    return Dense(size, use_bias=False, kernel_initializer="zeros", name=name, dtype=policy)


class Embeddings(Scope):
    """Word embeddings, normalised. The table also serves as the output projection."""

    def __init__(self, config: ModernBertConfig, dtype: Any) -> None:
        super().__init__(config, "embeddings", dtype)
        self.layer_norm = normalisation(config, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(self.layer_norm, self.config.hidden_size)]

    def build(self, input_shape: Any = None) -> None:
        shape = (self.config.vocab_size, self.config.hidden_size)
        self.word_embeddings = self.add_weight(name="word_embeddings", shape=shape, initializer="zeros")
        super().build()

    def call(self, input_ids: Tensor, keys: Tensor | None) -> Tensor:
        hidden = self.layer_norm(ops.take(self.word_embeddings, input_ids, axis=0))
        return dropout(hidden, self.config.embedding_dropout, keys, site=0)


class Attention(Scope):
    """Normalisation (not in the first layer), attention with rotary position embeddings, output projection."""

    def __init__(self, config: ModernBertConfig, index: int, site: int, dtype: Any) -> None:
        super().__init__(config, "attention", dtype)
        self.autocast = False  # the tables of rotations stay float32
        self.site = site
        # The embeddings are normalised already.
        self.layer_norm = normalisation(config, dtype) if index > 0 else None
        self.qkv = dense_layer(3 * config.hidden_size, "qkv", dtype)
        self.output_layer = dense_layer(config.hidden_size, "output", dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        layers = [self.layer_norm, self.qkv, self.output_layer]
        return [(layer, self.config.hidden_size) for layer in layers if layer is not None]

    def call(self, hidden: Tensor, places: Places, keys: Tensor | None) -> Tensor:
        config, length = self.config, ops.shape(hidden)[1]
        if self.layer_norm is not None:
            hidden = self.layer_norm(hidden)
        heads = (-1, length, config.num_attention_heads, config.head_size)
        parts = [ops.transpose(ops.reshape(part, heads), (0, 2, 1, 3)) for part in ops.split(self.qkv(hidden), 3, -1)]
        query, key, value = _rotated(parts[0], places.query), _rotated(parts[1], places.key), parts[2]
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) + places.bias
        probabilities = ops.cast(ops.softmax(ops.cast(scores, "float32")), value.dtype)
        probabilities = dropout(probabilities, config.attention_dropout, keys, self.site)
        context = ops.transpose(ops.matmul(probabilities, value), (0, 2, 1, 3))
        output = self.output_layer(ops.reshape(context, (-1, length, config.hidden_size)))
        return dropout(output, config.attention_dropout, keys, self.site + 1)


def _rotated(part: Tensor, rotation: Rotation) -> Tensor:
    """Rotary position embeddings of queries or keys [batch, heads, length, head size], computed in float32."""
    values = ops.cast(part, "float32")
    first, second = ops.split(values, 2, axis=-1)
    swapped = ops.concatenate([second, first], axis=-1)
    return ops.cast(values * rotation.cosines + swapped * rotation.sines, part.dtype)


class FeedForward(Scope):
    """Normalisation, and a feed-forward network whose activation is multiplied by a gate (GeGLU)."""

    def __init__(self, config: ModernBertConfig, site: int, dtype: Any) -> None:
        super().__init__(config, "mlp", dtype)
        self.site, self.act = site, ACTIVATIONS[config.activation(config.hidden_activation)]
        self.layer_norm = normalisation(config, dtype)
        self.input_layer = dense_layer(2 * config.intermediate_size, "input", dtype)
        self.output_layer = dense_layer(config.hidden_size, "output", dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        size = self.config.hidden_size
        return [(self.layer_norm, size), (self.input_layer, size), (self.output_layer, self.config.intermediate_size)]

    def call(self, hidden: Tensor, keys: Tensor | None) -> Tensor:
        wide = self.input_layer(self.layer_norm(hidden))
        activated, gate = ops.split(wide, 2, axis=-1)
        gated = self.act(activated) * gate
        return self.output_layer(dropout(gated, self.config.mlp_dropout, keys, self.site))


class TransformerLayer(Scope):
    """Attention and feed-forward network, each added to its input."""

    DROPOUTS = 3

    def __init__(self, config: ModernBertConfig, index: int, dtype: Any) -> None:
        super().__init__(config, f"layer_{index}", dtype)
        self.autocast = False
        site = 1 + self.DROPOUTS * index  # site 0 is in the embeddings
        self.is_global = config.is_global(index)
        self.attention = Attention(config, index, site, dtype)
        self.feed_forward = FeedForward(config, site + 2, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(layer, self.config.hidden_size) for layer in (self.attention, self.feed_forward)]

    def call(self, hidden: Tensor, places: Places, keys: Tensor | None) -> Tensor:
        hidden = hidden + self.attention(hidden, places, keys)
        return hidden + self.feed_forward(hidden, keys)


class Transform(Scope):
    """The non-linear layer before the vocabulary projection, or before a classifier's logits."""

    def __init__(self, config: ModernBertConfig, dtype: Any) -> None:
        super().__init__(config, "transform", dtype)
        self.act = ACTIVATIONS[config.activation(config.classifier_activation)]
        self.dense = dense_layer(config.hidden_size, "dense", dtype)
        self.layer_norm = normalisation(config, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(layer, self.config.hidden_size) for layer in (self.dense, self.layer_norm)]

    def call(self, hidden: Tensor) -> Tensor:
        return self.layer_norm(self.act(self.dense(hidden)))


class ModernBert(Scope):
    """The encoder: token ids to hidden states [batch, length, hidden]. It holds the transform of its heads, too."""

    def __init__(self, config: ModernBertConfig, dtype: Any) -> None:
        super().__init__(config, "modernbert", dtype)
        self.embeddings = Embeddings(config, dtype)
        self.layers = [TransformerLayer(config, index, dtype) for index in range(config.num_hidden_layers)]
        self.layer_norm = normalisation(config, dtype)
        self.transform = Transform(config, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        layers = [self.embeddings, *self.layers, self.layer_norm, self.transform]
        return [(layer, self.config.hidden_size) for layer in layers]

    def call(self, input_ids: Tensor, input_mask: Tensor, keys: Tensor | None) -> Tensor:
        config = self.config
        hidden = self.embeddings(input_ids, keys)
        padding = (1.0 - ops.cast(input_mask, hidden.dtype))[:, None, None, :] * MASKED_SCORE
        length = ops.shape(input_ids)[1]
        outside = ops.cast(_distances(length) > config.reach, hidden.dtype) * MASKED_SCORE
        everywhere = Places(padding, *_rotations(config, config.global_rope_theta, length))
        nearby = Places(padding + outside, *_rotations(config, config.local_rope_theta, length))
        for layer in self.layers:
            hidden = layer(hidden, everywhere if layer.is_global else nearby, keys)
        return self.layer_norm(hidden)


def _distances(length: Any) -> Tensor:
    """Distances between positions, int32 [length, length]."""
    positions = ops.arange(length, dtype="int32")
    return ops.abs(positions[:, None] - positions[None, :])


def _rotations(config: ModernBertConfig, theta: float, length: Any) -> tuple[Rotation, Rotation]:
    """The rotations of queries and keys, float32."""
    size = config.head_size
    frequencies = 1.0 / theta ** (np.arange(0, size, 2) / size)
    angles = np.tile(np.outer(np.arange(config.max_position_embeddings), frequencies), 2)  # [positions, head size]
    signs = np.repeat([-1.0, 1.0], size // 2)  # (a, b) becomes (a cos - b sin, b cos + a sin)

    def rotation(scale: float) -> Rotation:
        tables = (np.cos(angles) * scale, np.sin(angles) * signs * scale)
        return Rotation(*(ops.convert_to_tensor(table.astype(np.float32))[:length] for table in tables))

    return rotation(1.0 / math.sqrt(size)), rotation(1.0)
