"""What stands around something dropped: empty brackets, doubled commas, stray blanks. Kernels.

A gap is what was dropped with the blanks and punctuation on both sides of it. While a line is written its gap is open:
blanks and punctuation are appended as they are; the first other character, or the end of the line, closes it.
"""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from berth.kernels import borrowing_jit
from berth.kernels.name_table import NOT_FOUND, Table, hash_range, look_up
from berth.kernels.utf8 import character_at, is_alnum, put_character
from pipelines.wikitext.parser.control_bytes import FORMULA
from pipelines.wikitext.parser.delimiters import BLANK, CLOSE, COLON, HYPHEN, OPEN

EN_DASH = 0x2013
# Punctuation that may stand around something dropped, in Latin, Chinese, Japanese and Arabic script.
GAP_SIGNS = ",;:-–、，；：،؛"
# What goes with it at the beginning of a line, and what no blank or comma stands before.
LEADING_SIGNS = GAP_SIGNS + ".)。）"
STOPS = ".!?,。！？、，؟،۔…।॥"
# Brackets, then quotation marks, that go if nothing is left in them.
BRACKETS = 13
OPENING, CLOSING = "([（「『【〈《［〔⟨〖﴿«“‹„„‘‚‚", ")]）」』】〉》］〕⟩〗﴾»”›“”’‘’"
# Quotation marks that open and close, in some language, what others close and open: they open where a blank or a
# bracket stands before.
OPENING_EITHER, CLOSING_EITHER = "\"'”’»›»›", "\"'”’«‹»›"
# Quotation marks that only close, in any language.
CLOSING_QUOTES = "»›”"
# Words that go from between two things dropped in brackets: ({{IPA|…}} or {{IPA|…}}).
_CONJUNCTIONS = """
    or and oder und ou et o y e ó och eller og of en i и или і або й lub nebo vagy és tai ja veya ve sau și ili in
    أو و یا 或 和 または と 또는
"""
CONJUNCTIONS = tuple(_CONJUNCTIONS.split())
_LONGEST_CONJUNCTION = max(len(word.encode()) for word in CONJUNCTIONS)


def _codes(text: str) -> npt.NDArray[np.int64]:
    return np.array(list(map(ord, text)), np.int64)


_SIGNS, _LEADING, _STOPS, _CLOSING_QUOTES = map(_codes, (GAP_SIGNS, LEADING_SIGNS, STOPS, CLOSING_QUOTES))
_OPENING, _CLOSING = _codes(OPENING), _codes(CLOSING)
_OPENING_EITHER, _CLOSING_EITHER = _codes(OPENING_EITHER), _codes(CLOSING_EITHER)
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
def _is_pair(opening, closing, before, following):
    """Whether two characters stand at the same place of two arrays."""
    place = 0
    while place < len(opening) and (opening[place] != before or closing[place] != following):
        place += 1
    return place < len(opening)


@borrowing_jit
def _may_open(out, begin, at):
    """Whether a quotation mark at ``at`` may open: at the beginning, behind a blank or an opening bracket."""
    behind = character_before(out, begin, at)[0]
    return behind == 0 or behind == BLANK or _find(_OPENING, behind) >= 0


@borrowing_jit
def hollow_start(out, begin, dropped_at, stop):
    """Where the "(" is that a ")" at ``stop`` closes, if something was dropped between and no word is left there.

    Args:
        out: The line as written.
        begin: Where it begins.
        dropped_at: Where something was dropped last.
        stop: Where the line ends.

    Returns:
        The place; -1 if a letter, digit or formula is in the brackets, or nothing was dropped there.
    """
    at = stop
    while at > begin:
        code, at = character_before(out, begin, at)
        if code == OPEN:
            return at if at < dropped_at else -1
        if code == CLOSE or code == FORMULA or is_alnum(code):
            return -1
    return -1


@borrowing_jit
def open_gap(out, begin, solid, to):
    """Begin a gap at the end of what is written of a line.

    Args:
        out: The line as written.
        begin: Where it begins.
        solid: Before this stands only what a gap at the beginning of the line would take with it.
        to: Where it ends.

    Returns:
        Where the gap begins, the end of the line, the new ``solid``, and whether the gap is at the line's beginning.
    """
    solid = min(solid, to)
    while solid < to and is_leading(character_at(out, solid)[0]):
        solid += character_at(out, solid)[1]
    if solid == to:
        return begin, begin, begin, True
    return gap_start(out, begin, to), to, solid, False


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
    is_spaced = to > left and (out[left] == BLANK or out[to - 1] == BLANK)
    if _is_pair(_OPENING, _CLOSING, before, following) or (
        not is_spaced
        and _is_pair(_OPENING_EITHER, _CLOSING_EITHER, before, following)
        and _may_open(out, begin, opening_at)
    ):
        return opening_at, True
    opening, closing = _find(_OPENING, before), _find(_CLOSING, following)
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
