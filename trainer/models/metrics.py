"""Losses and accuracies as sums, so that any division into batches gives the same means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

Tensor = Any

# Names of the sums over a batch, in the order of the vector that the compiled step returns.
SUMS = (
    "masked_lm_loss",
    "masked_lm_correct",
    "masked_lm_weight",
    "next_sentence_loss",
    "next_sentence_correct",
    "examples",
)
# Added to the weight by Google's run_pretraining.py, so that a batch without masked positions has the loss 0.
WEIGHT_EPSILON = 1e-5


def sums(outputs: Any, features: dict[str, Tensor]) -> Tensor:
    """The sums of a batch, in the order of `SUMS`.

    Args:
        outputs: `model.Outputs`.
        features: masked_lm_ids, masked_lm_weights [batch, predictions], next_sentence_labels [batch, 1] and
            example_weights float32 [batch], 0 for the filling of an incomplete batch.

    Returns:
        float32 [6]; losses in nats.
    """
    from keras import ops

    weights, examples = features["masked_lm_weights"], features["example_weights"]
    labels = features["masked_lm_ids"]
    loss, correct = _loss_and_correct(outputs.masked_lm_logits, labels)
    values = [ops.sum(loss * weights), ops.sum(correct * weights), ops.sum(weights)]
    if outputs.next_sentence_logits is None:
        values += [ops.zeros(()), ops.zeros(())]
    else:
        loss, correct = _loss_and_correct(outputs.next_sentence_logits, features["next_sentence_labels"][:, 0])
        values += [ops.sum(loss * examples), ops.sum(correct * examples)]
    return ops.stack([*values, ops.sum(examples)])


def _loss_and_correct(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy in nats, and 1.0 where the largest logit is the label's; both float32 of the labels' shape."""
    from keras import ops

    logits = ops.cast(logits, "float32")
    label_logits = ops.take_along_axis(logits, labels[..., None], axis=-1)
    loss = ops.logsumexp(logits, axis=-1) - ops.squeeze(label_logits, axis=-1)
    # Whether argmax, which takes the first of equal logits, gives the label; compilers vectorise this form.
    is_earlier = ops.arange(logits.shape[-1], dtype=labels.dtype) < labels[..., None]
    is_before = ops.logical_or(logits > label_logits, ops.logical_and(ops.equal(logits, label_logits), is_earlier))
    return loss, ops.cast(ops.logical_not(ops.any(is_before, axis=-1)), "float32")


@dataclass
class Totals:
    """Sums over many batches, in double precision."""

    values: np.ndarray = field(default_factory=lambda: np.zeros(len(SUMS)))

    def add(self, vector: np.ndarray) -> None:
        """Add the sums of a batch."""
        self.values = self.values + np.asarray(vector, dtype=np.float64)

    def means(self, next_sentence: bool = True) -> dict[str, float]:
        """Mean losses (nats) and accuracies: per masked position, and per example for the next-sentence head."""
        total = dict(zip(SUMS, self.values.tolist(), strict=True))
        weight, examples = max(total["masked_lm_weight"], WEIGHT_EPSILON), total["examples"]
        means = {
            "masked_lm_loss": total["masked_lm_loss"] / weight,
            "masked_lm_accuracy": total["masked_lm_correct"] / weight,
        }
        if next_sentence:
            means["next_sentence_loss"] = total["next_sentence_loss"] / examples
            means["next_sentence_accuracy"] = total["next_sentence_correct"] / examples
        return means
