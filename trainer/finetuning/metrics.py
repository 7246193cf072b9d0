"""The metrics of fine-tuning tasks by name, computed by scikit-learn and SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import stats
from sklearn import metrics


def _correlation(compute: Callable[[np.ndarray, np.ndarray], float]) -> Callable[[np.ndarray, np.ndarray], float]:
    """A correlation that is 0 where one side is constant, instead of undefined."""

    def correlation(gold: np.ndarray, predicted: np.ndarray) -> float:
        is_constant = np.ptp(gold) == 0 or np.ptp(predicted) == 0
        return 0.0 if is_constant else float(compute(gold.astype(np.float64), predicted.astype(np.float64)))

    return correlation


# Each takes correct and predicted label ids, or scores, [n].
METRICS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": lambda gold, predicted: float(metrics.accuracy_score(gold, predicted)),
    # Of the label 1: "is a paraphrase", "is a duplicate".
    "f1": lambda gold, predicted: float(metrics.f1_score(gold, predicted, zero_division=0.0)),
    "macro_f1": lambda gold, predicted: float(metrics.f1_score(gold, predicted, average="macro", zero_division=0.0)),
    "matthews_correlation": _correlation(metrics.matthews_corrcoef),
    "pearson": _correlation(lambda gold, predicted: stats.pearsonr(gold, predicted).statistic),
    "spearman": _correlation(lambda gold, predicted: stats.spearmanr(gold, predicted).statistic),
}
