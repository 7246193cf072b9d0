"""Second pass of the cleaner, compiled: scanned lines → paragraphs, list items and headings, each on one line."""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit, inlined_jit
from pipelines.wikitext.formulas import drop_sentences, write_markers
from pipelines.wikitext.lines import has_alnum, marks_to_literals, tidy_line
from pipelines.wikitext.marks import CELL, DROPPED, EXTERNAL
from pipelines.wikitext.signs import AMPERSAND, BANG, BLANK, COLON, EQUAL, HASH, NEWLINE, PIPE, SEMICOLON, STAR

HEADING_LEVELS = 6

# First bytes of letters and digits, and of entities for them.
_MAY_BE_ALNUM = np.zeros(256, np.bool_)
_MAY_BE_ALNUM[[AMPERSAND, *range(48, 58), *range(65, 91), *range(97, 123), *range(0xC2, 0xF5)]] = True


@borrowing_jit
def _is_blank_or_dropped(byte):
    return byte == BLANK or byte == DROPPED


@borrowing_jit
def _end_of_line(text, at):
    """Where the line ends that ``at`` is in; behind the text stands a line feed."""
    place = np.uint64(at)
    while text[place] != NEWLINE:
        place += np.uint64(1)
    return np.int64(place)


@inlined_jit
def _heading_level(text, start, stop):
    """The number of "=" on each side of text[start:stop], 0 if it is no heading."""
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
def _write_line(text, start, stop, drops_formulas, out, place):
    """Write text[start:stop] tidied to ``place``; returns the end, or -1 if nothing is left of it."""
    if not _may_be_shown(text, start, stop):
        return -1
    to, has_marks, apostrophe_at = tidy_line(text, start, stop, out, place, -1)
    if apostrophe_at >= 0:
        to, has_marks, _ = tidy_line(text, start, stop, out, place, apostrophe_at)
    if has_marks and drops_formulas:
        to = drop_sentences(out, place, to)
    if not has_alnum(out, place, to):
        return -1
    if has_marks:
        marks_to_literals(out, place, to)
        to = write_markers(out, place, to)
    return to


@borrowing_jit
def tidy(text, size, keeps_headings, drops_formulas, out):
    """Turn scanned text into paragraphs, list items and (on request) headings, each on one line.

    Consecutive lines of prose are one paragraph, as when rendered. Rows of tables stay lines of their own.

    Args:
        text: Scanned UTF-8 bytes, a line feed and zeros behind them.
        size: Their number.
        keeps_headings: Whether headings stay, as lines of their own.
        drops_formulas: Whether sentences with formulas go; otherwise a marker stands for each formula.
        out: Space for ``GROWTH * size`` bytes and ``MARKER_GROWTH`` more for each formula.

    Returns:
        Number of bytes written to ``out``.
    """
    to = 0
    in_paragraph = False
    begin = 0
    while begin <= size:
        line_start, start, stop = begin, begin, _end_of_line(text, begin)
        begin = stop + 1
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
            level = _heading_level(text, start, last)
            if level:
                if not keeps_headings:
                    continue
                start, stop, is_item = start + level, last - level, True
        elif first == STAR or first == HASH or first == COLON or first == SEMICOLON:
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
        elif first == CELL:
            is_item = True
        elif first == PIPE or first == BANG:  # what is left of a table that was never closed
            continue
        if not is_item:
            start = line_start
        written = _write_line(text, start, stop, drops_formulas, out, to + (to > 0))
        if written < 0:
            continue
        if to > 0:
            out[to] = BLANK if joins and not is_item else NEWLINE
        to = written
        in_paragraph = not is_item
    return to
