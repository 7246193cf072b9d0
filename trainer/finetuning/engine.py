"""The compiled training and prediction steps of a fine-tuning, on one GPU or CPU."""

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
from trainer.finetuning.heads import Head
from trainer.models import Configuration
from trainer.optimizers import common

Tensor = Any

# As in google-research/bert's run_classifier.py.
OPTIMIZER = Optimizer(kind="adamw", bias_correction=False)


class ClassifierEngine:
    """A model with the head of a task, and its optimizer's state.

    Args:
        config: The encoder's configuration.
        head: The task's head.
    """

    def __init__(self, config: Configuration, head: Head) -> None:
        check_backend("tensorflow")
        tf.config.experimental.enable_op_determinism()
        self._head = head
        self.model = models.get(config.architecture).classifier(config, head.outputs)
        self.variables = {name: variable.value for name, variable in self.model.named_variables().items()}
        self._optimizer = optimizers.create(OPTIMIZER)
        self._slots = {
            name: tuple(tf.Variable(tf.zeros(variable.shape), trainable=False) for _ in self._optimizer.slots)
            for name, variable in self.variables.items()
        }
        self.shapes = {name: tuple(variable.shape) for name, variable in self.variables.items()}
        # As in the engine of pre-training: on a CPU, XLA makes the step no faster.
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        self._gradients = tf.function(self._loss_and_gradients, jit_compile=on_gpu, autograph=False)
        self._train_step = tf.function(self._update, autograph=False)
        self._predict_step = tf.function(self.logits, autograph=False)

    def assign(self, arrays: Arrays) -> None:
        """Set the named variables."""
        for name, array in arrays.items():
            self.variables[name].assign(array)

    def arrays(self) -> dict[str, np.ndarray]:
        """All variables by name."""
        return {name: variable.numpy() for name, variable in self.variables.items()}

    def train(self, features: Arrays, scalars: Scalars) -> Tensor:
        """One update.

        Args:
            features: int32 input_ids, input_mask, segment_ids [batch, length]; labels, int32 ids or float32 scores
                [batch]; example_weights float32 [batch], 0 for the filling of an incomplete batch; dropout_keys uint32
                [batch, 2].
            scalars: Learning rate and number of this update.

        Returns:
            A tensor float32 [2], to be fetched later: the mean loss and the global norm of the gradient.
        """
        rates = self._optimizer.scalars(scalars.learning_rate, scalars.update)
        return self._train_step(_tensors(features), tf.constant(rates, dtype=tf.float32))

    def predict(self, features: Arrays) -> np.ndarray:
        """Logits or scores, float32 [batch, outputs]."""
        return np.asarray(self._predict_step(_tensors(features)))

    def logits(self, features: dict[str, Tensor]) -> Tensor:
        """Logits or scores as a tensor [batch, outputs]."""
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
            losses = self._head.losses(self.logits(features), features["labels"])
            loss = tf.reduce_sum(losses * weights) / tf.reduce_sum(weights)
        gradients = tape.gradient(loss, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        return [tf.convert_to_tensor(gradient) for gradient in gradients], loss


def _tensors(features: Arrays) -> dict[str, Tensor]:
    return {name: tf.constant(values) for name, values in features.items()}
