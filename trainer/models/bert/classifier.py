"""BERT with a layer over its pooled state, as in google-research/bert's `run_classifier.py`."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from trainer.models.architecture import Tensor
from trainer.models.bert.configuration import BertConfig
from trainer.models.bert.network import Arrangement, Bert, TransformerLayer, post_norm
from trainer.models.dropout import dropout
from trainer.models.layers import named_variables


class BertClassifier(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """BERT with `outputs` logits, built; all variables are zero until they are assigned.

    Their names are Google's: those of the encoder, output_weights [outputs, hidden] and output_bias [outputs]. Dropout
    of the pooled state has the model's `hidden_dropout_prob` (run_classifier.py always takes 0.1).

    Args:
        config: The encoder's configuration.
        outputs: Number of logits; 1 for a score.
        arrangement: Order of the parts of each layer.
    """

    def __init__(self, config: BertConfig, outputs: int, arrangement: Arrangement = post_norm) -> None:
        super().__init__(name="model")
        self.config, self.outputs = config, outputs
        self.bert = Bert(config, self.dtype_policy, arrangement=arrangement)
        self.build()

    def build(self, input_shape: Any = None) -> None:
        """Create all variables."""
        self.bert.build()
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
            segment_ids: int32 [batch, length].
            dropout_keys: uint32 [batch, 2], see `dropout.py`; None for no dropout.
        """
        _, pooled = self.bert(input_ids, input_mask, segment_ids, dropout_keys)
        site = 1 + TransformerLayer.DROPOUTS * self.config.num_hidden_layers  # after those of the encoder
        pooled = dropout(pooled, self.config.hidden_dropout_prob, dropout_keys, site)
        return ops.matmul(pooled, ops.transpose(self.output_weights)) + self.output_bias

    def named_variables(self) -> dict[str, keras.Variable]:
        """All variables by name, sorted."""
        return named_variables(self)
