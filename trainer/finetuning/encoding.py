"""Texts as a model's inputs, by the tokenizer that is exported with the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trainer.finetuning.task_examples import Examples
from trainer.serving.graph_tokenizer import GraphTokenizer

AT_ONCE = 1024  # examples tokenized at once

Features = dict[str, np.ndarray]


@dataclass(frozen=True)
class Encoded:
    """A file's examples as inputs of a model.

    Args:
        features: int32 input_ids, int8 input_mask and segment_ids [n, length].
        labels: As the examples have them.
        truncated: How many examples were longer than the model was to see.
    """

    features: Features
    labels: np.ndarray
    truncated: int

    def __len__(self) -> int:
        return len(self.labels)


def encode(tokenizer: GraphTokenizer, sets: Sequence[Examples], max_seq_length: int) -> list[Encoded]:
    """Encode all sets of a task to one length: the longest example's, `max_seq_length` at most."""
    encoded = [_encode(tokenizer, examples, max_seq_length) for examples in sets]
    # What is padding in every example would be computed for nothing.
    longest = max(int(each.features["input_mask"].sum(axis=1, dtype=np.int64).max()) for each in encoded)
    return [
        Encoded({name: values[:, :longest] for name, values in each.features.items()}, each.labels, each.truncated)
        for each in encoded
    ]


def _encode(tokenizer: GraphTokenizer, examples: Examples, max_seq_length: int) -> Encoded:
    pieces: list[Features] = []
    truncated = 0
    for start in range(0, len(examples), AT_ONCE):
        first = examples.first[start : start + AT_ONCE]
        second = examples.second[start : start + AT_ONCE] if examples.second is not None else None
        # One place more than there may be shows which examples would fill it.
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
    return Encoded(features, examples.labels, truncated)
