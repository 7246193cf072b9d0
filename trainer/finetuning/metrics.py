"""What a task is measured by, computed by scikit-learn and SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import special, stats
from sklearn import metrics

from trainer.finetuning.tasks import Task


def _correlation(compute: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[np.ndarray, np.ndarray], float]:
    """A correlation that is 0 where one side is constant, instead of undefined."""

    def correlation(gold: np.ndarray, predicted: np.ndarray) -> float:
        is_constant = np.ptp(gold) == 0 or np.ptp(predicted) == 0
        return 0.0 if is_constant else float(compute(gold.astype(np.float64), predicted.astype(np.float64)))

    return correlation


METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": lambda gold, predicted: float(metrics.accuracy_score(gold, predicted)),
    # Of the label 1: "is a paraphrase", "is a duplicate".
    "f1": lambda gold, predicted: float(metrics.f1_score(gold, predicted, zero_division=0.0)),
    "macro_f1": lambda gold, predicted: float(metrics.f1_score(gold, predicted, average="macro", zero_division=0.0)),
    "matthews_correlation": _correlation(metrics.matthews_corrcoef),
    "pearson": _correlation(lambda gold, predicted: stats.pearsonr(gold, predicted).statistic),
    "spearman": _correlation(lambda gold, predicted: stats.spearmanr(gold, predicted).statistic),
}


def measure(task: Task, gold: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """The task's metrics.

    Args:
        task: The task.
        gold: Ids of the right labels int [n], or the right scores float [n].
        predicted: What was predicted, likewise.
    """
    return {name: METRICS[name](gold, predicted) for name in task.metrics}


def predicted(task: Task, logits: np.ndarray) -> np.ndarray:
    """The predicted ids int64 [n] or scores float32 [n], from the model's outputs [n, outputs]."""
    return logits[:, 0] if task.scores is not None else logits.argmax(axis=1)


def constant_guess(task: Task, train: np.ndarray, gold: np.ndarray) -> dict[str, float]:
    """What it gives to predict the most frequent label of the training set (the first of equals), or its mean score."""
    guess = train.mean() if task.scores is not None else np.bincount(train).argmax()
    return measure(task, gold, np.full(len(gold), guess))


def mean_loss(task: Task, gold: np.ndarray, logits: np.ndarray) -> float:
    """The mean cross entropy in nats of the model's outputs [n, outputs], or the mean squared error of its scores."""
    outputs = logits.astype(np.float64)
    if task.scores is not None:
        return float(np.square(outputs[:, 0] - gold).mean())
    return float((special.logsumexp(outputs, axis=1) - outputs[np.arange(len(gold)), gold]).mean())
