"""Documents and instances as flat arrays: the data between tokenizer, generators and encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.recipe import RecordSet
from pipelines.mlm.tokenizer import Tokens


class Documents(NamedTuple):
    """Documents of sentences of tokens.

    Sentence s is ``ids[sentences[s] : sentences[s + 1]]``; document d is the sentences ``documents[d]`` to
    ``documents[d + 1]`` (exclusive). No sentence and no document is empty.

    ``ids`` uint16 or uint32, ``sentences`` int64[S + 1], ``documents`` int64[D + 1].
    """

    ids: NDArray[np.unsignedinteger]
    sentences: NDArray[np.int64]
    documents: NDArray[np.int64]


def documents_of(tokens: Tokens) -> Documents:
    """The documents of a tokenized text: lines with tokens are sentences, blank lines end documents."""
    ends = tokens.line_ends
    has_tokens = np.ones(len(ends), np.bool_)
    has_tokens[:1] = ends[:1] > 0
    np.greater(ends[1:], ends[:-1], out=has_tokens[1:])
    sentences = np.zeros(np.count_nonzero(has_tokens) + 1, np.int64)
    sentences[1:] = ends[has_tokens]
    document = np.cumsum(tokens.blank_lines, dtype=np.uint32)[has_tokens]
    is_first = np.ones(len(document), np.bool_)
    np.not_equal(document[1:], document[:-1], out=is_first[1:])
    return Documents(tokens.ids, sentences, np.append(np.flatnonzero(is_first), len(document)).astype(np.int64))


# One instance: segment A is `a_length` tokens from `a_begin` on in the documents' flat ids, likewise B (length 0 where
# there is no B); it has `masks` masks, whose entries begin at `mask_begin`, the words shown at some of them at
# `word_begin`; `random_next` is 1 where B does not follow A. 40 bytes.
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

# What is shown at a position of a record.
NOT_MASKED, SHOW_MASK, SHOW_TOKEN, SHOW_WORD = range(4)
# An entry of the masks, one byte: the gap to the entry before (of the first, to position 0) and, above GAP_BITS, what
# is shown there. Gaps longer than MAX_GAP are divided by entries that are NOT_MASKED. Masks are most of a shard's
# memory, and this takes half of what positions would.
GAP_BITS = 6
MAX_GAP = (1 << GAP_BITS) - 1


class Instances(NamedTuple):
    """Training instances.

    ``rows`` (INSTANCE): the instances. ``masks`` (uint8): the entries of all instances one after the other, each
    instance's in order of position. ``words`` (type of the ids): the words that are shown where a mask says SHOW_WORD,
    in the same order.
    """

    rows: NDArray[np.void]
    masks: NDArray[np.uint8]
    words: NDArray[np.unsignedinteger]

    @classmethod
    def room_for(cls, count: int, options: RecordSet, id_type: type[np.unsignedinteger]) -> Instances:
        """Arrays for ``count`` instances. They take memory only where they are written."""
        entries = options.max_predictions + options.max_seq_length // MAX_GAP
        words = count * options.max_predictions + 1  # one more, see write_masks
        return cls(np.empty(count, INSTANCE), np.empty(count * entries, np.uint8), np.empty(words, id_type))

    def grown(self, options: RecordSet) -> Instances:
        """A copy with more than twice the room."""
        longer = self.room_for(2 * len(self.rows) + 1, options, self.words.dtype.type)
        for old, new in zip(self, longer, strict=True):
            new[: len(old)] = old
        return longer

    def cut(self, count: int, masks: int, words: int) -> Instances:
        """The parts that are filled."""
        return Instances(self.rows[:count], self.masks[:masks], self.words[:words])


@dataclass(frozen=True)
class Generated:
    """The result of a generator for a shard: the instances, the order to write them in, and counters."""

    instances: Instances
    order: NDArray[np.int64]
    counters: dict[str, int]
