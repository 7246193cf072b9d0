"""From text to token ids, run by run. A *run* is a sequence of bytes between ASCII blanks.

The ids of a run do not depend on its surroundings, so a run that was seen before is looked up in a cache by its bytes;
only the others go through normalization and WordPiece.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.formats.vocabulary import UNKNOWN, Vocabulary
from berth.kernels import borrowing_jit
from berth.kernels.hashing import hash_four_words
from berth.text.words import MAX_WORD
from pipelines.mlm.unicode_tables import CodePoints
from pipelines.mlm.word_pieces import (
    CAUSE,
    DONE,
    INVALID_UTF8,
    IS_WHITE,
    Pieces,
    encode_run,
    pieces_of,
)

NEWLINE, RETURN, TAB, SPACE = 10, 13, 9, 32

# Elements of `progress`, the state between two calls of the kernel.
POSITION, IDS, LINES, LINE_IS_BLANK, CODE_POINT = range(5)

# The cache of runs, two-way set-associative: a run may be in either of two neighbouring slots. A slot is a cache line
# of eight words: four of key (the run's bytes, big-endian, zero-padded), one of length in bytes and number of ids,
# three of ids, four bytes each.
CACHE_BITS = 16
KEY_WORDS = 4
KEY_BYTES = 8 * KEY_WORDS  # longer runs are not cached
SIZES = KEY_WORDS
FIRST_IDS = KEY_WORDS + 1
SLOT_WORDS = 8
MAX_IDS = 2 * (SLOT_WORDS - FIRST_IDS)
_CACHE_SHIFT = np.uint64(64 - CACHE_BITS)
_BYTE = np.uint64(0xFF)
_HALF = np.uint64(0xFFFFFFFF)
_ONE, _EIGHT, _HALF_BITS = np.uint64(1), np.uint64(8), np.uint64(32)


class Scratch(NamedTuple):
    """Working memory of the kernel: the key of a run, the units of a word, and the `detail` of encode_run."""

    key: NDArray[np.uint64]
    word: NDArray[np.uint32]
    detail: NDArray[np.int64]


class Tables(NamedTuple):
    """Tables of a tokenizer. ``cache`` (uint64[slots, 8]): runs seen before. ``unknown``: id of [UNK]."""

    code_points: CodePoints
    pieces: Pieces
    cache: NDArray[np.uint64]
    unknown: int
    scratch: Scratch


def tables_of(vocabulary: Vocabulary, code_points: CodePoints) -> Tables:
    """The tables of a tokenizer, with an empty cache."""
    return Tables(
        code_points,
        pieces_of(vocabulary.tokens),
        np.zeros((1 << CACHE_BITS, SLOT_WORDS), np.uint64),
        vocabulary.ids[UNKNOWN],
        Scratch(np.zeros(KEY_WORDS, np.uint64), np.zeros(MAX_WORD + 1, np.uint32), np.zeros(2, np.int64)),
    )


@borrowing_jit
def encode_lines(text, tables, progress, ids, line_ends, blank_lines):
    """Tokenize a text from ``progress`` on, run by run.

    Args:
        text: uint8[n], UTF-8, which is checked.
        tables: See Tables.
        progress: int64[5]; the kernel stops before a run that needs an unfilled page of the tables, and continues
            there when called again.
        ids: Receives the tokens' ids; as long as the text.
        line_ends: int64[lines], receives the index in ``ids`` after each line's tokens.
        blank_lines: bool[lines], receives whether the line is blank, see Tokens.

    Returns:
        DONE; UNFILLED_PAGE (that of ``progress[CODE_POINT]``); INVALID_UTF8 (``progress[POSITION]``: its index).
    """
    n = np.uint64(len(text))
    position = np.uint64(progress[POSITION])
    count = progress[IDS]
    line = progress[LINES]
    line_is_blank = progress[LINE_IS_BLANK]
    cache, key, detail = tables.cache, tables.scratch.key, tables.scratch.detail
    while position < n:
        byte = text[position]
        if _is_blank(byte):
            position += _ONE
            if byte == NEWLINE:
                line_ends[line] = count
                blank_lines[line] = line_is_blank
                line += 1
                line_is_blank = 1
            continue
        end = _read_key(text, position, key)
        length = end - position
        slot = _slot(key)
        if not _is_cached(cache, slot, key, length):
            slot ^= _ONE
        if _is_cached(cache, slot, key, length):
            line_is_blank = 0
            count = _read_ids(cache, slot, ids, count)
        else:
            new_count = encode_run(
                text,
                np.int64(position),
                np.int64(end),
                tables.code_points,
                tables.pieces,
                tables.unknown,
                tables.scratch.word,
                ids,
                count,
                detail,
            )
            if new_count < 0:
                progress[POSITION] = detail[CAUSE] if new_count == -INVALID_UTF8 else position
                progress[CODE_POINT] = detail[CAUSE]
                progress[IDS] = count
                progress[LINES] = line
                progress[LINE_IS_BLANK] = line_is_blank
                return -new_count
            if detail[IS_WHITE] == 0:
                line_is_blank = 0
            if length <= KEY_BYTES and 0 < new_count - count <= MAX_IDS:  # with tokens, it is not blank
                _store(cache, slot, key, length, ids, count, new_count)
            count = new_count
        position = end
    if n > 0 and text[n - _ONE] != NEWLINE:
        line_ends[line] = count
        blank_lines[line] = line_is_blank
        line += 1
    progress[POSITION] = n
    progress[IDS] = count
    progress[LINES] = line
    return DONE


@borrowing_jit
def _is_blank(byte):
    """Whether a byte is one of the blanks between runs: other ASCII controls are dropped by the tokenizer."""
    return (byte == SPACE) | (byte == NEWLINE) | (byte == TAB) | (byte == RETURN)


@borrowing_jit
def _read_key(text, position, key):
    """Find the end of the run at ``position`` (uint64) and pack its first KEY_BYTES bytes into ``key``, zero-padded."""
    n = np.uint64(len(text))
    end = position
    stop = position
    for k in range(KEY_WORDS):
        stop += _EIGHT
        packed = np.uint64(0)
        while end < stop and end < n and not _is_blank(text[end]):
            packed = (packed << _EIGHT) | np.uint64(text[end])
            end += _ONE
        key[k] = packed
        if end < stop:
            for rest in range(k + 1, KEY_WORDS):
                key[rest] = 0
            return end
    while end < n and not _is_blank(text[end]):
        end += _ONE
    return end


@borrowing_jit
def _slot(key):
    """The first slot of a run in the cache."""
    return hash_four_words(key) >> _CACHE_SHIFT


@borrowing_jit
def _is_cached(cache, slot, key, length):
    """Whether the slot holds this run. Only runs up to KEY_BYTES are stored, so a longer one is never found."""
    return (
        cache[slot, 0] == key[0]
        and cache[slot, 1] == key[1]
        and cache[slot, 2] == key[2]
        and cache[slot, 3] == key[3]
        and (cache[slot, SIZES] & _BYTE) == length
    )


@borrowing_jit
def _read_ids(cache, slot, ids, count):
    """Write the slot's ids to ``ids`` from ``count`` on; returns the new count."""
    size = np.int64(cache[slot, SIZES] >> _EIGHT)
    for k in range(size):
        ids[count + k] = (cache[slot, FIRST_IDS + (k >> 1)] >> (_HALF_BITS * np.uint64(k & 1))) & _HALF
    return count + size


@borrowing_jit
def _store(cache, slot, key, length, ids, begin, end):
    """Store a run and its ids in the slot; its previous content replaces that of the other slot of the pair."""
    for k in range(SLOT_WORDS):
        cache[slot ^ _ONE, k] = cache[slot, k]
    for k in range(KEY_WORDS):
        cache[slot, k] = key[k]
    cache[slot, SIZES] = length | (np.uint64(end - begin) << _EIGHT)
    for k in range(FIRST_IDS, SLOT_WORDS):
        cache[slot, k] = 0
    for k in range(end - begin):
        cache[slot, FIRST_IDS + (k >> 1)] |= np.uint64(ids[begin + k]) << (_HALF_BITS * np.uint64(k & 1))
