"""A training step of keras_hub's BERT in TensorFlow, as its users would write it."""

from __future__ import annotations

from collections.abc import Callable

import keras
import keras_hub
import tensorflow as tf

from training_parts.small import HEADS, HIDDEN, LAYERS, PREDICTIONS, VOCABULARY, full_batch


def make_step() -> Callable[[], object]:
    """The same by keras_hub's BertBackbone and MaskedLMHead (no next-sentence head), dropout 0.1, Keras's AdamW."""
    backbone = keras_hub.models.BertBackbone(
        vocabulary_size=VOCABULARY,
        num_layers=LAYERS,
        num_heads=HEADS,
        hidden_dim=HIDDEN,
        intermediate_dim=4 * HIDDEN,
        max_sequence_length=512,
    )
    positions = keras.Input((PREDICTIONS,), dtype="int32", name="mask_positions")
    head = keras_hub.layers.MaskedLMHead(token_embedding=backbone.token_embedding)
    logits = head(backbone.output["sequence_output"], mask_positions=positions)
    model = keras.Model({**backbone.input, "mask_positions": positions}, logits)
    optimizer = keras.optimizers.AdamW(1e-4, global_clipnorm=1.0)
    optimizer.build(model.trainable_variables)
    features = full_batch()
    inputs = {
        "token_ids": features["input_ids"],
        "segment_ids": features["segment_ids"],
        "padding_mask": features["input_mask"],
        "mask_positions": features["masked_lm_positions"],
    }

    @tf.function
    def update(inputs, labels):
        with tf.GradientTape() as tape:
            losses = keras.losses.sparse_categorical_crossentropy(
                labels, model(inputs, training=True), from_logits=True
            )
            loss = tf.reduce_mean(losses)
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    return lambda: update(inputs, features["masked_lm_ids"]).numpy()
