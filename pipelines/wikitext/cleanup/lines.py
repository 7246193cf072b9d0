"""One line of text, tidied: without quotes of bold and italics, entities, gaps and doubled blanks. Kernel."""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit
from berth.kernels.utf8 import character_at, is_alnum, put_character
from pipelines.wikitext.cleanup.blank_runs import (
    close_gap,
    ends_with_bracket,
    hollow_start,
    is_conjunction,
    is_gap,
    is_leading,
    open_gap,
)
from pipelines.wikitext.cleanup.entities import entity_at, is_invisible
from pipelines.wikitext.parser.control_bytes import CELL, DROPPED, EXTERNAL, FORMULA, LITERAL_MARKS, LITERALS, NUMBER
from pipelines.wikitext.parser.delimiters import (
    AMPERSAND,
    APOSTROPHE,
    BLANK,
    CLOSE,
    COMMA,
    DOT,
    OPEN,
    PIPE,
    SEMICOLON,
    is_ascii_alnum,
    is_word,
)

_FROM_MARK = np.arange(256, dtype=np.uint8)
_FROM_MARK[np.frombuffer(LITERAL_MARKS, np.uint8)] = np.frombuffer(LITERALS, np.uint8)

# Classes of bytes: blanks; blanks and "("; all else that is more than itself, first bytes of white space and of
# punctuation beyond ASCII among it.
_IS_BLANK, _IS_OPEN, _IS_SPECIAL = 1, 2, 4
_CLASS = np.zeros(256, np.uint8)
_CLASS[:BLANK] = _IS_SPECIAL
_CLASS[[BLANK, OPEN]] = (_IS_BLANK | _IS_OPEN, _IS_OPEN)
_CLASS[[APOSTROPHE, AMPERSAND, CLOSE, COMMA, SEMICOLON, DOT, 0xC2, 0xE1, 0xE2, 0xE3]] = _IS_SPECIAL


@borrowing_jit
def is_space_character(code):
    """Whether a character is white space, as str.isspace has it."""
    if code < 0x1680:
        return code == BLANK or 9 <= code <= 13 or code == 0x85 or code == 0xA0
    if code > 0x3000:
        return False
    return (
        0x2000 <= code <= 0x200A
        or code == 0x2028
        or code == 0x2029
        or code == 0x202F
        or code == 0x205F
        or code == 0x3000
        or code == 0x1680
    )


@borrowing_jit
def is_alnum_at(line, at):
    """Whether the character at ``at`` is a letter or digit."""
    byte = line[at]
    if byte < 128:
        return is_ascii_alnum(byte)
    if byte < 0xC0:
        return False
    code, _ = character_at(line, at)
    return is_alnum(code)


@borrowing_jit
def _copy_words(text, at, stop, out, to, begin):
    """Copy plain bytes before ``stop`` with single blanks; returns the places behind them.

    Unsigned indices save a test a byte.
    """
    one = np.uint64(1)
    source, end, place = np.uint64(at), np.uint64(stop), np.uint64(to)
    behind = np.uint8(_IS_BLANK) if to == begin else np.uint8(_CLASS[out[to - 1]] >> 1)
    while source < end:
        byte = text[source]
        kind = _CLASS[byte]
        if kind >= _IS_SPECIAL:
            break
        # Blanks are frequent and hard to predict: no branch for them.
        out[place] = byte
        place += one - np.uint64(kind & behind & 1)
        behind = kind >> 1
        source += one
    return np.int64(source), np.int64(place)


@borrowing_jit
def _end_of_cell(out, begin, left, drops_leading, loose, to):
    """Close the gap that is open at the end of a line or cell, and remove the last blank; returns the end."""
    if left >= 0 and not drops_leading:
        to, _ = close_gap(out, begin, left, to, np.int64(0), False)
        if to - begin >= 3 and out[to - 1] == DOT and out[to - 2] == BLANK and is_word(out[to - 3]):
            loose = to  # what stood behind it went
    if to > begin and loose == to:
        out[to - 2] = out[to - 1]
        to -= 1
    return to - (to > begin and out[to - 1] == BLANK)


@borrowing_jit
def tidy_line(text, start, stop, out, begin, apostrophe_at):
    """Write text[start:stop] tidied to ``out`` from ``begin`` on: all but formulas and literals' marks.

    Quotes go by MediaWiki's rules for runs of 4, of more than 5, and for l'''x''.

    Args:
        text: Scanned text.
        start: Where the line begins.
        stop: Where it ends.
        out: Where it goes.
        begin: Where it begins there.
        apostrophe_at: The run of quotes in ``text`` that begins with an apostrophe, -1 if none does.

    Returns:
        The end in ``out``; whether marks of literals or formulas are in it; -1, or the run of quotes that begins with
        an apostrophe: bold and italics are unbalanced, and the line is to be tidied again with that.
    """
    at, to = start, begin
    left = -1  # where the open gap begins, -1 if there is none
    touches = False  # nothing stands behind what was dropped last
    drops_leading = False  # the open gap is at the beginning of the line
    solid = begin  # before this stands only what a gap at the beginning of the line would take with it
    bracket = -1  # behind an opening bracket with something dropped behind it
    dropped_at = -1  # where the last gap was
    loose = -1  # behind a sign that loses the blank before it if a blank or nothing follows
    line_begin = begin  # ``begin`` moves on to the cell that is written
    has_marks = False
    bold = italic = 0
    first_single = first_inside = first_three = -1
    while at < stop:
        byte = text[at]
        if left < 0 and loose != to and _CLASS[byte] < _IS_SPECIAL:
            at, to = _copy_words(text, at, stop, out, to, begin)
            continue
        code, second, end, times = np.int64(byte), np.int64(0), at + 1, 1
        if byte < BLANK:
            if byte == DROPPED:
                if left < 0:
                    left, to, solid, drops_leading = open_gap(out, begin, solid, to)
                    if not drops_leading and bracket >= 0 and is_conjunction(out, bracket, left):
                        to = left = bracket
                    bracket = -1
                touches = True
                at += 1
                continue
            if byte == EXTERNAL:
                at += 1
                continue
            if byte == CELL:
                to = _end_of_cell(out, begin, left, drops_leading, loose, to)
                if to > begin:
                    out[to], out[to + 1], out[to + 2] = BLANK, PIPE, BLANK
                    to += 3
                begin = solid = to
                left, loose, bracket, dropped_at, drops_leading = -1, -1, -1, -1, False
                at += 1
                continue
            if byte == NUMBER and (left >= 0 or to == begin or not 48 <= out[to - 1] <= 57):
                at += 1
                continue
            if 9 <= byte <= 13 or byte == NUMBER:
                code = np.int64(BLANK)
            else:
                has_marks = True
        elif byte == APOSTROPHE:
            while end < stop and text[end] == APOSTROPHE:
                end += 1
            run = end - at
            if run >= 2:
                bold += run != 2
                italic += run == 2 or run >= 5
            if run == 3 or run == 4:
                if first_three < 0:
                    first_three = at
                if at > start and text[at - 1] != BLANK:
                    if first_inside < 0:
                        first_inside = at
                    before = at - 1
                    while before > start and text[before] & 0xC0 == 0x80:
                        before -= 1
                    if first_single < 0 and (before == start or text[before - 1] == BLANK):
                        first_single = at
            times = 1 if run == 1 or run == 4 else run - 5 if run > 5 else 0
            times += at == apostrophe_at and run >= 2
            if times == 0:
                at = end
                continue
        elif byte == AMPERSAND:
            code, second, end = entity_at(text, at, stop)
            if is_invisible(code):
                at = end
                continue
            if code < 0:
                code = np.int64(AMPERSAND)
            elif is_space_character(code):
                code = np.int64(BLANK)
        elif byte >= 0xC0:
            code, length = character_at(text, at)
            end = at + length
            if is_space_character(code):
                code = np.int64(BLANK)
        while left >= 0 and times > 0:
            if drops_leading and is_leading(code):
                times = 0
            elif is_gap(code):
                to = put_character(out, to, code)
                touches = False
                times = 0
            else:
                if not drops_leading:
                    to, is_bracketed = close_gap(out, begin, left, to, code, touches)
                    if is_bracketed:  # the brackets are something dropped, too
                        left, to, solid, drops_leading = open_gap(out, begin, solid, to)
                        touches = True
                        times -= 1
                        continue
                    if loose == left and to > left and out[left] == BLANK:
                        out[left - 2], out[left - 1] = out[left - 1], BLANK
                        to = left
                bracket = to if not drops_leading and ends_with_bracket(out, begin, to) else -1
                dropped_at = left
                left, drops_leading = -1, False
        if times == 0:
            at = end
            continue
        if code == CLOSE and dropped_at >= 0:
            hollow = hollow_start(out, begin, dropped_at, to)
            if hollow >= 0:
                left, to, solid, drops_leading = open_gap(out, begin, solid, hollow)
                touches, bracket, at = True, -1, end
                continue
        if code == BLANK:
            if loose == to and to > begin:
                out[to - 2] = out[to - 1]
                to -= 1
            loose = -1
            if to > begin and out[to - 1] != BLANK and out[to - 1] != OPEN:
                out[to] = BLANK
                to += 1
            at = end
            continue
        loose = -1
        if to > begin and out[to - 1] == BLANK:
            if code == CLOSE:
                to -= 1
            elif (code == COMMA or code == SEMICOLON or code == DOT) and to - begin >= 2 and is_word(out[to - 2]):
                loose = to + 1
        if code < 128:
            for _ in range(times):
                out[to] = code
                to += 1
        else:
            to = put_character(out, to, code)
        if second:
            to = put_character(out, to, second)
        at = end
    to = _end_of_cell(out, begin, left, drops_leading, loose, to)
    if to == begin and begin > line_begin:
        to -= 3
    again = -1
    if apostrophe_at < 0 and bold % 2 and italic % 2:
        again = first_single if first_single >= 0 else first_inside if first_inside >= 0 else first_three
    return to, has_marks, again


@borrowing_jit
def has_alnum(out, begin, stop):
    """Whether a letter or digit is in out[begin:stop]."""
    at = begin
    while at < stop and not is_alnum_at(out, at):
        at += 1
    return at < stop


@borrowing_jit
def marks_to_literals(out, begin, stop):
    """Replace the marks of literals by what they stand for."""
    for at in range(begin, stop):
        if out[at] != FORMULA:
            out[at] = _FROM_MARK[out[at]]
