"""The small model that engines are compared by on a CPU, and a batch for it."""

from __future__ import annotations

import numpy as np

LAYERS, HIDDEN, HEADS, VOCABULARY = 4, 256, 4, 30522
LENGTH, PREDICTIONS, BATCH = 128, 20, 32


def full_batch(
    size: int = BATCH, length: int = LENGTH, predictions: int = PREDICTIONS, vocabulary: int = VOCABULARY
) -> dict[str, np.ndarray]:
    """A batch without padding, all predictions used: int32 and float32 arrays [size, …] by feature."""
    generator = np.random.default_rng(0)
    positions = generator.permuted(np.tile(np.arange(length), (size, 1)), axis=1)[:, :predictions]
    features = {
        "input_ids": generator.integers(5, vocabulary, (size, length)),
        "input_mask": np.ones((size, length)),
        "segment_ids": generator.integers(0, 2, (size, length)),
        "masked_lm_positions": np.sort(positions),
        "masked_lm_ids": generator.integers(5, vocabulary, (size, predictions)),
        "next_sentence_labels": generator.integers(0, 2, (size, 1)),
    }
    integers = {name: values.astype(np.int32) for name, values in features.items()}
    weights = {"masked_lm_weights": (size, predictions), "example_weights": (size,)}
    return integers | {name: np.ones(shape, dtype=np.float32) for name, shape in weights.items()}
