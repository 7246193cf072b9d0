"""The baseline of an evaluation: the strongest guess that is the same for every position."""

from __future__ import annotations

from typing import Any

import numpy as np

from trainer.evaluation.positions import Labels


def constant_guess(labels: Labels, tokens: list[str], next_sentence: bool) -> dict[str, Any]:
    """Scores of the strongest constant guess, chosen with knowledge of the evaluation set's own labels.

    The accuracy is that of always guessing the most frequent token. The loss is the entropy of the labels in nats, the
    minimum of any constant distribution. Likewise for the next sentence.
    """
    token = int(labels.masked.argmax())
    corrupted = float(labels.corrupted[token] / max(labels.corrupted.sum(), 1))
    figures: dict[str, Any] = {"token": tokens[token], **_scores("masked_lm", labels.masked)}
    figures["masked_lm_corrupted_accuracy"] = corrupted
    if next_sentence:
        figures |= _scores("next_sentence", labels.next_sentence)
    return figures


def _scores(head: str, counts: np.ndarray) -> dict[str, float]:
    shares = counts / max(counts.sum(), 1)
    present = shares[shares > 0]
    return {f"{head}_accuracy": float(shares.max()), f"{head}_loss": float(-(present * np.log(present)).sum())}
