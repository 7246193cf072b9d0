"""BERT for pre-training, in Keras 3: the path of every variable is its name in Google's TF1 checkpoints.

The model is the one of https://arxiv.org/abs/1810.04805 and google-research/bert (`modeling.py`, `run_pretraining.py`).
It draws no randomness of its own: dropout is a function of keys that the caller passes for each example (`dropout.py`).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
from keras import ops

from trainer.models.config import BertConfig
from trainer.models.dropout import dropout

__all__ = ["BertForPreTraining", "Outputs", "gather_positions"]

Tensor = Any  # a tensor of whichever engine runs the model
# Attention as one kernel of an engine: query, key, value [batch, length, heads, head size] and lengths int32 [batch] to
# [batch, length, heads, head size].
FusedAttention = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]

# Added to the attention scores of padding, as in Google's modeling.py.
MASKED_SCORE = -10000.0

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functools.partial(ops.gelu, approximate=False),
    "gelu_new": functools.partial(ops.gelu, approximate=True),
    "relu": ops.relu,
}


class Outputs(NamedTuple):
    """What the model predicts.

    Args:
        masked_lm_logits: [batch, predictions, vocabulary].
        next_sentence_logits: [batch, 2]; index 1 says "random next". None for a model without that head.
    """

    masked_lm_logits: Tensor
    next_sentence_logits: Tensor | None


class Padding(NamedTuple):
    """Which positions are not attended to, in the two forms that implementations of attention want.

    Args:
        bias: [batch, 1, 1, length], added to the scores.
        lengths: int32 [batch], positions before the padding.
    """

    bias: Tensor
    lengths: Tensor


def _layer_norm(config: BertConfig, policy: Any) -> keras.layers.LayerNormalization:
    return keras.layers.LayerNormalization(epsilon=config.layer_norm_eps, name="LayerNorm", dtype=policy)


def _dense(size: int, name: str, policy: Any, activation: Any = None) -> keras.layers.Dense:
    return keras.layers.Dense(size, activation=activation, kernel_initializer="zeros", name=name, dtype=policy)


class _Scope(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A layer that builds its children inside its own name, so that variable paths nest as in TF1."""

    def __init__(self, config: BertConfig, name: str, dtype: Any) -> None:
        super().__init__(name=name, dtype=dtype)
        self.config = config

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        """The layers inside and the number of features each receives."""
        return []

    def build(self, input_shape: Any = None) -> None:
        for layer, features in self.children():
            layer.build((None, None, features))


class Embeddings(_Scope):
    """Sum of word, position and segment embeddings, normalised. The word table also serves as the output projection."""

    def __init__(self, config: BertConfig, dtype: Any) -> None:
        super().__init__(config, "embeddings", dtype)
        self.layer_norm = _layer_norm(config, dtype)

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


class SelfAttention(_Scope):
    """Scaled dot-product attention over all positions that are not padding.

    A fused kernel cannot drop scores by our masks: it is used where none are dropped.
    """

    def __init__(self, config: BertConfig, site: int, dtype: Any, fused: FusedAttention | None) -> None:
        super().__init__(config, "self", dtype)
        self.site, self.fused = site, fused
        self.query, self.key, self.value = (_dense(config.hidden_size, n, dtype) for n in ("query", "key", "value"))

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


class Output(_Scope):
    """Projection back to the hidden size, dropout, residual connection, normalisation."""

    def __init__(self, config: BertConfig, input_size: int, site: int, dtype: Any) -> None:
        super().__init__(config, "output", dtype)
        self.input_size, self.site = input_size, site
        self.dense = _dense(config.hidden_size, "dense", dtype)
        self.layer_norm = _layer_norm(config, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(self.dense, self.input_size), (self.layer_norm, self.config.hidden_size)]

    def call(self, hidden: Tensor, residual: Tensor, keys: Tensor | None) -> Tensor:
        return self.layer_norm(dropout(self.dense(hidden), self.config.hidden_dropout_prob, keys, self.site) + residual)


class Attention(_Scope):
    """Self-attention with its output projection."""

    def __init__(self, config: BertConfig, site: int, dtype: Any, fused: FusedAttention | None) -> None:
        super().__init__(config, "attention", dtype)
        self.self_attention = SelfAttention(config, site, dtype, fused)
        self.output_layer = Output(config, config.hidden_size, site + 1, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(self.self_attention, self.config.hidden_size), (self.output_layer, self.config.hidden_size)]

    def call(self, hidden: Tensor, padding: Padding, keys: Tensor | None) -> Tensor:
        return self.output_layer(self.self_attention(hidden, padding, keys), hidden, keys)


class Intermediate(_Scope):
    """The wide layer of the feed-forward network."""

    def __init__(self, config: BertConfig, dtype: Any) -> None:
        super().__init__(config, "intermediate", dtype)
        self.dense = _dense(config.intermediate_size, "dense", dtype, ACTIVATIONS[config.hidden_act])

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(self.dense, self.config.hidden_size)]

    def call(self, hidden: Tensor) -> Tensor:
        return self.dense(hidden)


class TransformerLayer(_Scope):
    """Attention and feed-forward network: one of the encoder's layers."""

    DROPOUTS = 3

    def __init__(self, config: BertConfig, index: int, dtype: Any, fused: FusedAttention | None) -> None:
        super().__init__(config, f"layer_{index}", dtype)
        site = 1 + self.DROPOUTS * index  # site 0 is in the embeddings
        self.attention = Attention(config, site, dtype, fused)
        self.intermediate = Intermediate(config, dtype)
        self.output_layer = Output(config, config.intermediate_size, site + 2, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        size = self.config.hidden_size
        return [(self.attention, size), (self.intermediate, size), (self.output_layer, self.config.intermediate_size)]

    def call(self, hidden: Tensor, padding: Padding, keys: Tensor | None) -> Tensor:
        hidden = self.attention(hidden, padding, keys)
        return self.output_layer(self.intermediate(hidden), hidden, keys)


class Encoder(_Scope):
    """The stack of transformer layers."""

    def __init__(self, config: BertConfig, dtype: Any, fused: FusedAttention | None) -> None:
        super().__init__(config, "encoder", dtype)
        self.layers = [TransformerLayer(config, index, dtype, fused) for index in range(config.num_hidden_layers)]

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(layer, self.config.hidden_size) for layer in self.layers]

    def call(self, hidden: Tensor, padding: Padding, keys: Tensor | None) -> Tensor:
        for layer in self.layers:
            hidden = layer(hidden, padding, keys)
        return hidden


class Pooler(_Scope):
    """The hidden state of [CLS], through a tanh layer."""

    def __init__(self, config: BertConfig, dtype: Any) -> None:
        super().__init__(config, "pooler", dtype)
        self.dense = _dense(config.hidden_size, "dense", dtype, "tanh")

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(self.dense, self.config.hidden_size)]

    def call(self, hidden: Tensor) -> Tensor:
        return self.dense(hidden[:, 0])


class Bert(_Scope):
    """The encoder: token ids to hidden states [batch, length, hidden] and the pooled state [batch, hidden]."""

    def __init__(self, config: BertConfig, dtype: Any, fused: FusedAttention | None) -> None:
        super().__init__(config, "bert", dtype)
        self.embeddings = Embeddings(config, dtype)
        self.encoder = Encoder(config, dtype, fused)
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


class Transform(_Scope):
    """The non-linear layer before the vocabulary projection."""

    def __init__(self, config: BertConfig, dtype: Any) -> None:
        super().__init__(config, "transform", dtype)
        self.dense = _dense(config.hidden_size, "dense", dtype, ACTIVATIONS[config.hidden_act])
        self.layer_norm = _layer_norm(config, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(layer, self.config.hidden_size) for layer in (self.dense, self.layer_norm)]

    def call(self, hidden: Tensor) -> Tensor:
        return self.layer_norm(self.dense(hidden))


class Predictions(_Scope):
    """The masked-language-model head: logits over the vocabulary, by the transposed word table."""

    def __init__(self, config: BertConfig, dtype: Any) -> None:
        super().__init__(config, "predictions", dtype)
        self.transform = Transform(config, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(self.transform, self.config.hidden_size)]

    def build(self, input_shape: Any = None) -> None:
        self.output_bias = self.add_weight(name="output_bias", shape=(self.config.vocab_size,), initializer="zeros")
        super().build()

    def call(self, hidden: Tensor, word_embeddings: Tensor) -> Tensor:
        hidden = self.transform(hidden)
        logits = ops.matmul(hidden, ops.transpose(ops.cast(word_embeddings, hidden.dtype)))
        return logits + ops.cast(self.output_bias, logits.dtype)


class SeqRelationship(_Scope):
    """The next-sentence head: two logits."""

    def __init__(self, config: BertConfig, dtype: Any) -> None:
        super().__init__(config, "seq_relationship", dtype)

    def build(self, input_shape: Any = None) -> None:
        self.output_weights = self.add_weight(
            name="output_weights", shape=(2, self.config.hidden_size), initializer="zeros"
        )
        self.output_bias = self.add_weight(name="output_bias", shape=(2,), initializer="zeros")

    def call(self, pooled: Tensor) -> Tensor:
        logits = ops.matmul(pooled, ops.transpose(ops.cast(self.output_weights, pooled.dtype)))
        return logits + ops.cast(self.output_bias, logits.dtype)


class Heads(_Scope):
    """The two pre-training heads; the second is left out for `objective: mlm`."""

    def __init__(self, config: BertConfig, next_sentence: bool, dtype: Any) -> None:
        super().__init__(config, "cls", dtype)
        self.predictions = Predictions(config, dtype)
        self.seq_relationship = SeqRelationship(config, dtype) if next_sentence else None

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        heads = [self.predictions, self.seq_relationship]
        return [(head, self.config.hidden_size) for head in heads if head is not None]

    def call(self, hidden: Tensor, pooled: Tensor, word_embeddings: Tensor) -> Outputs:
        relation = self.seq_relationship(pooled) if self.seq_relationship is not None else None
        return Outputs(self.predictions(hidden, word_embeddings), relation)


class BertForPreTraining(keras.layers.Layer):  # type: ignore[misc]
    """BERT with its pre-training heads, built; all variables are zero until they are assigned.

    Args:
        config: The model's shape.
        next_sentence: Whether it has the next-sentence head.
        precision: Keras dtype policy: ``float32``, ``mixed_bfloat16`` or ``mixed_float16``.
        fused_attention: The engine's kernel; None computes attention in plain operations.
    """

    def __init__(
        self,
        config: BertConfig,
        next_sentence: bool = True,
        precision: str = "float32",
        fused_attention: FusedAttention | None = None,
    ) -> None:
        super().__init__(name="model", dtype=precision)
        self.config = config
        self.bert = Bert(config, self.dtype_policy, fused_attention)
        self.heads = Heads(config, next_sentence, self.dtype_policy)
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Create all variables."""
        self.bert.build()
        self.heads.build()

    def call(
        self,
        input_ids: Tensor,
        input_mask: Tensor,
        segment_ids: Tensor,
        masked_lm_positions: Tensor,
        dropout_keys: Tensor | None = None,
    ) -> Outputs:
        """Logits at the masked positions, and of the sentence pair.

        Args:
            input_ids: int32 [batch, length].
            input_mask: int32 [batch, length], 0 for padding; for fused attention, all padding stands at the end.
            segment_ids: int32 [batch, length].
            masked_lm_positions: int32 [batch, predictions].
            dropout_keys: uint32 [batch, 2], see `dropout.py`; None switches dropout off.
        """
        hidden, pooled = self.bert(input_ids, input_mask, segment_ids, dropout_keys)
        # Only the masked positions go through the vocabulary projection, the most expensive one of a small model.
        masked = gather_positions(hidden, masked_lm_positions)
        outputs: Outputs = self.heads(masked, pooled, self.bert.embeddings.word_embeddings)
        return outputs

    def named_variables(self) -> dict[str, keras.Variable]:
        """All variables by their name in Google's checkpoints, sorted."""
        prefix = len(self.name) + 1
        return {v.path[prefix:]: v for v in sorted(self.trainable_variables, key=lambda v: v.path)}


def gather_positions(hidden: Tensor, positions: Tensor) -> Tensor:
    """Hidden states [batch, predictions, hidden] at the given positions [batch, predictions]."""
    length, size = ops.shape(hidden)[1], hidden.shape[2]
    rows = ops.arange(ops.shape(positions)[0], dtype="int32")[:, None] * length
    flat = ops.take(ops.reshape(hidden, (-1, size)), ops.reshape(positions + rows, (-1,)), axis=0)
    return ops.reshape(flat, (-1, ops.shape(positions)[1], size))
