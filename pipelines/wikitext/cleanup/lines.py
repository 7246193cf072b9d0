"""Cleaning one line of text: quotes of bold and italics, entities, blank runs and doubled blanks. Kernel."""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit
from berth.kernels.utf8 import character_at, put_character
from pipelines.wikitext.cleanup.blank_runs import (
    close_run,
    empty_brackets_start,
    ends_with_bracket,
    is_conjunction,
    is_in_run,
    is_leading,
    open_run,
)
from pipelines.wikitext.cleanup.characters import is_alnum_at, is_invisible, is_space_character
from pipelines.wikitext.cleanup.entities import entity_at
from pipelines.wikitext.parser.control_bytes import CELL, DROPPED, EXTERNAL, FORMULA, LITERAL_CONTROLS, LITERALS, NUMBER
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
    is_word,
)

_FROM_CONTROL = np.arange(256, dtype=np.uint8)
_FROM_CONTROL[np.frombuffer(LITERAL_CONTROLS, np.uint8)] = np.frombuffer(LITERALS, np.uint8)

# Classes of bytes: blanks; blanks and "("; all others that are not simply copied, among them the first bytes of white
# space and punctuation beyond ASCII.
_IS_BLANK, _IS_OPEN, _IS_SPECIAL = 1, 2, 4
_CLASS = np.zeros(256, np.uint8)
_CLASS[:BLANK] = _IS_SPECIAL
_CLASS[[BLANK, OPEN]] = (_IS_BLANK | _IS_OPEN, _IS_OPEN)
_CLASS[[APOSTROPHE, AMPERSAND, CLOSE, COMMA, SEMICOLON, DOT, 0xC2, 0xE1, 0xE2, 0xE3]] = _IS_SPECIAL


@borrowing_jit
def _copy_words(text, at, stop, out, to, begin):
    """Copy plain bytes before ``stop`` with single blanks; returns the indices after them in both arrays.

    Unsigned indices save a test for each byte.
    """
    one = np.uint64(1)
    source, end, index = np.uint64(at), np.uint64(stop), np.uint64(to)
    previous = np.uint8(_IS_BLANK) if to == begin else np.uint8(_CLASS[out[to - 1]] >> 1)
    while source < end:
        byte = text[source]
        kind = _CLASS[byte]
        if kind >= _IS_SPECIAL:
            break
        # Blanks are frequent and hard to predict: no branch for them.
        out[index] = byte
        index += one - np.uint64(kind & previous & 1)
        previous = kind >> 1
        source += one
    return np.int64(source), np.int64(index)


@borrowing_jit
def _end_of_cell(out, begin, left, drops_leading, loose, to):
    """Close the blank run that is open at the end of a line or cell, and remove the last blank; returns the end."""
    if left >= 0 and not drops_leading:
        to, _ = close_run(out, begin, left, to, np.int64(0), False)
        if to - begin >= 3 and out[to - 1] == DOT and out[to - 2] == BLANK and is_word(out[to - 3]):
            loose = to  # what followed it was dropped
    if to > begin and loose == to:
        out[to - 2] = out[to - 1]
        to -= 1
    return to - (to > begin and out[to - 1] == BLANK)


@borrowing_jit
def clean_line(text, start, stop, out, begin, apostrophe_at):
    """Write text[start:stop], cleaned, to ``out`` from ``begin`` on; formulas and literals remain control bytes.

    Quotes follow MediaWiki's rules for 4, for more than 5, and for l'''x''.

    Args:
        text: Scanned text.
        start: The line's first index.
        stop: The index after it.
        out: Receives the line.
        begin: Its first index there.
        apostrophe_at: Index of the quotes in ``text`` that begin with an apostrophe, -1 if none do.

    Returns:
        The end in ``out``; whether control bytes for literals or formulas are in it; -1, or the index of the quotes
        that begin with an apostrophe: bold and italics are unbalanced, and the line is to be cleaned again with that.
    """
    at, to = start, begin
    left = -1  # the beginning of the open blank run, -1 if there is none
    touches = False  # nothing follows what was dropped last
    drops_leading = False  # the open run is at the beginning of the line
    solid = begin  # before this index is only what a run at the beginning of the line would drop
    bracket = -1  # the index after an opening bracket that is followed by something dropped
    dropped_at = -1  # the beginning of the last run
    loose = -1  # the index after punctuation that loses the blank before it if a blank or nothing follows
    line_begin = begin  # ``begin`` moves on to the cell that is written
    has_controls = False
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
                    left, to, solid, drops_leading = open_run(out, begin, solid, to)
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
                has_controls = True
        elif byte == APOSTROPHE:
            while end < stop and text[end] == APOSTROPHE:
                end += 1
            quotes = end - at
            if quotes >= 2:
                bold += quotes != 2
                italic += quotes == 2 or quotes >= 5
            if quotes == 3 or quotes == 4:
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
            times = 1 if quotes == 1 or quotes == 4 else quotes - 5 if quotes > 5 else 0
            times += at == apostrophe_at and quotes >= 2
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
            elif is_in_run(code):
                to = put_character(out, to, code)
                touches = False
                times = 0
            else:
                if not drops_leading:
                    to, is_bracketed = close_run(out, begin, left, to, code, touches)
                    if is_bracketed:  # the brackets are something dropped, too
                        left, to, solid, drops_leading = open_run(out, begin, solid, to)
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
            hollow = empty_brackets_start(out, begin, dropped_at, to)
            if hollow >= 0:
                left, to, solid, drops_leading = open_run(out, begin, solid, hollow)
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
    return to, has_controls, again


@borrowing_jit
def has_alnum(out, begin, stop):
    """Whether a letter or digit is in out[begin:stop]."""
    at = begin
    while at < stop and not is_alnum_at(out, at):
        at += 1
    return at < stop


@borrowing_jit
def restore_literals(out, begin, stop):
    """Replace the control bytes of literals by the literals."""
    for at in range(begin, stop):
        if out[at] != FORMULA:
            out[at] = _FROM_CONTROL[out[at]]
