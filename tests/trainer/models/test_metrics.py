"""Losses and accuracies of a batch: by hand, with ties as argmax decides them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from trainer.models import Outputs
from trainer.models.metrics import SUMS, sums

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
