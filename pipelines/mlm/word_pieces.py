"""From a run of text to token ids: normalization and WordPiece of google-research/bert's tokenization.py, compiled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.formats.vocabulary import CONTINUATION
from berth.kernels import borrowing_jit
from berth.kernels.trie import NO_NODE, NO_TOKEN, ROOT, build_trie, follow, node_of
from berth.kernels.utf8 import checked_character_at
from berth.text import characters
from berth.text.characters import (
    CAPITAL_SIGMA,
    CASE_IGNORABLE,
    CASED,
    DROPPED,
    FINAL,
    IDEOGRAPH,
    KIND_MASK,
    LETTER,
    SEPARATOR,
    SIGMA,
    WHITE_SPACE,
)
from berth.text.words import MAX_WORD
from pipelines.mlm.unicode_tables import UNFILLED

# Results.
DONE = 0
UNFILLED_PAGE = 1
INVALID_UTF8 = 2

# Elements of `detail`: whether the run is white space only; the code point whose page is wanted, or the index of the
# invalid byte.
IS_WHITE, CAUSE = range(2)

_UNIT_CODE_POINT = np.uint32(characters.UNIT_CODE_POINT)
_UNIT_CLASS = np.uint32(characters.UNIT_CLASS)
_UNIT_BARRIER = np.uint32(characters.UNIT_BARRIER)
_UNIT_PUNCTUATION = np.uint32(characters.UNIT_PUNCTUATION)


class Pieces(NamedTuple):
    """The trie of a vocabulary.

    ``edges`` (uint64[slots, 2]): see :func:`berth.kernels.trie.build_trie`. ``continuation``: the node below which the
    pieces with "##" start, or NO_NODE.
    """

    edges: NDArray[np.uint64]
    continuation: int


def pieces_of(tokens: Sequence[str]) -> Pieces:
    """The pieces of a vocabulary, whose ids are their indices in ``tokens``."""
    edges = build_trie(tokens)
    return Pieces(edges, node_of(edges, CONTINUATION))


@borrowing_jit
def encode_run(text, begin, end, code_points, pieces, unknown, word, ids, count, detail):
    """Normalize one run, split it into words and write the words' pieces to ``ids`` from ``count`` on.

    Args:
        text: uint8[n], UTF-8, checked in passing; the run is ``text[begin:end]``.
        begin: Index of the run's first byte.
        end: Index after its last byte.
        code_points: See CodePoints.
        pieces: See Pieces.
        unknown: Id of [UNK].
        word: uint32[MAX_WORD + 1], working memory.
        ids: Receives the ids.
        count: Number of ids already in ``ids``.
        detail: int64[2], receives the elements named above.

    Returns:
        The new count, or minus UNFILLED_PAGE or INVALID_UTF8.
    """
    detail[IS_WHITE] = 1
    length = 0  # of the word so far, in units
    barrier = 0  # start of the combining marks at the word's end that may still be reordered
    follows_cased = False  # the last character that is not case-ignorable is cased
    position = begin
    while position < end:
        code_point, position_after = checked_character_at(text, position, end)
        if code_point < 0:
            detail[CAUSE] = position
            return -INVALID_UTF8
        traits = code_points.traits[code_point]
        kind = traits & KIND_MASK
        if kind == UNFILLED:
            detail[CAUSE] = code_point
            return -UNFILLED_PAGE
        if traits & WHITE_SPACE == 0:
            detail[IS_WHITE] = 0
        if kind in (SEPARATOR, IDEOGRAPH):
            count = _emit_word(word, length, pieces, unknown, ids, count)
            length = barrier = 0
            follows_cased = False
        if kind in (LETTER, IDEOGRAPH):
            first = code_points.first[code_point]
            for k in range(first, first + code_points.counts[code_point]):
                unit = code_points.units[k]
                if unit & _UNIT_PUNCTUATION:
                    count = _emit_word(word, length, pieces, unknown, ids, count)
                    word[0] = unit & _UNIT_CODE_POINT
                    count = _emit_word(word, 1, pieces, unknown, ids, count)
                    length = barrier = 0
                else:
                    length, barrier = _append_unit(word, length, barrier, unit)
        elif kind == CAPITAL_SIGMA:
            is_final = follows_cased
            if is_final:
                next_is_cased, reason = _precedes_cased(text, position_after, end, code_points, detail)
                if reason != DONE:
                    return -reason
                is_final = not next_is_cased
            length, barrier = _append_unit(word, length, barrier, np.uint32(FINAL if is_final else SIGMA))
        if kind == IDEOGRAPH:
            count = _emit_word(word, length, pieces, unknown, ids, count)
            length = barrier = 0
        elif kind != DROPPED and traits & CASE_IGNORABLE == 0:
            follows_cased = traits & CASED != 0
        position = position_after
    return _emit_word(word, length, pieces, unknown, ids, count)


@borrowing_jit
def _append_unit(word, length, barrier, unit):
    """Append a unit to the word in canonical order; returns the word's new length and barrier.

    Combining marks are ordered by combining class, stably, back to the last character of class 0; few remain to be
    ordered, as those of category Mn are removed before. A word of more than MAX_WORD units is [UNK] whatever follows.
    """
    if unit & _UNIT_BARRIER:
        return length, length
    if length > MAX_WORD:
        return length, barrier
    combining_class = unit & _UNIT_CLASS
    index = length
    while combining_class and index > barrier and word[index - 1] & _UNIT_CLASS > combining_class:
        word[index] = word[index - 1]
        index -= 1
    word[index] = unit
    length += 1
    return length, (barrier if combining_class else length)


@borrowing_jit
def _precedes_cased(text, position, end, code_points, detail):
    """Whether the next character of the same word that is not case-ignorable is cased; and a result code."""
    while position < end:
        code_point, position_after = checked_character_at(text, position, end)
        if code_point < 0:
            detail[CAUSE] = position
            return False, INVALID_UTF8
        traits = code_points.traits[code_point]
        kind = traits & KIND_MASK
        if kind == UNFILLED:
            detail[CAUSE] = code_point
            return False, UNFILLED_PAGE
        if kind in (SEPARATOR, IDEOGRAPH):
            return False, DONE
        if kind != DROPPED and traits & CASE_IGNORABLE == 0:
            return traits & CASED != 0, DONE
        position = position_after
    return False, DONE


@borrowing_jit
def _emit_word(word, length, pieces, unknown, ids, count):
    """WordPiece: the longest piece that fits, again and again; [UNK] for the whole word where none does."""
    if length == 0:
        return count
    if length > MAX_WORD:
        ids[count] = unknown
        return count + 1
    first = count
    begin = 0
    while begin < length:
        node = np.int64(ROOT) if begin == 0 else np.int64(pieces.continuation)
        longest = np.int64(NO_TOKEN)
        next_begin = begin
        for k in range(begin, length):
            if node == NO_NODE:
                break
            node, token = follow(node, word[k] & _UNIT_CODE_POINT, pieces.edges)
            if token != NO_TOKEN:
                longest = token
                next_begin = k + 1
        if longest == NO_TOKEN:
            ids[first] = unknown
            return first + 1
        ids[count] = longest
        count += 1
        begin = next_begin
    return count
