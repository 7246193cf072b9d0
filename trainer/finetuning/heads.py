"""The heads of fine-tuned models: number of outputs, loss, predictions, and what the SavedModel returns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

Tensor = Any


class Head(ABC):
    """A layer over the pooled state.

    Args:
        labels: The labels; a label's index is its id. Empty for scores.
        outputs: Width of the layer.
    """

    def __init__(self, labels: Sequence[str], outputs: int) -> None:
        self.labels, self.outputs = tuple(labels), outputs

    @abstractmethod
    def losses(self, logits: Tensor, gold: Tensor) -> Tensor:
        """The loss of each example, a tensor float32 [batch], from logits [batch, outputs] and labels [batch]."""

    @abstractmethod
    def mean_loss(self, logits: np.ndarray, gold: np.ndarray) -> float:
        """The mean loss in double precision, from logits [n, outputs] and labels [n]."""

    @abstractmethod
    def predict(self, logits: np.ndarray) -> np.ndarray:
        """Predicted label ids int64 [n] or scores float32 [n], from logits [n, outputs]."""

    @abstractmethod
    def constant_guess(self, train: np.ndarray) -> np.generic:
        """The constant prediction of the baseline, from the labels [n] of the training set."""

    @abstractmethod
    def as_text(self, prediction: np.generic) -> str:
        """A prediction, or a correct label, for the table of predictions."""

    @abstractmethod
    def serve(self, logits: Tensor) -> dict[str, Tensor]:
        """The SavedModel's outputs by name, from logits [n, outputs]."""


class ClassificationHead(Head):
    """One logit for each label; cross entropy in nats."""

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__(labels, len(labels))

    def losses(self, logits: Tensor, gold: Tensor) -> Tensor:
        """The cross entropy of each example in nats."""
        import tensorflow as tf

        return tf.nn.sparse_softmax_cross_entropy_with_logits(gold, logits)

    def mean_loss(self, logits: np.ndarray, gold: np.ndarray) -> float:
        """The mean cross entropy in nats."""
        from scipy import special

        outputs = logits.astype(np.float64)
        return float((special.logsumexp(outputs, axis=1) - outputs[np.arange(len(gold)), gold]).mean())

    def predict(self, logits: np.ndarray) -> np.ndarray:
        """The likeliest labels, the first of equals."""
        return np.asarray(logits.argmax(axis=1))

    def constant_guess(self, train: np.ndarray) -> np.generic:
        """The most frequent label, the first of equals."""
        return np.bincount(train).argmax()

    def as_text(self, prediction: np.generic) -> str:
        """The label's name."""
        return self.labels[int(prediction)]

    def serve(self, logits: Tensor) -> dict[str, Tensor]:
        """`probabilities` float32 [n, labels] and `label`, the likeliest one, as a string [n]."""
        import tensorflow as tf

        with tf.device("CPU:0"):  # where strings are
            label = tf.gather(tf.constant(self.labels), tf.argmax(logits, axis=1))
        return {"probabilities": tf.nn.softmax(logits), "label": label}


class RegressionHead(Head):
    """One score; squared error."""

    def __init__(self) -> None:
        super().__init__((), 1)

    def losses(self, logits: Tensor, gold: Tensor) -> Tensor:
        """The squared error of each example."""
        import tensorflow as tf

        return tf.square(logits[:, 0] - gold)

    def mean_loss(self, logits: np.ndarray, gold: np.ndarray) -> float:
        """The mean squared error."""
        return float(np.square(logits[:, 0].astype(np.float64) - gold).mean())

    def predict(self, logits: np.ndarray) -> np.ndarray:
        """The scores."""
        return logits[:, 0]

    def constant_guess(self, train: np.ndarray) -> np.generic:
        """The mean score."""
        mean: np.generic = train.mean()
        return mean

    def as_text(self, prediction: np.generic) -> str:
        """The score."""
        return str(prediction)

    def serve(self, logits: Tensor) -> dict[str, Tensor]:
        """`score` float32 [n]."""
        return {"score": logits[:, 0]}


def head_of(labels: Sequence[str]) -> Head:
    """The head of a model whose classifier.safetensors holds these labels; none are for a score."""
    return ClassificationHead(labels) if labels else RegressionHead()
