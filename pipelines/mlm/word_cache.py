"""Text → ids, run by run. A *run* is a stretch of bytes between ASCII blanks.

What a run becomes does not depend on its surroundings, so runs that come again are looked up by their bytes; only the
others go through normalization and WordPiece.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.formats.vocabulary import UNKNOWN, Vocabulary
from berth.kernels import jit
from pipelines.mlm.trie import Trie, build_trie
from pipelines.mlm.unicode_tables import CodePoints
from pipelines.mlm.word_pieces import DONE, INVALID_UTF8, IS_WHITE, MAX_WORD, PLACE, encode_run

NEWLINE, RETURN, TAB, SPACE = 10, 13, 9, 32

# Slots of `progress`, the state the kernel leaves and takes up.
POSITION, IDS, LINES, LINE_IS_BLANK, CODE_POINT = range(5)

# The memory of runs: a table whose keys are the runs' bytes; a run may stand in either of two neighbouring slots. A
# slot is one cache line of eight words: four of key (big-endian, zero-padded), one of length in bytes and number of
# ids, three of ids, four bytes each.
MEMORY_BITS = 16
KEY_WORDS = 4
KEY_BYTES = 8 * KEY_WORDS  # longer runs are not remembered
SIZES = KEY_WORDS
FIRST_IDS = KEY_WORDS + 1
SLOT_WORDS = 8
REMEMBERED_IDS = 2 * (SLOT_WORDS - FIRST_IDS)
_MEMORY_SHIFT = np.uint64(64 - MEMORY_BITS)
_MIX = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
    np.uint64(0x27D4EB2F165667C5),
)
_BYTE = np.uint64(0xFF)
_HALF = np.uint64(0xFFFFFFFF)
_ONE, _EIGHT, _HALF_BITS = np.uint64(1), np.uint64(8), np.uint64(32)


class Scratch(NamedTuple):
    """Working memory of the kernel: the key of a run, the units of a word, and more about a run's result."""

    key: NDArray[np.uint64]
    word: NDArray[np.uint32]
    detail: NDArray[np.int64]


class Source(NamedTuple):
    """What a text is tokenized with. ``memory`` (uint64[slots, 8]): runs seen before. ``unknown``: id of [UNK]."""

    code_points: CodePoints
    trie: Trie
    memory: NDArray[np.uint64]
    unknown: int
    scratch: Scratch


def source_of(vocabulary: Vocabulary, code_points: CodePoints) -> Source:
    """What texts are tokenized with, nothing being remembered yet."""
    return Source(
        code_points,
        build_trie(vocabulary.tokens),
        np.zeros((1 << MEMORY_BITS, SLOT_WORDS), np.uint64),
        vocabulary.ids[UNKNOWN],
        Scratch(np.zeros(KEY_WORDS, np.uint64), np.zeros(MAX_WORD + 1, np.uint32), np.zeros(2, np.int64)),
    )


@jit(_nrt=False)
def encode_lines(text, source, progress, ids, line_ends, blank_lines):
    """Tokenize a text from ``progress`` on, run by run.

    Args:
        text: uint8[n], UTF-8, checked in passing.
        source: See Source.
        progress: int64[5]; the kernel stops before a run that needs an unfilled page of the tables and goes on there
            when called again.
        ids: Receives the tokens; as long as the text.
        line_ends: int64[lines], receives where each line's tokens end.
        blank_lines: bool[lines], receives whether the line is blank, see Tokens.

    Returns:
        DONE; UNFILLED_PAGE (``progress[CODE_POINT]`` is wanted); INVALID_UTF8 (``progress[POSITION]`` is the byte).
    """
    n = np.uint64(len(text))
    position = np.uint64(progress[POSITION])
    count = progress[IDS]
    line = progress[LINES]
    line_is_blank = progress[LINE_IS_BLANK]
    memory, key, detail = source.memory, source.scratch.key, source.scratch.detail
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
        if not _is_remembered(memory, slot, key, length):
            slot ^= _ONE
        if _is_remembered(memory, slot, key, length):
            line_is_blank = 0
            count = _recall(memory, slot, ids, count)
        else:
            new_count = encode_run(
                text,
                np.int64(position),
                np.int64(end),
                source.code_points,
                source.trie,
                source.unknown,
                source.scratch.word,
                ids,
                count,
                detail,
            )
            if new_count < 0:
                progress[POSITION] = detail[PLACE] if new_count == -INVALID_UTF8 else position
                progress[CODE_POINT] = detail[PLACE]
                progress[IDS] = count
                progress[LINES] = line
                progress[LINE_IS_BLANK] = line_is_blank
                return -new_count
            if detail[IS_WHITE] == 0:
                line_is_blank = 0
            if length <= KEY_BYTES and 0 < new_count - count <= REMEMBERED_IDS:  # with tokens, it is not blank
                _remember(memory, slot, key, length, ids, count, new_count)
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


@jit(_nrt=False)
def _is_blank(byte):
    """Whether a byte is one of the blanks between runs: other ASCII controls are dropped by the tokenizer."""
    return (byte == SPACE) | (byte == NEWLINE) | (byte == TAB) | (byte == RETURN)


@jit(_nrt=False)
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


@jit(_nrt=False)
def _slot(key):
    """The place of a run in the memory."""
    mixed = key[0] ^ (key[1] * _MIX[1]) ^ (key[2] * _MIX[2]) ^ (key[3] * _MIX[3])
    return (mixed * _MIX[0]) >> _MEMORY_SHIFT


@jit(_nrt=False)
def _is_remembered(memory, slot, key, length):
    """Whether the slot holds this very run. Lengths up to KEY_BYTES are stored, so a longer run is never found."""
    return (
        memory[slot, 0] == key[0]
        and memory[slot, 1] == key[1]
        and memory[slot, 2] == key[2]
        and memory[slot, 3] == key[3]
        and (memory[slot, SIZES] & _BYTE) == length
    )


@jit(_nrt=False)
def _recall(memory, slot, ids, count):
    """Write the remembered ids behind the first ``count``; returns the new count."""
    made = np.int64(memory[slot, SIZES] >> _EIGHT)
    for k in range(made):
        ids[count + k] = (memory[slot, FIRST_IDS + (k >> 1)] >> (_HALF_BITS * np.uint64(k & 1))) & _HALF
    return count + made


@jit(_nrt=False)
def _remember(memory, slot, key, length, ids, begin, end):
    """Put a run and its ids into the slot, whose content goes to the other slot of the pair, and that is lost."""
    for k in range(SLOT_WORDS):
        memory[slot ^ _ONE, k] = memory[slot, k]
    for k in range(KEY_WORDS):
        memory[slot, k] = key[k]
    memory[slot, SIZES] = length | (np.uint64(end - begin) << _EIGHT)
    for k in range(FIRST_IDS, SLOT_WORDS):
        memory[slot, k] = 0
    for k in range(end - begin):
        memory[slot, FIRST_IDS + (k >> 1)] |= np.uint64(ids[begin + k]) << (_HALF_BITS * np.uint64(k & 1))
