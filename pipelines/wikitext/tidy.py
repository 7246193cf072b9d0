"""Second pass of the cleaner, compiled: scanned lines → paragraphs without bullets, quotes, entities or gaps.

Each line goes through short steps in one buffer, most of which only run where the line holds what they look for.
"""

from __future__ import annotations

import numpy as np

from berth.kernels import jit
from pipelines.wikitext.entities import decode_entities
from pipelines.wikitext.gaps import close_gaps, drop_leading_gap
from pipelines.wikitext.marks import DROPPED, EXTERNAL, LITERAL_MARKS, LITERALS
from pipelines.wikitext.quotes import strip_quotes
from pipelines.wikitext.signs import (
    AMPERSAND,
    APOSTROPHE,
    BANG,
    BLANK,
    CLOSE,
    COLON,
    COMMA,
    DOT,
    EQUAL,
    HASH,
    NEWLINE,
    OPEN,
    PIPE,
    SEMICOLON,
    STAR,
    is_ascii_alnum,
    is_word,
)
from pipelines.wikitext.utf8 import character_at

HEADING_LEVELS = 6
NESTED_PARENTHESES = 3

_FROM_MARK = np.arange(256, dtype=np.uint8)
_FROM_MARK[np.frombuffer(LITERAL_MARKS, np.uint8)] = np.frombuffer(LITERALS, np.uint8)

# What a line needs by the bytes it holds.
_QUOTES, _EXTERNAL, _DROPPED, _ENTITIES, _LITERALS = 1, 2, 4, 8, 16
_NEEDS = np.zeros(256, np.uint8)
_NEEDS[[APOSTROPHE, EXTERNAL, DROPPED, AMPERSAND]] = (_QUOTES, _EXTERNAL, _DROPPED, _ENTITIES)
_NEEDS[np.frombuffer(LITERAL_MARKS, np.uint8)] = _LITERALS
# First bytes of white space other than blanks, and punctuation that changes the blanks before it.
_NEEDS_LOOK = np.zeros(256, np.bool_)
_NEEDS_LOOK[[*range(9, 14), 0xC2, 0xE1, 0xE2, 0xE3, CLOSE, COMMA, SEMICOLON, DOT]] = True

_IS_BLANK = (np.arange(256) == BLANK).astype(np.uint8)
_IS_BLANK_OR_OPEN = _IS_BLANK | (np.arange(256) == OPEN).astype(np.uint8)

# Which characters beyond ASCII are letters or digits, one bit a code point.
_ALNUM = np.packbits(np.array([chr(code).isalnum() for code in range(0x110000)], np.bool_), bitorder="little")


@jit
def _space_length(line, at, size):
    """Length in bytes of the white space character at ``at``, 0 if it is none: what str.isspace takes for one."""
    byte = line[at]
    if byte == BLANK or 9 <= byte <= 13:
        return 1
    if byte == 0xC2:
        return 2 if line[at + 1] == 0x85 or line[at + 1] == 0xA0 else 0
    if byte < 0xE1 or byte > 0xE3 or at + 2 >= size:
        return 0
    second, third = line[at + 1], line[at + 2]
    if byte == 0xE1:
        return 3 if second == 0x9A and third == 0x80 else 0
    if byte == 0xE3:
        return 3 if second == 0x80 and third == 0x80 else 0
    if second == 0x80 and (0x80 <= third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF):
        return 3
    return 3 if second == 0x81 and third == 0x9F else 0


@jit
def _remove(line, size, byte):
    """Remove every occurrence of a byte; returns the new size."""
    to = 0
    for at in range(size):
        if line[at] != byte:
            line[to] = line[at]
            to += 1
    return to


@jit
def _is_word_at(line, at, size):
    """Whether the character at ``at`` is a letter or digit."""
    byte = line[at]
    if byte < 128:
        return is_ascii_alnum(byte)
    if byte < 0xC0:
        return False
    code, _ = character_at(line, at)
    return (_ALNUM[code >> 3] >> (code & 7)) & 1 != 0


@jit
def _finish(text, start, stop, out, to, has_literals):
    """Write text[start:stop] with single blanks, none at the ends, before punctuation or inside parentheses.

    Returns:
        The end, or -1 if no letter or digit was written.
    """
    begin, at = to, start
    behind = np.uint8(1)  # whether a blank here would be one too many
    while at < stop:
        byte = text[at]
        at += 1
        if _NEEDS_LOOK[byte]:
            if byte == CLOSE:
                to -= to > begin and out[to - 1] == BLANK
            elif byte in (COMMA, SEMICOLON, DOT):
                ends = at >= stop or _space_length(text, at, stop) > 0
                to -= ends and to - begin >= 2 and out[to - 1] == BLANK and is_word(out[to - 2])
            else:
                length = _space_length(text, at - 1, stop)
                if length:
                    at += length - 1
                    byte = np.uint8(BLANK)
        # Blanks are frequent and hard to predict: no branch for them.
        out[to] = byte
        to += 1 - (_IS_BLANK[byte] & behind)
        behind = _IS_BLANK_OR_OPEN[byte]
    to -= to > begin and out[to - 1] == BLANK
    at = begin
    while at < to and not _is_word_at(out, at, to):
        at += 1
    if at == to:
        return -1
    if has_literals:
        for place in range(begin, to):
            out[place] = _FROM_MARK[out[place]]
    return to


@jit
def _tidy_line(text, start, stop, line, spare, out, to):
    """Write text[start:stop], tidied; returns the end, or -1 if nothing is left of it."""
    needs = 0
    for at in range(start, stop):
        needs |= _NEEDS[text[at]]
    if needs == 0:
        return _finish(text, start, stop, out, to, False)
    size = stop - start
    for at in range(size):
        line[at] = text[start + at]
    if needs & _QUOTES:
        size = strip_quotes(line, size)
    if needs & _EXTERNAL:
        size = _remove(line, size, EXTERNAL)
    if needs & _DROPPED:
        size = drop_leading_gap(line, size)
        for _ in range(NESTED_PARENTHESES):
            size, again = close_gaps(line, size)
            if not again:
                break
        size = _remove(line, size, DROPPED)
    if needs & _ENTITIES:
        size = decode_entities(line, size, spare)
        return _finish(spare, 0, size, out, to, needs & _LITERALS != 0)
    return _finish(line, 0, size, out, to, needs & _LITERALS != 0)


@jit
def _is_blank_or_dropped(byte):
    return byte in (BLANK, DROPPED)


@jit
def tidy(text, size, keep_headings, line, spare, out):
    """Turn scanned text into paragraphs, list items and (on request) headings, each on one line.

    Consecutive lines of prose are one paragraph, as when rendered.

    Args:
        text: Scanned UTF-8 bytes.
        size: Their number.
        keep_headings: Whether headings stay, as lines of their own.
        line: Scratch space of ``size`` bytes.
        spare: Scratch space of ``GROWTH * size`` bytes.
        out: Space for ``GROWTH * size`` bytes.

    Returns:
        Number of bytes written to ``out``.
    """
    to = 0
    in_paragraph = False
    begin = 0
    while begin <= size:
        end = begin
        while end < size and text[end] != NEWLINE:
            end += 1
        line_start, start, stop = begin, begin, end
        begin = end + 1
        while start < stop and _is_blank_or_dropped(text[start]):
            start += 1
        if start == stop:
            in_paragraph = False
            continue
        first = text[start]
        joins, is_item = in_paragraph, False
        in_paragraph = False
        if first == EQUAL:
            last = stop
            while _is_blank_or_dropped(text[last - 1]):
                last -= 1
            level = 0
            while level < HEADING_LEVELS and text[start + level] == EQUAL and text[last - 1 - level] == EQUAL:
                level += 1
                if 2 * level + 1 > last - start:
                    level -= 1
                    break
            if level:
                if not keep_headings:
                    continue
                start, stop, is_item = start + level, last - level, True
        elif first in (STAR, HASH, COLON, SEMICOLON):
            is_item = True
            while start < stop and (
                text[start] == STAR
                or text[start] == HASH
                or text[start] == COLON
                or text[start] == SEMICOLON
                or text[start] == BLANK
            ):
                start += 1
            first_shown = start
            while first_shown < stop and _is_blank_or_dropped(text[first_shown]):
                first_shown += 1
            if first_shown < stop and text[first_shown] == EXTERNAL:  # a list of links to other sites is navigation
                continue
        elif first in (PIPE, BANG):  # what is left of a table that was never closed
            continue
        if not is_item:
            start = line_start
        place = to + (to > 0)
        written = _tidy_line(text, start, stop, line, spare, out, place)
        if written < 0:
            continue
        if to > 0:
            out[to] = BLANK if joins and not is_item else NEWLINE
        to = written
        in_paragraph = not is_item
    return to
