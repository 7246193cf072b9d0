"""What the model puts in the place of [MASK]: a few evaluation records, for a person to read."""

from __future__ import annotations

from typing import Any

import numpy as np

from berth.formats.vocabulary import MASK, joined
from trainer.evaluation.model import Trained

EXAMPLES = 8
GUESSES = 5
DECIMALS = 4


def examples(trained: Trained) -> list[dict[str, Any]]:
    """Records picked evenly, all their masked positions shown to the model as [MASK].

    Returns:
        For each: `tokens` (with [MASK]), `text`, `masked` (position, truth and the likeliest tokens with their
        probabilities) and, with a next-sentence head, `is_random_next` and `random_next_probability`.
    """
    count = trained.records.count
    chosen = np.unique(np.arange(EXAMPLES) * count // EXAMPLES)
    features = trained.records.read(chosen)
    mask = trained.tokens.index(MASK)
    for ids, positions, weights in zip(
        features["input_ids"], features["masked_lm_positions"], features["masked_lm_weights"], strict=True
    ):
        ids[positions[weights > 0]] = mask
    logits, relation = trained.engine.predict(features)
    return [
        _example(
            trained,
            {name: values[row] for name, values in features.items()},
            logits[row],
            None if relation is None else relation[row],
        )
        for row in range(len(chosen))
    ]


def _example(
    trained: Trained, features: dict[str, np.ndarray], logits: np.ndarray, relation: np.ndarray | None
) -> dict[str, Any]:
    tokens = [trained.tokens[token] for token in features["input_ids"][features["input_mask"] > 0]]
    masked = []
    for place in np.flatnonzero(features["masked_lm_weights"] > 0):
        probabilities = _softmax(logits[place])
        best = np.argsort(-probabilities, kind="stable")[:GUESSES]
        masked.append(
            {
                "position": int(features["masked_lm_positions"][place]),
                "truth": trained.tokens[features["masked_lm_ids"][place]],
                "guesses": [
                    {"token": trained.tokens[token], "probability": round(float(probabilities[token]), DECIMALS)}
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
