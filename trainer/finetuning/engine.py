"""The compiled steps of a fine-tuning, on one GPU or CPU."""

from __future__ import annotations

import os
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np
import tensorflow as tf

from berth.formats.records import ENCODER_INPUTS
from berth.recipe import Optimizer
from trainer import models, optimizers
from trainer.engines import Arrays, Scalars, check_backend
from trainer.models import Configuration
from trainer.optimizers import common

Tensor = Any

# That of google-research/bert's run_classifier.py.
OPTIMIZER = Optimizer(kind="adamw", bias_correction=False)


class ClassifierEngine:
    """A classifier (cross entropy), or a model of one score (mean squared error), with its optimizer's state.

    Args:
        config: The encoder's shape.
        labels: Number of labels; 0 for a score.
    """

    def __init__(self, config: Configuration, labels: int) -> None:
        check_backend("tensorflow")
        tf.config.experimental.enable_op_determinism()
        self._is_score = labels == 0
        self.model = models.get(config.architecture).classifier(config, labels or 1)
        self.variables = {name: variable.value for name, variable in self.model.named_variables().items()}
        self._optimizer = optimizers.create(OPTIMIZER)
        self._slots = {
            name: tuple(tf.Variable(tf.zeros(variable.shape), trainable=False) for _ in self._optimizer.slots)
            for name, variable in self.variables.items()
        }
        self.shapes = {name: tuple(variable.shape) for name, variable in self.variables.items()}
        # As in the engine of pre-training: on a CPU the step takes as long without XLA.
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        self._gradients = tf.function(self._loss_and_gradients, jit_compile=on_gpu, autograph=False)
        self._train_step = tf.function(self._update, autograph=False)
        self._predict_step = tf.function(self.logits, autograph=False)

    def assign(self, arrays: Arrays) -> None:
        """Set variables; all that are named."""
        for name, array in arrays.items():
            self.variables[name].assign(array)

    def arrays(self) -> dict[str, np.ndarray]:
        """All variables."""
        return {name: variable.numpy() for name, variable in self.variables.items()}

    def train(self, features: Arrays, scalars: Scalars) -> Tensor:
        """One update.

        Args:
            features: int32 input_ids, input_mask, segment_ids [batch, length]; labels, int32 ids or float32 scores
                [batch]; example_weights float32 [batch], 0 for what only fills up a batch; dropout_keys.
            scalars: Of this update.

        Returns:
            To be read later with numpy, float32 [2]: the mean loss and the global norm of the gradient.
        """
        rates = self._optimizer.scalars(scalars.learning_rate, scalars.update)
        return self._train_step(_tensors(features), tf.constant(rates, dtype=tf.float32))

    def predict(self, features: Arrays) -> np.ndarray:
        """Logits, or scores: float32 [batch, outputs]."""
        return np.asarray(self._predict_step(_tensors(features)))

    def logits(self, features: dict[str, Tensor]) -> Tensor:
        """As tensors: [batch, outputs]."""
        names = ENCODER_INPUTS
        return self.model(*(features[name] for name in names), features.get("dropout_keys"))

    def _update(self, features: dict[str, Tensor], rates: Tensor) -> Tensor:
        gradients, loss = self._gradients(features)
        norm = common.global_norm(gradients)
        factor = common.clip_scale(OPTIMIZER, norm)
        scalars = tf.unstack(rates)
        for (name, variable), gradient in zip(self.variables.items(), gradients, strict=True):
            state = variable, *self._slots[name]
            value, *slots = (each.read_value() for each in state)
            updated = self._optimizer.update(name, value, gradient * factor, slots, scalars)
            for each, new in zip(state, (updated.value, *updated.slots), strict=True):
                each.assign(new)
        return tf.stack([loss, norm])

    def _loss_and_gradients(self, features: dict[str, Tensor]) -> tuple[list[Tensor], Tensor]:
        variables = list(self.variables.values())
        weights = features["example_weights"]
        with tf.GradientTape() as tape:
            losses = self._losses(self.logits(features), features["labels"])
            loss = tf.reduce_sum(losses * weights) / tf.reduce_sum(weights)
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(gradient) for gradient in gradients], loss

    def _losses(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The loss of each example: cross entropy in nats, or the squared error."""
        if self._is_score:
            return tf.square(logits[:, 0] - labels)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)


def _tensors(features: Arrays) -> dict[str, Tensor]:
    return {name: tf.constant(values) for name, values in features.items()}
