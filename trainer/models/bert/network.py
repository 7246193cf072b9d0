"""BERT's encoder in Keras 3: the path of every variable is its name in Google's TF1 checkpoints.

The model is the one of https://arxiv.org/abs/1810.04805 and google-research/bert (`modeling.py`).
It draws no randomness of its own: dropout is a function of keys that the caller passes for each example (`dropout.py`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from trainer.models.architecture import FusedAttention, Tensor
from trainer.models.bert.configuration import BertConfig
from trainer.models.dropout import dropout
from trainer.models.layers import ACTIVATIONS, MASKED_SCORE, Dense, LayerNorm, Scope

__all__ = ["Arrangement", "Padding", "post_norm"]


class Padding(NamedTuple):
    """Which positions are not attended to, in the two forms that implementations of attention need.

    Args:
        bias: [batch, 1, 1, length], added to the scores.
        lengths: int32 [batch], positions before the padding.
    """

    bias: Tensor
    lengths: Tensor


def normalisation(config: BertConfig, policy: Any) -> LayerNorm:
    return LayerNorm(epsilon=config.layer_norm_eps, name="LayerNorm", dtype=policy)


def dense_layer(size: int, name: str, policy: Any, activation: Any = None) -> Dense:
    return Dense(size, activation=activation, kernel_initializer="zeros", name=name, dtype=policy)


class Embeddings(Scope):
    """Sum of word, position and segment embeddings, normalised. The word table also serves as the output projection."""

    def __init__(self, config: BertConfig, dtype: Any) -> None:
        super().__init__(config, "embeddings", dtype)
        self.layer_norm = normalisation(config, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(self.layer_norm, self.config.hidden_size)]

    def build(self, input_shape: Any = None) -> None:
        config = self.config
        self.word_embeddings = self._table("word_embeddings", config.vocab_size)
        self.token_type_embeddings = self._table("token_type_embeddings", config.type_vocab_size)
        self.position_embeddings = self._table("position_embeddings", config.max_position_embeddings)
        super().build()

    def _table(self, name: str, rows: int) -> keras.Variable:
        return self.add_weight(name=name, shape=(rows, self.config.hidden_size), initializer="zeros")

    def call(self, input_ids: Tensor, segment_ids: Tensor, keys: Tensor | None) -> Tensor:
        words = ops.take(self.word_embeddings, input_ids, axis=0)
        # There are two rows: a matrix product is faster than a gather, forwards and backwards.
        one_hot = ops.one_hot(segment_ids, self.config.type_vocab_size, dtype=words.dtype)
        segments = ops.matmul(one_hot, ops.cast(self.token_type_embeddings, words.dtype))
        positions = ops.cast(self.position_embeddings, words.dtype)[None, : ops.shape(input_ids)[1], :]
        hidden = self.layer_norm(words + segments + positions)
        return dropout(hidden, self.config.hidden_dropout_prob, keys, site=0)


class SelfAttention(Scope):
    """Scaled dot-product attention over all positions that are not padding.

    A fused kernel cannot apply our dropout masks to the scores: it is used where no scores are dropped.
    """

    def __init__(self, config: BertConfig, site: int, dtype: Any, fused: FusedAttention | None) -> None:
        super().__init__(config, "self", dtype)
        self.site, self.fused = site, fused
        self.query, self.key, self.value = (
            dense_layer(config.hidden_size, n, dtype) for n in ("query", "key", "value")
        )

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(layer, self.config.hidden_size) for layer in (self.query, self.key, self.value)]

    def call(self, hidden: Tensor, padding: Padding, keys: Tensor | None) -> Tensor:
        config, length = self.config, ops.shape(hidden)[1]

        def heads(layer: keras.layers.Layer) -> Tensor:  # [batch, length, heads, head size]
            return ops.reshape(layer(hidden), (-1, length, config.num_attention_heads, config.head_size))

        query, key, value = heads(self.query), heads(self.key), heads(self.value)
        if self.fused is not None and (keys is None or config.attention_probs_dropout_prob == 0.0):
            context = self.fused(query, key, value, padding.lengths)
        else:
            context = self._plain(query, key, value, padding.bias, keys)
        return ops.reshape(context, (-1, length, config.hidden_size))

    def _plain(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor, keys: Tensor | None) -> Tensor:
        query, key, value = (ops.transpose(tensor, (0, 2, 1, 3)) for tensor in (query, key, value))
        scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2))) * (1.0 / math.sqrt(self.config.head_size)) + bias
        probabilities = ops.cast(ops.softmax(ops.cast(scores, "float32")), value.dtype)
        probabilities = dropout(probabilities, self.config.attention_probs_dropout_prob, keys, self.site)
        return ops.transpose(ops.matmul(probabilities, value), (0, 2, 1, 3))


class Output(Scope):
    """Projection back to the hidden size, dropout, residual connection, normalisation."""

    def __init__(self, config: BertConfig, input_size: int, site: int, dtype: Any) -> None:
        super().__init__(config, "output", dtype)
        self.input_size, self.site = input_size, site
        self.dense = dense_layer(config.hidden_size, "dense", dtype)
        self.layer_norm = normalisation(config, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(self.dense, self.input_size), (self.layer_norm, self.config.hidden_size)]

    def call(self, hidden: Tensor, residual: Tensor, keys: Tensor | None) -> Tensor:
        return self.layer_norm(dropout(self.dense(hidden), self.config.hidden_dropout_prob, keys, self.site) + residual)


class Attention(Scope):
    """Self-attention with its output projection."""

    def __init__(self, config: BertConfig, site: int, dtype: Any, fused: FusedAttention | None) -> None:
        super().__init__(config, "attention", dtype)
        self.self_attention = SelfAttention(config, site, dtype, fused)
        self.output_layer = Output(config, config.hidden_size, site + 1, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(self.self_attention, self.config.hidden_size), (self.output_layer, self.config.hidden_size)]

    def call(self, hidden: Tensor, padding: Padding, keys: Tensor | None) -> Tensor:
        return self.output_layer(self.self_attention(hidden, padding, keys), hidden, keys)


class Intermediate(Scope):
    """The wide layer of the feed-forward network."""

    def __init__(self, config: BertConfig, dtype: Any) -> None:
        super().__init__(config, "intermediate", dtype)
        self.dense = dense_layer(config.intermediate_size, "dense", dtype, ACTIVATIONS[config.hidden_act])

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(self.dense, self.config.hidden_size)]

    def call(self, hidden: Tensor) -> Tensor:
        return self.dense(hidden)


class TransformerLayer(Scope):
    """Attention and feed-forward network: one of the encoder's layers.

    Args:
        config: The model's shape.
        index: Number of the layer, from 0.
        dtype: Keras dtype policy.
        fused: The engine's attention kernel.
        arrangement: In which order its parts follow; a variation of BERT passes another than :func:`post_norm`.
    """

    DROPOUTS = 3

    def __init__(
        self, config: BertConfig, index: int, dtype: Any, fused: FusedAttention | None, arrangement: Arrangement
    ) -> None:
        super().__init__(config, f"layer_{index}", dtype)
        self.arrangement = arrangement
        site = 1 + self.DROPOUTS * index  # site 0 is in the embeddings
        self.attention = Attention(config, site, dtype, fused)
        self.intermediate = Intermediate(config, dtype)
        self.output_layer = Output(config, config.intermediate_size, site + 2, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        size = self.config.hidden_size
        return [(self.attention, size), (self.intermediate, size), (self.output_layer, self.config.intermediate_size)]

    def call(self, hidden: Tensor, padding: Padding, keys: Tensor | None) -> Tensor:
        return self.arrangement(self, hidden, padding, keys)


# The forward pass of a layer: the layer, hidden states [batch, length, hidden], padding, dropout keys to hidden states.
Arrangement = Callable[[TransformerLayer, Tensor, Padding, Tensor | None], Tensor]


def post_norm(layer: TransformerLayer, hidden: Tensor, padding: Padding, keys: Tensor | None) -> Tensor:
    """BERT's order: normalisation after each residual connection."""
    hidden = layer.attention(hidden, padding, keys)
    return layer.output_layer(layer.intermediate(hidden), hidden, keys)


class Encoder(Scope):
    """The stack of transformer layers."""

    def __init__(self, config: BertConfig, dtype: Any, fused: FusedAttention | None, arrangement: Arrangement) -> None:
        super().__init__(config, "encoder", dtype)
        self.layers = [
            TransformerLayer(config, index, dtype, fused, arrangement) for index in range(config.num_hidden_layers)
        ]

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(layer, self.config.hidden_size) for layer in self.layers]

    def call(self, hidden: Tensor, padding: Padding, keys: Tensor | None) -> Tensor:
        for layer in self.layers:
            hidden = layer(hidden, padding, keys)
        return hidden


class Pooler(Scope):
    """The hidden state of [CLS], through a tanh layer."""

    def __init__(self, config: BertConfig, dtype: Any) -> None:
        super().__init__(config, "pooler", dtype)
        self.dense = dense_layer(config.hidden_size, "dense", dtype, "tanh")

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(self.dense, self.config.hidden_size)]

    def call(self, hidden: Tensor) -> Tensor:
        return self.dense(hidden[:, 0])


class Bert(Scope):
    """The encoder: token ids to hidden states [batch, length, hidden] and the pooled state [batch, hidden]."""

    def __init__(
        self,
        config: BertConfig,
        dtype: Any,
        fused: FusedAttention | None = None,
        arrangement: Arrangement = post_norm,
    ) -> None:
        super().__init__(config, "bert", dtype)
        self.embeddings = Embeddings(config, dtype)
        self.encoder = Encoder(config, dtype, fused, arrangement)
        self.pooler = Pooler(config, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(layer, self.config.hidden_size) for layer in (self.embeddings, self.encoder, self.pooler)]

    def call(
        self, input_ids: Tensor, input_mask: Tensor, segment_ids: Tensor, keys: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        hidden = self.embeddings(input_ids, segment_ids, keys)
        bias = (1.0 - ops.cast(input_mask, hidden.dtype))[:, None, None, :] * MASKED_SCORE
        hidden = self.encoder(hidden, Padding(bias, ops.sum(input_mask, axis=1)), keys)
        return hidden, self.pooler(hidden)
