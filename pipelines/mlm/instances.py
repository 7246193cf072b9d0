"""Documents and instances as flat arrays: what passes between the tokenizer, the generators and the encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.kernels import jit
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


# One instance: segment A is `a_length` tokens from `a_begin` on in the documents' flat ids, likewise B (length 0 where there
# is no B); its masks are `masks` entries from `mask_begin` on; `random_next` is 1 where B is from elsewhere. 32 bytes.
INSTANCE = np.dtype(
    [
        ("a_begin", np.int64),
        ("b_begin", np.int64),
        ("mask_begin", np.int64),
        ("a_length", np.uint16),
        ("b_length", np.uint16),
        ("masks", np.uint16),
        ("random_next", np.uint8),
    ],
    align=True,
)


class Instances(NamedTuple):
    """Training instances.

    ``rows`` (INSTANCE): the instances. The masks of all instances one after the other: ``positions`` (uint16, in the record,
    ascending) and ``replacements`` (type of the ids: the token the record shows there; the type's largest number, which
    is no id, where the token itself is kept).
    """

    rows: NDArray[np.void]
    positions: NDArray[np.uint16]
    replacements: NDArray[np.unsignedinteger]

    @classmethod
    def room_for(cls, count: int, masks: int, id_type: type[np.unsignedinteger]) -> Instances:
        """Arrays for ``count`` instances with ``masks`` masks in all. They take memory only as far as they are written."""
        return cls(np.empty(count, INSTANCE), np.empty(masks, np.uint16), np.empty(masks, id_type))

    def resized(self, count: int, masks: int) -> Instances:
        """A copy with room for ``count`` instances and ``masks`` masks, or cut to as many."""
        return Instances(_resized(self.rows, count), _resized(self.positions, masks), _resized(self.replacements, masks))


def _resized(array: NDArray[Any], length: int) -> NDArray[Any]:
    if length <= len(array):
        return array[:length]
    longer = np.empty(length, array.dtype)
    longer[: len(array)] = array
    return longer


@jit(_nrt=False)
def kept_marker(replacements):
    """What ``replacements`` holds where a predicted token is shown as it is: all ones."""
    return (np.int64(1) << (8 * replacements.itemsize)) - 1


@jit(_nrt=False)
def write_masks(row, last, is_masked, shown, instances):
    """Write the masks of the instance ``row`` from ``row.mask_begin`` on, in order of their positions.

    Args:
        row: The instance; its ``masks`` are set.
        last: The last position that may be masked.
        is_masked: uint8, by position; cleared for the next instance.
        shown: By position, what ``Instances.replacements`` is to hold.
        instances: See Instances; one entry more than the masks is written to.
    """
    begin = np.uint64(row.mask_begin)
    end = begin
    for position in range(1, last + 1):  # every one is written, but only a masked one moves on: no branch to guess
        instances.positions[end] = position
        end += np.uint64(is_masked[position])
    for position in range(1, last + 1):
        is_masked[position] = 0
    for k in range(begin, end):
        instances.replacements[k] = shown[instances.positions[k]]
    row.masks = end - begin


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
