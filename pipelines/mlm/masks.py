"""What both generators need to mask an instance: the number of masks, the boundaries of words, and the mask entries."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.kernels import borrowing_jit
from pipelines.mlm.instances import GAP_BITS, MAX_GAP, NOT_MASKED, SHOW_WORD

_ONE = np.uint64(1)


class Scratch(NamedTuple):
    """Working memory of one instance.

    Candidates are the tokens that may be masked: those of A and B, numbered in order. ``word_begins`` (uint16): the
    first candidate of each word, then the number of candidates; ``span_begins`` (int32): likewise the first word of
    each span. ``drawn`` (uint16): the numbers that are shuffled. By position in the record: ``kinds`` (uint8), what is
    shown there, and ``words`` (type of the ids), the word that is shown where the kind is SHOW_WORD.
    """

    word_begins: NDArray[np.uint16]
    span_begins: NDArray[np.int32]
    drawn: NDArray[np.uint16]
    kinds: NDArray[np.uint8]
    words: NDArray[np.unsignedinteger]


def scratch_for(max_seq_length: int, id_type: type[np.unsignedinteger]) -> Scratch:
    """Working memory for instances of this length."""
    length = max_seq_length + 1
    return Scratch(
        np.empty(length, np.uint16),
        np.empty(length, np.int32),
        np.empty(length, np.uint16),
        np.full(length, NOT_MASKED, np.uint8),
        np.empty(length, id_type),
    )


def prediction_budgets(max_seq_length: int, max_predictions: int, masked_lm_prob: float) -> NDArray[np.int64]:
    """By number of tokens in a record, special ones included: the maximum number of predicted ones.

    The reference's ``min(max_predictions, max(1, int(round(tokens * masked_lm_prob))))``, with Python's `round`
    (halves to even, unlike compiled code).
    """
    lengths = range(max_seq_length + 1)
    return np.array([min(max_predictions, max(1, round(length * masked_lm_prob))) for length in lengths], np.int64)


@borrowing_jit
def position_of(candidate, row):
    """The position of a candidate in the record: A begins after [CLS], B after one [SEP] more."""
    return candidate + 1 + (candidate >= row.a_length)


@borrowing_jit
def find_words(ids, row, is_continuation, joins_segments, scratch):
    """Write the first candidate of each word to ``scratch.word_begins``; returns the number of words.

    A continuation piece at the beginning of A is a word; one at the beginning of B is too, unless ``joins_segments``:
    then it belongs to the last word of A.
    """
    a_length, tokens = np.int64(row.a_length), np.int64(row.a_length) + np.int64(row.b_length)
    words = 0
    for candidate in range(tokens):
        is_b = candidate >= a_length
        token = ids[row.b_begin + candidate - a_length] if is_b else ids[row.a_begin + candidate]
        is_first = candidate == 0 or (candidate == a_length and not joins_segments)
        if is_first or not is_continuation[token]:
            scratch.word_begins[words] = candidate
            words += 1
    scratch.word_begins[words] = tokens
    return words


@borrowing_jit
def write_masks(row, scratch, instances):
    """Write the masks of the instance ``row`` from ``row.mask_begin`` on, in order of their positions.

    Args:
        row: The instance; its ``masks`` are set.
        scratch: The masked positions; cleared for the next instance.
        instances: See Instances; one word more than needed is written to.

    Returns:
        The number of entries written from ``row.mask_begin`` on, and that of words from ``row.word_begin`` on.
    """
    kinds, positions = scratch.kinds, scratch.drawn
    last = np.int64(row.a_length) + np.int64(row.b_length) + 1  # the last position that may be masked
    masks = np.uint64(0)
    for position in range(1, last + 1):  # all are written, but only a masked one advances: no branch to predict
        positions[masks] = position
        masks += np.uint64(kinds[np.uint64(position)] != NOT_MASKED)
    begin, word_begin = np.uint64(row.mask_begin), np.uint64(row.word_begin)
    end, word_end = begin, word_begin
    before = np.uint64(0)
    for k in range(np.int64(masks)):
        masked = np.uint64(positions[k])
        while masked - before > MAX_GAP:
            instances.masks[end] = MAX_GAP
            end += _ONE
            before += np.uint64(MAX_GAP)
        instances.masks[end] = (masked - before) | (np.uint64(kinds[masked]) << np.uint64(GAP_BITS))
        end += _ONE
        instances.words[word_end] = scratch.words[masked]
        word_end += np.uint64(kinds[masked] == SHOW_WORD)
        before = masked
    row.masks = masks
    kinds[1 : last + 1] = NOT_MASKED
    return np.int64(end - begin), np.int64(word_end - word_begin)
