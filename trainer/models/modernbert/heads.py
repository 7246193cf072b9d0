"""ModernBERT for pre-training and for classification, as Hugging Face's `ModernBertForMaskedLM` and its classifier."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from trainer.models.architecture import Outputs, Tensor
from trainer.models.dropout import dropout
from trainer.models.layers import Scope, gather_positions, named_variables
from trainer.models.modernbert.configuration import ModernBertConfig
from trainer.models.modernbert.network import ModernBert, TransformerLayer

__all__ = ["ModernBertClassifier", "ModernBertForPreTraining"]


class Predictions(Scope):
    """Logits over the vocabulary: by the word table, or by weights of its own where that is not tied."""

    def __init__(self, config: ModernBertConfig, dtype: Any) -> None:
        super().__init__(config, "cls", dtype)

    def build(self, input_shape: Any = None) -> None:
        config = self.config
        self.output_bias = self.add_weight(name="output_bias", shape=(config.vocab_size,), initializer="zeros")
        shape = (config.vocab_size, config.hidden_size)
        self.output_weights = (
            None
            if config.tie_word_embeddings
            else self.add_weight(name="output_weights", shape=shape, initializer="zeros")
        )

    def call(self, hidden: Tensor, word_embeddings: Tensor) -> Tensor:
        weights = word_embeddings if self.output_weights is None else self.output_weights
        logits = ops.matmul(hidden, ops.transpose(ops.cast(weights, hidden.dtype)))
        return logits + ops.cast(self.output_bias, logits.dtype)


class ModernBertForPreTraining(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """ModernBERT with its masked-language-model head, built; all variables are zero until they are assigned.

    Args:
        config: The model's shape.
        precision: Keras dtype policy: ``float32``, ``mixed_bfloat16`` or ``mixed_float16``.
    """

    def __init__(self, config: ModernBertConfig, precision: str = "float32") -> None:
        super().__init__(name="model", dtype=precision)
        self.encoder = ModernBert(config, self.dtype_policy)
        self.predictions = Predictions(config, self.dtype_policy)
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Create all variables."""
        self.encoder.build()
        self.predictions.build()

    def call(
        self,
        input_ids: Tensor,
        input_mask: Tensor,
        segment_ids: Tensor,
        masked_lm_positions: Tensor,
        dropout_keys: Tensor | None = None,
    ) -> Outputs:
        """Logits at the masked positions.

        Args:
            input_ids: int32 [batch, length].
            input_mask: int32 [batch, length], 0 for padding.
            segment_ids: int32 [batch, length]; of no effect.
            masked_lm_positions: int32 [batch, predictions].
            dropout_keys: uint32 [batch, 2], see `dropout.py`; None switches dropout off.
        """
        hidden = self.encoder(input_ids, input_mask, dropout_keys)
        masked = self.encoder.transform(gather_positions(hidden, masked_lm_positions))
        return Outputs(self.predictions(masked, self.encoder.embeddings.word_embeddings), None)

    def named_variables(self) -> dict[str, keras.Variable]:
        """All variables by their name in checkpoints, sorted."""
        return named_variables(self)


class ModernBertClassifier(keras.layers.Layer):  # type: ignore[misc]
    """ModernBERT with `outputs` logits, built; all variables are zero until they are assigned.

    Args:
        config: The encoder's configuration.
        outputs: Number of logits; 1 for a score.
    """

    def __init__(self, config: ModernBertConfig, outputs: int) -> None:
        super().__init__(name="model")
        self.config, self.outputs = config, outputs
        self.encoder = ModernBert(config, self.dtype_policy)
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Create all variables."""
        self.encoder.build()
        shape = (self.outputs, self.config.hidden_size)
        self.output_weights = self.add_weight(name="output_weights", shape=shape, initializer="zeros")
        self.output_bias = self.add_weight(name="output_bias", shape=(self.outputs,), initializer="zeros")

    def call(
        self, input_ids: Tensor, input_mask: Tensor, segment_ids: Tensor, dropout_keys: Tensor | None = None
    ) -> Tensor:
        """Logits, float32 [batch, outputs].

        Args:
            input_ids: int32 [batch, length].
            input_mask: int32 [batch, length], 0 for padding.
            segment_ids: int32 [batch, length]; of no effect.
            dropout_keys: uint32 [batch, 2], see `dropout.py`; None for no dropout.
        """
        hidden = self.encoder(input_ids, input_mask, dropout_keys)
        if self.config.classifier_pooling == "cls":
            pooled = hidden[:, 0]
        else:
            weights = ops.cast(input_mask, hidden.dtype)[..., None]
            pooled = ops.sum(hidden * weights, axis=1) / ops.sum(weights, axis=1)
        site = 1 + TransformerLayer.DROPOUTS * self.config.num_hidden_layers  # after those of the encoder
        pooled = dropout(self.encoder.transform(pooled), self.config.classifier_dropout, dropout_keys, site)
        return ops.matmul(pooled, ops.transpose(self.output_weights)) + self.output_bias

    def named_variables(self) -> dict[str, keras.Variable]:
        """All variables by name, sorted."""
        return named_variables(self)
