"""What surrounds something dropped: empty brackets, doubled commas, superfluous blanks. Kernels.

A blank run is something dropped and the blanks and punctuation on both sides of it. While a line is written, its run is
open: blanks and punctuation are appended as they are; the first other character, or the end of the line, closes it.
"""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from berth.kernels import borrowing_jit
from berth.kernels.name_table import NOT_FOUND, hash_name, look_up, name_table
from berth.kernels.utf8 import character_at, put_character
from pipelines.wikitext.cleanup.characters import is_alnum
from pipelines.wikitext.parser.control_bytes import FORMULA
from pipelines.wikitext.parser.delimiters import BLANK, CLOSE, COLON, HYPHEN, OPEN

EN_DASH = 0x2013
# Punctuation of a blank run, in Latin, Chinese, Japanese and Arabic script.
RUN_PUNCTUATION = ",;:-–、，；：،؛"
# Punctuation that is dropped with it at the beginning of a line; punctuation that no blank or comma precedes.
LEADING_PUNCTUATION = RUN_PUNCTUATION + ".)。）"
STOPS = ".!?,。！？、，؟،۔…।॥"
# Pairs of brackets, then of quotation marks, that are dropped if nothing is left in them.
BRACKETS = 13
OPENING, CLOSING = "([（「『【〈《［〔⟨〖﴿«“‹„„‘‚‚", ")]）」』】〉》］〕⟩〗﴾»”›“”’‘’"
# Quotation marks that open in some languages and close in others: they open after a blank or a bracket.
OPENING_EITHER, CLOSING_EITHER = "\"'”’»›»›", "\"'”’«‹»›"
# Quotation marks that only close, in any language.
CLOSING_QUOTES = "»›”"
# Words that are dropped from between two things dropped in brackets: ({{IPA|…}} or {{IPA|…}}).
_CONJUNCTIONS = """
    or and oder und ou et o y e ó och eller og of en i и или і або й lub nebo vagy és tai ja veya ve sau și ili in
    أو و یا 或 和 または と 또는
"""
CONJUNCTIONS = tuple(_CONJUNCTIONS.split())
_LONGEST_CONJUNCTION = max(len(word.encode()) for word in CONJUNCTIONS)


def _codes(text: str) -> npt.NDArray[np.int64]:
    return np.array(list(map(ord, text)), np.int64)


_PUNCTUATION, _LEADING, _STOPS, _CLOSING_QUOTES = map(
    _codes, (RUN_PUNCTUATION, LEADING_PUNCTUATION, STOPS, CLOSING_QUOTES)
)
_OPENING, _CLOSING = _codes(OPENING), _codes(CLOSING)
_OPENING_EITHER, _CLOSING_EITHER = _codes(OPENING_EITHER), _codes(CLOSING_EITHER)
_CONJUNCTION_NAMES = name_table({(0, word.encode()): 1 for word in CONJUNCTIONS})


@borrowing_jit
def _find(codes, code):
    """The index of a code point in a short array, -1 if it is not there."""
    for index in range(len(codes)):
        if codes[index] == code:
            return index
    return -1


@borrowing_jit
def is_in_run(code):
    """Whether a character belongs to a blank run: a blank or one of :data:`RUN_PUNCTUATION`."""
    return code == BLANK or _find(_PUNCTUATION, code) >= 0


@borrowing_jit
def is_leading(code):
    """Whether a character is dropped from the beginning of a line with what was dropped there."""
    return code == BLANK or _find(_LEADING, code) >= 0


@borrowing_jit
def character_before(out, begin, stop):
    """The code point of the character that ends at ``stop``, and its index; (0, stop) at ``begin``."""
    if stop <= begin:
        return np.int64(0), stop
    at = stop - 1
    while at > begin and out[at] & 0xC0 == 0x80:
        at -= 1
    code, _ = character_at(out, at)
    return code, at


@borrowing_jit
def run_start(out, begin, stop):
    """The beginning of the blank run that reaches to ``stop`` in what was written."""
    while True:
        code, at = character_before(out, begin, stop)
        if at == stop or not is_in_run(code):
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
        look_up(_CONJUNCTION_NAMES, hash_name(0, out, start, stop)) != NOT_FOUND
    )


@borrowing_jit
def _is_pair(opening, closing, before, following):
    """Whether two code points are a pair of brackets or quotation marks."""
    pair = 0
    while pair < len(opening) and (opening[pair] != before or closing[pair] != following):
        pair += 1
    return pair < len(opening)


@borrowing_jit
def _may_open(out, begin, at):
    """Whether a quotation mark at ``at`` may open: at the beginning, after a blank or an opening bracket."""
    before = character_before(out, begin, at)[0]
    return before == 0 or before == BLANK or _find(_OPENING, before) >= 0


@borrowing_jit
def empty_brackets_start(out, begin, dropped_at, stop):
    """The "(" that a ")" at ``stop`` closes, if something was dropped between them and no word is left there.

    Args:
        out: The line as written.
        begin: Its first index.
        dropped_at: The index where something was dropped last.
        stop: The index after the line as written.

    Returns:
        The index of the "("; -1 if a letter, digit or formula is in the brackets, or nothing was dropped there.
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
def open_run(out, begin, solid, to):
    """Begin a blank run at the end of what is written of a line.

    Args:
        out: The line as written.
        begin: Its first index.
        solid: Before this index is only what a run at the beginning of the line would drop.
        to: The index after the line as written.

    Returns:
        The beginning of the run, the end of the line, the new ``solid``, and whether the run is at the line's
        beginning.
    """
    solid = min(solid, to)
    while solid < to and is_leading(character_at(out, solid)[0]):
        solid += character_at(out, solid)[1]
    if solid == to:
        return begin, begin, begin, True
    return run_start(out, begin, to), to, solid, False


@borrowing_jit
def close_run(out, begin, left, to, following, touches):
    """Keep of the blank run out[left:to] what belongs between its two sides.

    Args:
        out: The line as written.
        begin: Its first index.
        left: The beginning of the run.
        to: Its end.
        following: The code point after it, 0 at the end of the line.
        touches: Whether nothing is between that and what was dropped.

    Returns:
        The new end, and whether brackets around the run were dropped with it: the run is then still open.
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
    has_space = spaced = False  # spaced: the first punctuation is between two blanks
    punctuation = second = last = np.int64(0)
    at = left
    while at < to:
        code, length = character_at(out, at)
        has_space |= code == BLANK
        if punctuation == 0 and code != BLANK:
            punctuation = code
        spaced |= code == BLANK and punctuation != 0 and last == punctuation and second == BLANK
        second, last = last, code
        at += length
    if before == following and _find(_STOPS, following) >= 0:
        return opening_at, False
    if touches and _find(_CLOSING_QUOTES, following) >= 0:
        return left, False
    if following == 0 or _find(_STOPS, following) >= 0:
        return put_character(out, left, punctuation) if punctuation == COLON and following == 0 else left, False
    to = left
    is_dash = punctuation == EN_DASH or punctuation == HYPHEN
    if is_dash and spaced:
        out[to] = BLANK
        to += 1
    if punctuation:
        to = put_character(out, to, punctuation)
    if spaced if is_dash else has_space:
        out[to] = BLANK
        to += 1
    return to, False
