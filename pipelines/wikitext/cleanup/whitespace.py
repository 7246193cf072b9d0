"""Second pass of the cleaner, compiled: from scanned lines to paragraphs, list items and headings, one a line."""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit, inlined_jit
from berth.kernels.utf8 import character_at
from pipelines.wikitext.cleanup.blank_runs import character_before
from pipelines.wikitext.cleanup.characters import is_unspaced
from pipelines.wikitext.cleanup.formulas import drop_sentences, write_markers
from pipelines.wikitext.cleanup.lines import clean_line, has_alnum, restore_literals
from pipelines.wikitext.parser.control_bytes import CELL, DROPPED, EXTERNAL
from pipelines.wikitext.parser.delimiters import (
    AMPERSAND,
    APOSTROPHE,
    BANG,
    BLANK,
    COLON,
    EQUAL,
    HASH,
    NEWLINE,
    PIPE,
    SEMICOLON,
    STAR,
    end_of_line,
)

HEADING_LEVELS = 6

# First bytes of letters and digits, and of entities for them.
_MAY_BE_ALNUM = np.zeros(256, np.bool_)
_MAY_BE_ALNUM[[AMPERSAND, *range(48, 58), *range(65, 91), *range(97, 123), *range(0xC2, 0xF5)]] = True


@borrowing_jit
def _is_blank_or_dropped(byte):
    return byte == BLANK or byte == DROPPED


@borrowing_jit
def _is_bullet(byte):
    return byte == STAR or byte == HASH or byte == COLON or byte == SEMICOLON


@borrowing_jit
def _quoted_bullets_end(text, start):
    """The end of bullets that are inside quotes and followed by a blank (''* a note''); ``start`` if there are none."""
    bullets = start
    while text[bullets] == APOSTROPHE:
        bullets += 1
    end = bullets
    while _is_bullet(text[end]):
        end += 1
    return end if end > bullets >= start + 2 and text[end] == BLANK else start


@borrowing_jit
def _end_of_term(text, start, stop):
    """The index of the ":" after the term of a definition, ``stop`` if there is none."""
    while start < stop and text[start] != COLON:
        start += 1
    return start


@borrowing_jit
def _join(out, stop, end):
    """Join the paragraph that ends at ``stop`` and the line after it; returns the end.

    A blank goes between them, but not in Chinese and Japanese.
    """
    before, _ = character_before(out, 0, stop)
    following, _ = character_at(out, stop + 1)
    if not (is_unspaced(before) and is_unspaced(following)):
        out[stop] = BLANK
        return end
    for at in range(stop + 1, end):
        out[at - 1] = out[at]
    return end - 1


@inlined_jit
def _heading_level(text, start, stop):
    """The number of "=" on each side of text[start:stop], 0 if this is no heading."""
    level = 0
    while level < HEADING_LEVELS and text[start + level] == EQUAL and text[stop - 1 - level] == EQUAL:
        level += 1
        if 2 * level + 1 > stop - start:
            return level - 1
    return level


@borrowing_jit
def _may_be_shown(text, start, stop):
    """Whether text[start:stop] may hold a letter or digit; nothing is left of a line without any."""
    while start < stop and not _MAY_BE_ALNUM[text[start]]:
        start += 1
    return start < stop


@inlined_jit
def _write_line(text, start, stop, drops_formulas, out, begin):
    """Write text[start:stop], cleaned, to ``out`` from ``begin`` on; returns the end, or -1 if nothing is left."""
    if not _may_be_shown(text, start, stop):
        return -1
    to, has_controls, apostrophe_at = clean_line(text, start, stop, out, begin, -1)
    if apostrophe_at >= 0:
        to, has_controls, _ = clean_line(text, start, stop, out, begin, apostrophe_at)
    if has_controls and drops_formulas:
        to = drop_sentences(out, begin, to)
    if not has_alnum(out, begin, to):
        return -1
    if has_controls:
        restore_literals(out, begin, to)
        to = write_markers(out, begin, to)
    return to


@borrowing_jit
def clean_lines(text, size, keeps_headings, drops_formulas, out):
    """Turn scanned text into paragraphs, list items and (on request) headings, each on one line.

    Consecutive lines of prose are one paragraph, as when rendered. Rows of tables remain lines of their own.

    Args:
        text: Scanned UTF-8 bytes, followed by a line feed and zeros; uint8.
        size: Their number.
        keeps_headings: Whether headings are kept, as lines of their own.
        drops_formulas: Whether sentences with formulas are dropped; otherwise a marker replaces each formula.
        out: Space for ``GROWTH * size`` bytes and ``MARKER_GROWTH`` more for each formula.

    Returns:
        Number of bytes written to ``out``.
    """
    to = 0
    in_paragraph = False
    begin = 0
    while begin <= size:
        line_start, start, stop = begin, begin, end_of_line(text, begin)
        begin = stop + 1
        while start < stop and _is_blank_or_dropped(text[start]):
            start += 1
        if start == stop:
            in_paragraph = False
            continue
        first = text[start]
        joins, is_item, is_term = in_paragraph, False, False
        in_paragraph = False
        if first == EQUAL:
            last = stop
            while _is_blank_or_dropped(text[last - 1]):
                last -= 1
            level = _heading_level(text, start, last)
            if level:
                if not keeps_headings:
                    continue
                start, stop, is_item = start + level, last - level, True
        elif _is_bullet(first):
            is_item = True
            while start < stop and (_is_bullet(text[start]) or text[start] == BLANK):
                is_term = text[start] == SEMICOLON or (is_term and text[start] == BLANK)
                start += 1
            first_shown = start
            while first_shown < stop and _is_blank_or_dropped(text[first_shown]):
                first_shown += 1
            if first_shown < stop and text[first_shown] == EXTERNAL:  # a list of links to other sites is navigation
                continue
        elif first == CELL:
            is_item = True
        elif first == APOSTROPHE:
            bullets_end = _quoted_bullets_end(text, start)
            is_item, start = bullets_end > start, bullets_end
        elif first == PIPE or first == BANG:  # what is left of a table that was never closed
            continue
        if not is_item:
            start = line_start
        written = -1
        while start < stop:  # a term, then its definition; else all at once
            end = _end_of_term(text, start, stop) if is_term else stop
            line_begin = written + 2 if written >= 0 else to + (to > 0)
            line_stop = _write_line(text, start, end, drops_formulas, out, line_begin)
            if line_stop >= 0:
                if written >= 0:
                    out[written], out[written + 1] = COLON, BLANK
                written = line_stop
            start, is_term = end + 1, False
        if written < 0:
            continue
        if joins and not is_item:
            written = _join(out, to, written)
        elif to > 0:
            out[to] = NEWLINE
        to = written
        in_paragraph = not is_item
    return to
