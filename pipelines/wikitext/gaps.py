"""What stands around something dropped: empty brackets, doubled commas, stray blanks. Kernels.

A gap is what was dropped with the blanks and punctuation on both sides of it. While a line is written its gap is open:
blanks and punctuation are appended as they are; the first other character, or the end of the line, closes it.
"""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit
from pipelines.wikitext.hashing import NOT_FOUND, Table, hash_range, look_up
from pipelines.wikitext.signs import BLANK, COLON, HYPHEN
from pipelines.wikitext.utf8 import character_at, put_character

EN_DASH = 0x2013
# Punctuation that may stand around something dropped, in Latin, Chinese, Japanese and Arabic script.
GAP_SIGNS = ",;:-–、，；：،؛"
# What goes with it at the beginning of a line, and what no blank or comma stands before.
LEADING_SIGNS = GAP_SIGNS + ".)。）"
STOPS = ".!?,。！？、，؟،۔…।॥"
# Brackets, then quotation marks, that go if nothing is left in them.
BRACKETS = 11
OPENING, CLOSING = "([（「『【〈《［〔⟨«“‹„‘", ")]）」』】〉》］〕⟩»”›“’"
# The same on both sides: it opens where a blank or a bracket stands before.
STRAIGHT_QUOTE = '"'
# Quotation marks that only close, in any language.
CLOSING_QUOTES = "»›”"
# Words that go from between two things dropped in brackets: ({{IPA|…}} or {{IPA|…}}).
_CONJUNCTIONS = """
    or and oder und ou et o y e ó och eller og of en i и или і або й lub nebo vagy és tai ja veya ve sau și ili in
    أو و یا 或 和 または と 또는
"""
CONJUNCTIONS = tuple(_CONJUNCTIONS.split())
_LONGEST_CONJUNCTION = max(len(word.encode()) for word in CONJUNCTIONS)

_SIGNS, _LEADING, _STOPS, _OPENING, _CLOSING, _CLOSING_QUOTES = (
    np.array(list(map(ord, text)), np.int64)
    for text in (GAP_SIGNS, LEADING_SIGNS, STOPS, OPENING, CLOSING, CLOSING_QUOTES)
)
_STRAIGHT_QUOTE = ord(STRAIGHT_QUOTE)
_WORDS = Table({(0, word.encode()): 1 for word in CONJUNCTIONS})
_KEYS, _NUMBERS = _WORDS.keys, _WORDS.numbers


@borrowing_jit
def _find(codes, code):
    """The place of a code in a short array, -1 if it is not there."""
    for place in range(len(codes)):
        if codes[place] == code:
            return place
    return -1


@borrowing_jit
def is_gap(code):
    """Whether a character belongs to a gap: a blank or a sign of :data:`GAP_SIGNS`."""
    return code == BLANK or _find(_SIGNS, code) >= 0


@borrowing_jit
def is_leading(code):
    """Whether a character goes from the beginning of a line with what was dropped there."""
    return code == BLANK or _find(_LEADING, code) >= 0


@borrowing_jit
def character_before(out, begin, stop):
    """The character that ends at ``stop``, and where it begins; (0, stop) at ``begin``."""
    if stop <= begin:
        return np.int64(0), stop
    at = stop - 1
    while at > begin and out[at] & 0xC0 == 0x80:
        at -= 1
    code, _ = character_at(out, at)
    return code, at


@borrowing_jit
def gap_start(out, begin, stop):
    """Where the gap begins that reaches to ``stop`` in what was written."""
    while True:
        code, at = character_before(out, begin, stop)
        if at == stop or not is_gap(code):
            return stop
        stop = at


@borrowing_jit
def ends_with_bracket(out, begin, stop):
    """Whether an opening bracket ends at ``stop``."""
    return 0 <= _find(_OPENING, character_before(out, begin, stop)[0]) < BRACKETS


@borrowing_jit
def is_conjunction(out, start, stop):
    """Whether out[start:stop] is a word that joins two things."""
    return 0 < stop - start <= _LONGEST_CONJUNCTION and (
        look_up(_KEYS, _NUMBERS, hash_range(0, out, start, stop)) != NOT_FOUND
    )


@borrowing_jit
def _opens_straight(out, begin, before, at):
    """Whether the character ``before`` at ``at`` is a straight quotation mark that opens."""
    behind = character_before(out, begin, at)[0]
    return before == _STRAIGHT_QUOTE and (behind == 0 or behind == BLANK or _find(_OPENING, behind) >= 0)


@borrowing_jit
def close_gap(out, begin, left, to, following, touches):
    """Leave of the gap out[left:to] what belongs between its two sides.

    Args:
        out: The line as written.
        begin: Where it begins.
        left: Where the gap begins.
        to: Where it ends.
        following: The character behind it, 0 at the end of the line.
        touches: Whether nothing stands between that and what was dropped.

    Returns:
        The new end, and whether brackets closed around the gap and went: the gap is then still open.
    """
    before, opening_at = character_before(out, begin, left)
    opening, closing = _find(_OPENING, before), _find(_CLOSING, following)
    if (opening >= 0 and opening == closing) or (
        before == following and _opens_straight(out, begin, before, opening_at)
    ):
        return opening_at, True
    if 0 <= opening < BRACKETS or 0 <= closing < BRACKETS:
        return left, False
    has_space = spaced = False  # spaced: the sign stands between two blanks
    sign = second = last = np.int64(0)
    at = left
    while at < to:
        code, length = character_at(out, at)
        has_space |= code == BLANK
        if sign == 0 and code != BLANK:
            sign = code
        spaced |= code == BLANK and sign != 0 and last == sign and second == BLANK
        second, last = last, code
        at += length
    if before == following and _find(_STOPS, following) >= 0:
        return opening_at, False
    if touches and _find(_CLOSING_QUOTES, following) >= 0:
        return left, False
    if following == 0 or _find(_STOPS, following) >= 0:
        return put_character(out, left, sign) if sign == COLON and following == 0 else left, False
    to = left
    is_dash = sign == EN_DASH or sign == HYPHEN
    if is_dash and spaced:
        out[to] = BLANK
        to += 1
    if sign:
        to = put_character(out, to, sign)
    if spaced if is_dash else has_space:
        out[to] = BLANK
        to += 1
    return to, False
