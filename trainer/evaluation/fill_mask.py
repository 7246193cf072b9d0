"""A model's predictions for [MASK] in a few evaluation records, human-readable."""

from __future__ import annotations

from typing import Any

import numpy as np

from berth.formats.vocabulary import MASK, joined
from trainer.evaluation.model import LoadedModel

EXAMPLES = 8
GUESSES = 5
DECIMALS = 4


def examples(model: LoadedModel) -> list[dict[str, Any]]:
    """Predictions for records picked evenly; every masked position is [MASK], also where the record keeps the token.

    Returns:
        For each record: `tokens` (with [MASK]), `text`, `masked` (position, truth and the likeliest tokens with their
        probabilities) and, with a next-sentence head, `is_random_next` and `random_next_probability`.

    Raises:
        BerthError: if the model's logits are NaN or infinite.
    """
    count = model.records.count
    chosen = np.unique(np.arange(EXAMPLES) * count // EXAMPLES)
    features = model.records.read(chosen)
    mask = model.tokens.index(MASK)
    for ids, positions, weights in zip(
        features["input_ids"], features["masked_lm_positions"], features["masked_lm_weights"], strict=True
    ):
        ids[positions[weights > 0]] = mask
    logits, relation = model.engine.predict(features)
    if not np.isfinite(logits).all() or (relation is not None and not np.isfinite(relation).all()):
        raise model.not_finite("logits that are NaN or infinite")
    return [
        _example(
            model,
            {name: values[row] for name, values in features.items()},
            logits[row],
            None if relation is None else relation[row],
        )
        for row in range(len(chosen))
    ]


def _example(
    model: LoadedModel, features: dict[str, np.ndarray], logits: np.ndarray, relation: np.ndarray | None
) -> dict[str, Any]:
    tokens = [model.tokens[token] for token in features["input_ids"][features["input_mask"] > 0]]
    masked = []
    for index in np.flatnonzero(features["masked_lm_weights"] > 0):
        probabilities = _softmax(logits[index])
        best = np.argsort(-probabilities, kind="stable")[:GUESSES]
        masked.append(
            {
                "position": int(features["masked_lm_positions"][index]),
                "truth": model.tokens[features["masked_lm_ids"][index]],
                "guesses": [
                    {"token": model.tokens[token], "probability": round(float(probabilities[token]), DECIMALS)}
                    for token in best
                ],
            }
        )
    example: dict[str, Any] = {"text": joined(tokens), "tokens": tokens, "masked": masked}
    if relation is not None:
        example["is_random_next"] = bool(features["next_sentence_labels"][0])
        example["random_next_probability"] = round(float(_softmax(relation)[1]), DECIMALS)
    return example


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(exponentials / exponentials.sum())
