"""One run of text → words → ids: normalization and WordPiece of google-research/bert's tokenization.py, compiled."""

from __future__ import annotations

import numpy as np

from berth.kernels import jit
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
from pipelines.mlm.trie import NO_NODE, NO_TOKEN, follow
from pipelines.mlm.unicode_tables import UNFILLED

# Results.
DONE = 0
UNFILLED_PAGE = 1
INVALID_UTF8 = 2

# Slots of `detail`: whether the run is white space only; the code point whose page is wanted, or the byte at fault.
IS_WHITE, PLACE = range(2)

_UNIT_CODE_POINT = np.uint32(characters.UNIT_CODE_POINT)
_UNIT_CLASS = np.uint32(characters.UNIT_CLASS)
_UNIT_BARRIER = np.uint32(characters.UNIT_BARRIER)
_UNIT_PUNCTUATION = np.uint32(characters.UNIT_PUNCTUATION)


@jit(_nrt=False)
def encode_run(text, begin, end, code_points, trie, unknown, word, ids, count, detail):
    """Normalize one run, split it into words and write the words' pieces to ``ids`` from ``count`` on.

    Args:
        text: uint8[n], UTF-8, checked in passing; the run is ``text[begin:end]``.
        begin: Where the run begins.
        end: Where it ends.
        code_points: See CodePoints.
        trie: See Trie.
        unknown: Id of [UNK].
        word: uint32[MAX_WORD + 1], working memory.
        ids: Receives the ids.
        count: Number of ids that are there before.
        detail: int64[2], receives what the slots above say.

    Returns:
        The new count, or minus UNFILLED_PAGE or INVALID_UTF8.
    """
    detail[IS_WHITE] = 1
    length = 0  # of the word so far, in units
    barrier = 0  # start of the marks at the word's end that may still be reordered
    follows_cased = False  # the last character that is not case-ignorable is cased
    position = begin
    while position < end:
        code_point, position_after = _decode(text, position, end)
        if code_point < 0:
            detail[PLACE] = position
            return -INVALID_UTF8
        traits = code_points.traits[code_point]
        kind = traits & KIND_MASK
        if kind == UNFILLED:
            detail[PLACE] = code_point
            return -UNFILLED_PAGE
        if traits & WHITE_SPACE == 0:
            detail[IS_WHITE] = 0
        if kind in (SEPARATOR, IDEOGRAPH):
            count = _emit_word(word, length, trie, unknown, ids, count)
            length = barrier = 0
            follows_cased = False
        if kind in (LETTER, IDEOGRAPH):
            first = code_points.first[code_point]
            for k in range(first, first + code_points.counts[code_point]):
                unit = code_points.units[k]
                if unit & _UNIT_PUNCTUATION:
                    count = _emit_word(word, length, trie, unknown, ids, count)
                    word[0] = unit & _UNIT_CODE_POINT
                    count = _emit_word(word, 1, trie, unknown, ids, count)
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
            count = _emit_word(word, length, trie, unknown, ids, count)
            length = barrier = 0
        elif kind != DROPPED and traits & CASE_IGNORABLE == 0:
            follows_cased = traits & CASED != 0
        position = position_after
    return _emit_word(word, length, trie, unknown, ids, count)


@jit(_nrt=False)
def _decode(text, position, end):
    """The code point at ``position`` and the position after it; (-1, position) where the UTF-8 is not valid."""
    lead = np.int64(text[position])
    if lead < 0x80:
        return lead, position + 1
    if 0xC2 <= lead < 0xE0:
        size, value, smallest = 2, lead & 0x1F, 0x80
    elif 0xE0 <= lead < 0xF0:
        size, value, smallest = 3, lead & 0x0F, 0x800
    elif 0xF0 <= lead < 0xF5:
        size, value, smallest = 4, lead & 0x07, 0x10000
    else:
        return np.int64(-1), position
    if position + size > end:
        return np.int64(-1), position
    for k in range(1, size):
        trail = np.int64(text[position + k])
        if trail & 0xC0 != 0x80:
            return np.int64(-1), position
        value = (value << 6) | (trail & 0x3F)
    if value < smallest or value > 0x10FFFF or 0xD800 <= value <= 0xDFFF:
        return np.int64(-1), position
    return value, position + size


@jit(_nrt=False)
def _append_unit(word, length, barrier, unit):
    """Append a unit to the word in canonical order; returns the word's new length and barrier.

    Marks are ordered by combining class, stably, back to the last character of class 0. Of the marks, only the few that
    are not in category Mn are still there to be ordered. A word of more than MAX_WORD units is [UNK] whatever follows.
    """
    if unit & _UNIT_BARRIER:
        return length, length
    if length > MAX_WORD:
        return length, barrier
    combining_class = unit & _UNIT_CLASS
    place = length
    while combining_class and place > barrier and word[place - 1] & _UNIT_CLASS > combining_class:
        word[place] = word[place - 1]
        place -= 1
    word[place] = unit
    length += 1
    return length, (barrier if combining_class else length)


@jit(_nrt=False)
def _precedes_cased(text, position, end, code_points, detail):
    """Whether the next character of the same word that is not case-ignorable is cased; and a result code."""
    while position < end:
        code_point, position_after = _decode(text, position, end)
        if code_point < 0:
            detail[PLACE] = position
            return False, INVALID_UTF8
        traits = code_points.traits[code_point]
        kind = traits & KIND_MASK
        if kind == UNFILLED:
            detail[PLACE] = code_point
            return False, UNFILLED_PAGE
        if kind in (SEPARATOR, IDEOGRAPH):
            return False, DONE
        if kind != DROPPED and traits & CASE_IGNORABLE == 0:
            return traits & CASED != 0, DONE
        position = position_after
    return False, DONE


@jit(_nrt=False)
def _emit_word(word, length, trie, unknown, ids, count):
    """WordPiece: the longest piece that fits, again and again; [UNK] for the whole word where none does."""
    if length == 0:
        return count
    if length > MAX_WORD:
        ids[count] = unknown
        return count + 1
    first = count
    begin = 0
    while begin < length:
        node = np.int64(0) if begin == 0 else np.int64(trie.continuation)
        longest = np.int64(NO_TOKEN)
        next_begin = begin
        for k in range(begin, length):
            if node == NO_NODE:
                break
            node, token = follow(node, word[k] & _UNIT_CODE_POINT, trie.edges)
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
