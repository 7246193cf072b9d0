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
# Likewise for a batch of an evaluation; see `trainer/evaluation/positions.py`.
EVALUATION_SUMS = (*SUMS, "corrupted_correct", "corrupted_weight", "bigram_wrong_correct", "bigram_wrong_weight")
# Added to the weight by Google's run_pretraining.py, so that a batch without masked positions has the loss 0.
WEIGHT_EPSILON = 1e-5


def sums(outputs: Any, features: dict[str, Tensor]) -> Tensor:
    """The sums of a batch, in the order of `SUMS`: float32 [6].

    Args:
        outputs: `model.Outputs`.
        features: masked_lm_ids, masked_lm_weights [batch, predictions], next_sentence_labels [batch, 1] and
            example_weights float32 [batch], 0 for the filling of an incomplete batch.
    """
    return _sums(outputs, features)[0]


def evaluation_sums(outputs: Any, features: dict[str, Tensor]) -> Tensor:
    """The sums of a batch of an evaluation, in the order of `EVALUATION_SUMS`: float32 [10].

    Args:
        outputs: `model.Outputs`.
        features: Those of :func:`sums`, and float32 [batch, predictions] corrupted_weights and bigram_wrong_weights:
            the weights of the masked positions that count in the additional accuracies, 0 at the others.
    """
    from keras import ops

    vector, correct = _sums(outputs, features)
    values = []
    for weights in (features["corrupted_weights"], features["bigram_wrong_weights"]):
        values += [ops.sum(correct * weights), ops.sum(weights)]
    return ops.concatenate([vector, ops.stack(values)])


def _sums(outputs: Any, features: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The sums, losses in nats, and 1.0 at the masked positions [batch, predictions] where the model is right."""
    from keras import ops

    weights, examples = features["masked_lm_weights"], features["example_weights"]
    labels = features["masked_lm_ids"]
    loss, masked_correct = _loss_and_correct(outputs.masked_lm_logits, labels)
    values = [ops.sum(loss * weights), ops.sum(masked_correct * weights), ops.sum(weights)]
    if outputs.next_sentence_logits is None:
        values += [ops.zeros(()), ops.zeros(())]
    else:
        loss, correct = _loss_and_correct(outputs.next_sentence_logits, features["next_sentence_labels"][:, 0])
        values += [ops.sum(loss * examples), ops.sum(correct * examples)]
    return ops.stack([*values, ops.sum(examples)]), masked_correct


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
        return _means(dict(zip(SUMS, self.values.tolist(), strict=True)), next_sentence)


@dataclass
class EvaluationTotals(Totals):
    """Likewise for the sums of an evaluation."""

    values: np.ndarray = field(default_factory=lambda: np.zeros(len(EVALUATION_SUMS)))

    def means(self, next_sentence: bool = True, with_bigram: bool = False) -> dict[str, float]:
        """Likewise, and the accuracy at corrupted positions.

        With a bigram table also the shares of these positions where only the model, and where only the table is right.
        """
        total = dict(zip(EVALUATION_SUMS, self.values.tolist(), strict=True))
        correct, weight = total["corrupted_correct"], max(total["corrupted_weight"], WEIGHT_EPSILON)
        means = {**_means(total, next_sentence), "masked_lm_corrupted_accuracy": correct / weight}
        if with_bigram:
            only_model = total["bigram_wrong_correct"]
            bigram = total["corrupted_weight"] - total["bigram_wrong_weight"]
            means["only_model_right"] = only_model / weight
            means["only_bigram_right"] = (bigram - (correct - only_model)) / weight
        return means


def _means(total: dict[str, float], next_sentence: bool) -> dict[str, float]:
    weight, examples = max(total["masked_lm_weight"], WEIGHT_EPSILON), total["examples"]
    means = {
        "masked_lm_loss": total["masked_lm_loss"] / weight,
        "masked_lm_accuracy": total["masked_lm_correct"] / weight,
    }
    if next_sentence:
        means["next_sentence_loss"] = total["next_sentence_loss"] / examples
        means["next_sentence_accuracy"] = total["next_sentence_correct"] / examples
    return means
