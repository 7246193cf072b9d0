"""Texts encoded as a model's inputs, by the tokenizer that is exported with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.finetuning.task_examples import Examples
from trainer.serving.graph_tokenizer import GraphTokenizer

TEXTS_PER_CALL = 1024  # of the tokenizer

Features = dict[str, np.ndarray]


@dataclass(frozen=True)
class EncodedExamples:
    """The examples of a file as inputs of a model.

    Args:
        features: int32 input_ids, int8 input_mask and segment_ids [n, length].
        labels: Label ids int32 [n], or scores float32 [n].
        truncated: Number of examples that were cut.
    """

    features: Features
    labels: np.ndarray
    truncated: int

    def __len__(self) -> int:
        return len(self.labels)


def encode(tokenizer: GraphTokenizer, sets: Sequence[Examples], max_seq_length: int) -> list[EncodedExamples]:
    """Encode all sets of a task to one length: that of the longest example, at most `max_seq_length`."""
    encoded = [_encode(tokenizer, examples, max_seq_length) for examples in sets]
    # Columns that are padding in every example would only cost time.
    longest = max(int(each.features["input_mask"].sum(axis=1, dtype=np.int64).max()) for each in encoded)
    return [
        EncodedExamples(
            {name: values[:, :longest] for name, values in each.features.items()}, each.labels, each.truncated
        )
        for each in encoded
    ]


def _encode(tokenizer: GraphTokenizer, examples: Examples, max_seq_length: int) -> EncodedExamples:
    pieces: list[Features] = []
    truncated = 0
    for start in range(0, len(examples), TEXTS_PER_CALL):
        first = examples.first[start : start + TEXTS_PER_CALL]
        second = examples.second[start : start + TEXTS_PER_CALL] if examples.second is not None else None
        # One position more than allowed shows which examples are too long.
        features = tokenizer.encode(first, second, max_seq_length + 1)
        too_long = int(features["input_mask"].numpy()[:, max_seq_length].sum())
        if too_long:
            features = tokenizer.encode(first, second, max_seq_length)
        truncated += too_long
        pieces.append(
            {
                name: values.numpy()[:, :max_seq_length].astype(np.int32 if name == "input_ids" else np.int8)
                for name, values in features.items()
            }
        )
    features = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    return EncodedExamples(features, examples.labels, truncated)
