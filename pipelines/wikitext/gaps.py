"""What stands around something dropped: empty parentheses, doubled commas, stray blanks. Kernels."""

from __future__ import annotations

import numpy as np

from berth.kernels import jit
from pipelines.wikitext.marks import DROPPED
from pipelines.wikitext.signs import BANG, BLANK, CLOSE, COLON, COMMA, DOT, HYPHEN, OPEN, QUESTION, SEMICOLON, TAB
from pipelines.wikitext.utf8 import put_character

EN_DASH = 0x2013
EN_DASH_0, EN_DASH_1, EN_DASH_2 = 0xE2, 0x80, 0x93  # in UTF-8


@jit
def _gap_length(line, at, size):
    """Length in bytes of a character that may stand around something dropped, 0 for others."""
    byte = line[at]
    if byte in (BLANK, COMMA, SEMICOLON, COLON, HYPHEN):
        return 1
    if byte == EN_DASH_0 and at + 2 < size and line[at + 1] == EN_DASH_1 and line[at + 2] == EN_DASH_2:
        return 3
    return 0


@jit
def drop_leading_gap(line, size):
    """Remove punctuation at the beginning of a line that something dropped left there."""
    at, dropped = 0, False
    while at < size:
        byte = line[at]
        length = 1
        if byte == DROPPED:
            dropped = True
        elif byte != TAB and byte != DOT and byte != CLOSE:
            length = _gap_length(line, at, size)
            if length == 0:
                break
        at += length
    if not dropped:
        return size
    for to in range(size - at):
        line[to] = line[at + to]
    return size - at


@jit
def _gap_start(line, stop):
    """Where the gap characters begin that end at ``stop``."""
    at = stop
    while at > 0:
        byte = line[at - 1]
        if byte in (BLANK, COMMA, SEMICOLON, COLON, HYPHEN):
            at -= 1
        elif byte == EN_DASH_2 and at >= 3 and line[at - 2] == EN_DASH_1 and line[at - 3] == EN_DASH_0:
            at -= 3
        else:
            break
    return at


@jit
def _close_gap(line, left, to, at, stop, size):
    """Write from ``left`` on what stays of a gap: line[left:to], what was dropped, line[at:stop]; returns the end."""
    sign = np.int64(0)
    has_space = False
    spaced = False  # " – ": the sign between two blanks, marks aside
    before = last = np.int64(0)
    for begin, end in ((left, to), (at, stop)):
        place = begin
        while place < end:
            if line[place] == DROPPED:
                place += 1
                continue
            length = _gap_length(line, place, end)
            code = np.int64(EN_DASH) if length == 3 else np.int64(line[place])
            has_space |= code == BLANK
            if sign == 0 and code != BLANK:
                sign = code
            spaced |= code == BLANK and last == sign and sign != 0 and before == BLANK
            before, last = last, code
            place += length
    following = line[stop] if stop < size else 0
    to = left
    if stop >= size or following in (DOT, BANG, QUESTION, COMMA):
        return put_character(line, to, sign) if sign == COLON and stop >= size else to
    is_dash = sign in (EN_DASH, HYPHEN)
    if is_dash and spaced:
        line[to] = BLANK
        to += 1
    if sign:
        to = put_character(line, to, sign)
    if spaced if is_dash else has_space:
        line[to] = BLANK
        to += 1
    return to


@jit
def close_gaps(line, size):
    """Join what stood around something dropped: no empty parentheses, doubled commas or stray blanks.

    Returns:
        The new size, and whether parentheses went as a whole, which makes a new gap.
    """
    at = to = 0
    again = False
    while at < size:
        if line[at] != DROPPED:
            line[to] = line[at]
            at += 1
            to += 1
            continue
        left = _gap_start(line, to)
        stop = at
        while stop < size:
            length = 1 if line[stop] == DROPPED else _gap_length(line, stop, size)
            if length == 0:
                break
            stop += length
        is_open = left > 0 and line[left - 1] == OPEN
        is_closed = stop < size and line[stop] == CLOSE
        if is_open and is_closed:
            to = left
            line[to - 1] = DROPPED
            again = True
        elif is_open:
            to = left
        elif is_closed:
            line[left] = CLOSE
            to = left + 1
        else:
            to = _close_gap(line, left, to, at, stop, size)
        at = stop + is_closed
    return to, again
