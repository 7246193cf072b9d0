"""The metrics of the tasks, worked out by hand."""

import numpy as np
import pytest

from trainer.finetuning.metrics import METRICS

# Of six, four are right; of the label 1: two hits, one miss, one false alarm.
GOLD, GUESS = np.array([1, 1, 1, 0, 0, 0]), np.array([1, 1, 0, 1, 0, 0])


@pytest.mark.parametrize(
    ("metric", "expected"),
    [("accuracy", 4 / 6), ("f1", 2 / 3), ("macro_f1", 2 / 3), ("matthews_correlation", (2 * 2 - 1 * 1) / 9)],
)
def test_of_labels(metric, expected):
    assert METRICS[metric](GOLD, GUESS) == pytest.approx(expected)


def test_macro_f1_is_the_mean_over_labels():
    gold, guess = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])
    assert METRICS["macro_f1"](gold, guess) == pytest.approx((2 / 3 + 1 / 2 + 0) / 3)


def test_correlations_of_scores():
    gold, guess = np.array([0.0, 1.0, 2.0, 5.0]), np.array([1.0, 2.0, 3.0, 100.0])
    assert METRICS["spearman"](gold, guess) == pytest.approx(1.0)
    pearson = METRICS["pearson"](gold, guess)
    assert pearson == pytest.approx(np.corrcoef(gold, guess)[0, 1]) and pearson < 0.99
