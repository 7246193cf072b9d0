"""Heads: their losses by hand, the same in the compiled step and in double precision, and the constant guess."""

import math

import numpy as np
import pytest

from trainer.finetuning.heads import ClassificationHead, RegressionHead, head_of

CLASSES, SCORE = ClassificationHead(("no", "yes")), RegressionHead()


@pytest.mark.parametrize(
    ("head", "logits", "gold", "expected"),
    [
        (CLASSES, [[0.0, math.log(3.0)], [0.0, 0.0]], [1, 0], [-math.log(0.75), -math.log(0.5)]),
        (SCORE, [[1.0], [5.0]], [1.0, 3.0], [0.0, 4.0]),
    ],
    ids=["labels", "scores"],
)
def test_losses(head, logits, gold, expected):
    logits = np.array(logits, dtype=np.float32)
    gold = np.array(gold, dtype=np.int32 if head is CLASSES else np.float32)
    np.testing.assert_allclose(head.losses(logits, gold), expected, atol=1e-6)
    assert head.mean_loss(logits, gold) == pytest.approx(np.mean(expected))


def test_predictions_are_the_likeliest_label_the_first_of_equals_or_the_score():
    predicted = CLASSES.predict(np.array([[0.0, 1.0], [2.0, 2.0]], dtype=np.float32))
    assert [CLASSES.as_text(label) for label in predicted] == ["yes", "no"]
    predicted = SCORE.predict(np.array([[0.5], [2.0]], dtype=np.float32))
    assert [SCORE.as_text(score) for score in predicted] == ["0.5", "2.0"]


def test_the_constant_guess_is_the_most_frequent_label_or_the_mean_score():
    assert CLASSES.constant_guess(np.array([1, 0, 0, 1], dtype=np.int32)) == 0
    assert CLASSES.constant_guess(np.array([1, 0, 1], dtype=np.int32)) == 1
    assert SCORE.constant_guess(np.array([1.0, 4.0], dtype=np.float32)) == 2.5


def test_the_head_of_a_saved_model_follows_from_its_labels():
    assert head_of(["a", "b", "c"]).outputs == 3 and head_of(["a", "b", "c"]).labels == ("a", "b", "c")
    assert isinstance(head_of([]), RegressionHead)
