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


# One instance: segment A is `a_length` tokens from `a_begin` on in the documents' flat ids, likewise B (length 0 where
# there is no B); its masks are `masks` entries from `mask_begin` on, the words shown at some of them begin at
# `word_begin`; `random_next` is 1 where B is from elsewhere. 40 bytes.
INSTANCE = np.dtype(
    [
        ("a_begin", np.int64),
        ("b_begin", np.int64),
        ("mask_begin", np.int64),
        ("word_begin", np.int64),
        ("a_length", np.uint16),
        ("b_length", np.uint16),
        ("masks", np.uint16),
        ("random_next", np.uint8),
    ],
    align=True,
)

# What is shown at a position of a record. A mask is its position and, above POSITION_BITS, what is shown there.
NOT_MASKED, SHOW_MASK, SHOW_TOKEN, SHOW_WORD = range(4)
POSITION_BITS = 14
MAX_SEQ_LENGTH = 1 << POSITION_BITS
POSITION = MAX_SEQ_LENGTH - 1


class Instances(NamedTuple):
    """Training instances.

    ``rows`` (INSTANCE): the instances. ``masks`` (uint16): the masks of all instances one after the other, each
    instance's in order of position. ``words`` (type of the ids): the words that are shown where a mask says SHOW_WORD,
    in the same order.
    """

    rows: NDArray[np.void]
    masks: NDArray[np.uint16]
    words: NDArray[np.unsignedinteger]

    @classmethod
    def room_for(cls, count: int, max_predictions: int, id_type: type[np.unsignedinteger]) -> Instances:
        """Arrays for ``count`` instances. They take memory only as far as they are written."""
        masks = count * max_predictions + 1  # one more, see write_masks
        return cls(np.empty(count, INSTANCE), np.empty(masks, np.uint16), np.empty(masks, id_type))

    def grown(self, max_predictions: int) -> Instances:
        """A copy with more than twice the room."""
        longer = self.room_for(2 * len(self.rows) + 1, max_predictions, self.words.dtype.type)
        for old, new in zip(self, longer, strict=True):
            new[: len(old)] = old
        return longer

    def cut(self, count: int, masks: int, words: int) -> Instances:
        """The parts that are filled."""
        return Instances(self.rows[:count], self.masks[:masks], self.words[:words])


@dataclass(frozen=True)
class Generated:
    """What a generator makes of a shard: the instances, the order they are written in, and counters."""

    instances: Instances
    order: NDArray[np.int64]
    counters: dict[str, int]
