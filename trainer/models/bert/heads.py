"""BERT's pre-training heads, and the whole model as google-research/bert's `run_pretraining.py` builds it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from trainer.models.architecture import FusedAttention, Outputs, Tensor
from trainer.models.bert.configuration import BertConfig
from trainer.models.bert.network import Arrangement, Bert, dense_layer, normalisation, post_norm
from trainer.models.layers import ACTIVATIONS, Scope, gather_positions, named_variables

__all__ = ["BertForPreTraining"]


class Transform(Scope):
    """The non-linear layer before the vocabulary projection."""

    def __init__(self, config: BertConfig, dtype: Any) -> None:
        super().__init__(config, "transform", dtype)
        self.dense = dense_layer(config.hidden_size, "dense", dtype, ACTIVATIONS[config.hidden_act])
        self.layer_norm = normalisation(config, dtype)

    def children(self) -> list[tuple[keras.layers.Layer, int]]:
        return [(layer, self.config.hidden_size) for layer in (self.dense, self.layer_norm)]

    def call(self, hidden: Tensor) -> Tensor:
        return self.layer_norm(self.dense(hidden))


class Predictions(Scope):
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


class SeqRelationship(Scope):
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


class Heads(Scope):
    """The two pre-training heads; the second is omitted for `objective: mlm`."""

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
        arrangement: Order of the parts of each layer.
    """

    def __init__(
        self,
        config: BertConfig,
        next_sentence: bool = True,
        precision: str = "float32",
        fused_attention: FusedAttention | None = None,
        arrangement: Arrangement = post_norm,
    ) -> None:
        super().__init__(name="model", dtype=precision)
        self.config = config
        self.bert = Bert(config, self.dtype_policy, fused_attention, arrangement)
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
        """Logits at the masked positions and of the sentence pair.

        Args:
            input_ids: int32 [batch, length].
            input_mask: int32 [batch, length], 0 for padding; for fused attention, all padding is at the end.
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
        return named_variables(self)
