"""Losses and accuracies of a batch: by hand, with ties as argmax decides them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trainer.models import Outputs
from trainer.models.metrics import EVALUATION_SUMS, SUMS, EvaluationTotals, Totals, evaluation_sums, sums

# Few different values, so that there are ties.
LOGITS = hnp.arrays(np.float32, (3, 2, 5), elements=st.sampled_from([-2.0, 0.0, 1.5]))
LABELS = hnp.arrays(np.int32, (3, 2), elements=st.integers(0, 4))


@given(LOGITS, LABELS)
def test_sums_are_those_of_cross_entropy_and_argmax(logits, labels):
    weights = np.array([[1, 1], [1, 0], [0, 0]], dtype=np.float32)
    features = {
        "masked_lm_ids": labels,
        "masked_lm_weights": weights,
        "next_sentence_labels": np.minimum(labels[:, :1], 1),
        "example_weights": np.array([1, 1, 0], dtype=np.float32),
    }
    found = dict(zip(SUMS, np.asarray(sums(Outputs(logits, logits[:, 0, :2]), features)).tolist(), strict=True))
    chances = np.exp(logits.astype(np.float64))
    chances /= chances.sum(axis=-1, keepdims=True)
    losses = -np.log(np.take_along_axis(chances, labels[..., None], axis=-1)[..., 0])
    np.testing.assert_allclose(found["masked_lm_loss"], (losses * weights).sum(), rtol=1e-5, atol=1e-6)
    assert found["masked_lm_correct"] == ((logits.argmax(axis=-1) == labels) * weights).sum()
    assert found["masked_lm_weight"] == 3 and found["examples"] == 2
    guesses = logits[:2, 0, :2].argmax(axis=-1)
    assert found["next_sentence_correct"] == (guesses == features["next_sentence_labels"][:2, 0]).sum()


@given(LOGITS, LABELS)
def test_an_evaluation_also_counts_corrupted_positions_and_those_where_the_bigram_table_is_wrong(logits, labels):
    weights = np.array([[1, 1], [1, 0.5], [0, 0]], dtype=np.float32)
    corrupted = weights * np.array([[1, 0], [1, 1], [1, 1]], dtype=np.float32)
    wrong = corrupted * np.array([[0, 1], [1, 1], [1, 1]], dtype=np.float32)
    features = {
        "masked_lm_ids": labels,
        "masked_lm_weights": weights,
        "corrupted_weights": corrupted,
        "bigram_wrong_weights": wrong,
        "next_sentence_labels": np.minimum(labels[:, :1], 1),
        "example_weights": np.array([1, 1, 0], dtype=np.float32),
    }
    outputs = Outputs(logits, logits[:, 0, :2])
    vector = np.asarray(evaluation_sums(outputs, features))
    assert vector[: len(SUMS)].tolist() == np.asarray(sums(outputs, features)).tolist()
    found = dict(zip(EVALUATION_SUMS, vector.tolist(), strict=True))
    is_right = logits.argmax(axis=-1) == labels
    assert (found["corrupted_correct"], found["corrupted_weight"]) == ((is_right * corrupted).sum(), 2.5)
    assert (found["bigram_wrong_correct"], found["bigram_wrong_weight"]) == ((is_right * wrong).sum(), 1.5)

    training, totals = Totals(), EvaluationTotals()
    for _ in range(2):  # as many batches as one likes
        training.add(vector[: len(SUMS)])
        totals.add(vector)
    share = found["corrupted_correct"] / 2.5
    assert totals.means() == {**training.means(), "masked_lm_corrupted_accuracy": share}
    compared = totals.means(with_bigram=True)
    # The table is right at the first position, of weight 1: what either gets right adds up to what the model does.
    assert compared["only_model_right"] == found["bigram_wrong_correct"] / 2.5
    assert compared["only_bigram_right"] == (0.0 if is_right[0, 0] else 1 / 2.5)


def test_without_any_corrupted_position_the_accuracy_is_zero():
    totals = EvaluationTotals(np.array([1.0, 1, 1, 0, 0, 1, 0, 0, 0, 0]))
    assert totals.means(next_sentence=False)["masked_lm_corrupted_accuracy"] == 0
