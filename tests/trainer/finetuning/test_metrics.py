"""The metrics of the tasks, worked out by hand."""

import math

import numpy as np
import pytest

from trainer.finetuning import metrics
from trainer.finetuning.tasks import GLUE, Task

# Of six, four are right; of the label 1: two hits, one miss, one false alarm.
GOLD, GUESS = np.array([1, 1, 1, 0, 0, 0]), np.array([1, 1, 0, 1, 0, 0])
THREE = Task("classification", ("text",), "label", None, ("accuracy", "macro_f1"))


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("sst2", {"accuracy": 4 / 6}),
        ("mrpc", {"f1": 2 / 3, "accuracy": 4 / 6}),
        ("qqp", {"f1": 2 / 3, "accuracy": 4 / 6}),
        ("cola", {"matthews_correlation": (2 * 2 - 1 * 1) / 9}),
    ],
)
def test_of_labels(task, expected):
    assert metrics.measure(GLUE[task], GOLD, GUESS) == pytest.approx(expected)


def test_macro_f1_is_the_mean_over_labels():
    gold, guess = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])
    assert metrics.measure(THREE, gold, guess) == pytest.approx({"accuracy": 0.5, "macro_f1": (2 / 3 + 1 / 2 + 0) / 3})


def test_correlations_of_scores():
    gold, guess = np.array([0.0, 1.0, 2.0, 5.0]), np.array([1.0, 2.0, 3.0, 100.0])
    found = metrics.measure(GLUE["stsb"], gold, guess)
    assert found["spearman"] == pytest.approx(1.0)
    assert found["pearson"] == pytest.approx(np.corrcoef(gold, guess)[0, 1]) and found["pearson"] < 0.99


@pytest.mark.parametrize("task", GLUE)
def test_a_constant_guess_is_no_division_by_zero(task):
    train = np.array([0, 0, 1] if task != "stsb" else [0.0, 0.0, 3.0], dtype=np.int32 if task != "stsb" else np.float32)
    found = metrics.constant_guess(GLUE[task], train, train[:2])
    assert set(found) == set(GLUE[task].metrics)
    assert all(value == (1.0 if name == "accuracy" else 0.0) for name, value in found.items())


def test_losses():
    logits = np.array([[0.0, math.log(3.0)], [0.0, 0.0]], dtype=np.float32)
    assert metrics.mean_loss(GLUE["sst2"], np.array([1, 0]), logits) == pytest.approx(
        -(math.log(0.75) + math.log(0.5)) / 2
    )
    assert metrics.mean_loss(GLUE["stsb"], np.array([1.0, 3.0]), np.array([[1.0], [5.0]])) == 2.0
