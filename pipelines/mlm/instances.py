"""Documents and instances as flat arrays: what passes between the tokenizer, the generators and the encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipelines.mlm.tokenizer import Tokens


class Documents(NamedTuple):
    """Documents of sentences of tokens.

    Sentence s is ``ids[sentences[s] : sentences[s + 1]]``; document d is the sentences ``documents[d]`` to
    ``documents[d + 1]``, that one excluded. No sentence and no document is empty.

    ``ids`` uint16 or uint32, ``sentences`` int64[S + 1], ``documents`` int64[D + 1].
    """

    ids: NDArray[np.unsignedinteger]
    sentences: NDArray[np.int64]
    documents: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Number of documents."""
        return len(self.documents) - 1


def documents_of(tokens: Tokens) -> Documents:
    """The documents of a tokenized text: lines with tokens are sentences, blank lines end documents."""
    has_tokens = np.diff(tokens.line_ends, prepend=0) > 0
    sentence_ends = tokens.line_ends[has_tokens]
    document = np.cumsum(tokens.blank_lines)[has_tokens]
    starts = np.flatnonzero(np.diff(document, prepend=-1))
    return Documents(
        tokens.ids,
        np.concatenate(([0], sentence_ends)).astype(np.int64),
        np.concatenate((starts, [len(sentence_ends)])).astype(np.int64),
    )


class Instances(NamedTuple):
    """Training instances: segments as ranges of the documents' flat ids, and masks.

    Segment A is ``a_length`` tokens from ``a_begin`` on, likewise B (length 0 where there is no B). The masks of instance i
    end at ``mask_ends[i]`` and begin where those of i - 1 end: ``positions`` (uint16, in the record, ascending) and
    ``replacements`` (type of the ids: what the record shows there). ``random_next`` (uint8): B is from elsewhere.
    """

    a_begin: NDArray[np.int64]
    a_length: NDArray[np.int32]
    b_begin: NDArray[np.int64]
    b_length: NDArray[np.int32]
    random_next: NDArray[np.uint8]
    mask_ends: NDArray[np.int64]
    positions: NDArray[np.uint16]
    replacements: NDArray[np.unsignedinteger]

    @classmethod
    def room_for(cls, count: int, masks: int, id_type: type[np.unsignedinteger]) -> Instances:
        """Arrays for ``count`` instances with ``masks`` masks in all. They take memory only as far as they are written."""
        return cls(
            np.empty(count, np.int64),
            np.empty(count, np.int32),
            np.empty(count, np.int64),
            np.empty(count, np.int32),
            np.empty(count, np.uint8),
            np.empty(count, np.int64),
            np.empty(masks, np.uint16),
            np.empty(masks, id_type),
        )

    def resized(self, count: int, masks: int) -> Instances:
        """A copy with room for ``count`` instances and ``masks`` masks, or cut to as many."""

        def resize(array: NDArray[np.generic], length: int) -> NDArray[np.generic]:
            if length <= len(array):
                return array[:length]
            longer = np.empty(length, array.dtype)
            longer[: len(array)] = array
            return longer

        return Instances(
            *(resize(column, count) for column in self[:6]), *(resize(column, masks) for column in self[6:])
        )


@dataclass(frozen=True)
class Generated:
    """What a generator makes of a shard: the instances, the order they are written in, and counters."""

    instances: Instances
    order: NDArray[np.int64]
    counters: dict[str, int]


def prediction_budgets(max_seq_length: int, max_predictions: int, masked_lm_prob: float) -> NDArray[np.int64]:
    """By number of tokens in a record, special ones included: how many of them are predicted at most.

    The reference's ``min(max_predictions, max(1, int(round(tokens * masked_lm_prob))))``, with Python's `round` (halves to
    even, which compiled code would not do).
    """
    lengths = range(max_seq_length + 1)
    return np.array([min(max_predictions, max(1, round(length * masked_lm_prob))) for length in lengths], np.int64)
