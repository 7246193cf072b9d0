"""Links that show no text: to files, categories and pages in other languages. Kernels."""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

from berth.kernels import borrowing_jit
from berth.kernels.hashing import add_byte
from berth.kernels.name_table import NOT_FOUND, begin_hash, hash_name, look_up
from pipelines.wikitext.parser.delimiters import BLANK, COLON, DOT, HYPHEN, UNDERSCORE, is_space, lower
from pipelines.wikitext.parser.name_tables import EXTENSION, HIDDEN, LANGUAGE, NAMESPACE, OF_FILES, SHOWN

LONGEST_EXTENSION = 8


@borrowing_jit
def _is_language(text, start, stop):
    """Whether text[start:stop] is two or three small letters, optionally with more after hyphens."""
    at = start
    while at < stop and 97 <= text[at] <= 122:
        at += 1
    if not 2 <= at - start <= 3:
        return False
    while at < stop:
        if text[at] != HYPHEN or at + 1 >= stop or not 97 <= text[at + 1] <= 122:
            return False
        at += 1
        while at < stop and 97 <= text[at] <= 122:
            at += 1
    return True


@borrowing_jit
def hidden_kind(text, start, stop, names):
    """SHOWN for a link that shows text; OF_FILES; HIDDEN for a category or a page in another language."""
    colon = start
    while colon < stop and text[colon] != COLON:
        colon += 1
    first, last = start, colon
    while first < last and is_space(text[first]):
        first += 1
    while last > first and is_space(text[last - 1]):
        last -= 1
    if colon == stop or first == last:
        return SHOWN
    value = begin_hash(NAMESPACE)
    for at in range(first, last):
        byte = text[at]
        value = add_byte(value, BLANK if byte == UNDERSCORE else lower(byte))
    number = look_up(names, value)
    if number == HIDDEN or number == OF_FILES:
        return number
    if number == NOT_FOUND and (
        _is_language(text, first, last) or look_up(names, hash_name(LANGUAGE, text, first, last)) != NOT_FOUND
    ):
        return HIDDEN
    while stop > start and is_space(text[stop - 1]):
        stop -= 1
    dot = stop
    while dot > start and stop - dot < LONGEST_EXTENSION and text[dot - 1] != DOT:
        dot -= 1
    if dot == start or text[dot - 1] != DOT:
        return SHOWN
    value = begin_hash(EXTENSION)
    for at in range(dot, stop):
        value = add_byte(value, lower(text[at]))
    return OF_FILES if look_up(names, value) != NOT_FOUND else SHOWN
