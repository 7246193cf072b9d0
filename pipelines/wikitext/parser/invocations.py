"""Templates as the scanner closes them: their names, whether they show anything, how many words they hold. Kernels."""

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit, inlined_jit
from berth.kernels.name_table import NOT_FOUND, hash_name, look_up
from pipelines.wikitext.parser.control_bytes import ARGUMENT, DROPPED, END, EQUALS, INVOCATION
from pipelines.wikitext.parser.delimiters import BLANK, COLON, EQUAL, HYPHEN, UNDERSCORE, is_space, lower
from pipelines.wikitext.parser.name_tables import FUNCTION, NAMESPACE, OF_TEMPLATES, TEMPLATE

LONGEST_NAME = 64

_WORD_KIND = np.zeros(256, np.uint8)  # 3: a letter; 2: continues a word; _SEPARATES: between arguments
_SEPARATES = 4
_WORD_KIND[np.frombuffer(b"0123456789_", np.uint8)] = 2
_WORD_KIND[[*range(65, 91), *range(97, 123), *range(128, 256)]] = 3
_WORD_KIND[[INVOCATION, ARGUMENT, EQUALS, END]] = _SEPARATES


@inlined_jit
def normalise_name(text, start, stop, name, names):
    """Normalise the template name text[start:stop] into ``name``: small letters, single blanks, no "Template:".

    Returns:
        Its beginning and end in ``name``, and whether it is longer than that (then only its beginning is there).
    """
    length, pending, colon, is_long = 0, False, -1, False
    for at in range(start, stop):
        byte = text[at]
        if byte == DROPPED:
            continue
        if is_space(byte) or byte == UNDERSCORE:
            pending = length > 0
            continue
        if length + 2 > LONGEST_NAME:
            is_long = True
            break
        if pending:
            name[length] = BLANK
            length += 1
            pending = False
        if byte == COLON and colon < 0:
            colon = length
        name[length] = EQUAL if byte == EQUALS else lower(byte)
        length += 1
    first = 0
    if colon >= 0:
        end = colon
        while end > 0 and name[end - 1] == BLANK:
            end -= 1
        if look_up(names, hash_name(NAMESPACE, name, 0, end)) == OF_TEMPLATES:
            first = colon + 1
            while first < length and name[first] == BLANK:
                first += 1
    return first, length, is_long


@inlined_jit
def is_shown(name, first, length, is_long, names):
    """Whether the template of this normalised name shows anything."""
    if not is_long and look_up(names, hash_name(TEMPLATE, name, first, length)) != NOT_FOUND:
        return True
    if (
        length - first >= 5
        and name[first] == 108  # l
        and name[first + 1] == 97  # a
        and name[first + 2] == 110  # n
        and name[first + 3] == 103  # g
        and name[first + 4] == HYPHEN
    ):
        return True
    end = first
    while end < length and name[end] != COLON:
        end += 1
    return look_up(names, hash_name(FUNCTION, name, first, end)) != NOT_FOUND


@borrowing_jit
def count_words(text, start, stop):
    """The number of words in the values of the arguments in text[start:stop]; names of arguments do not count.

    A word begins with a letter that no letter, digit or "_" precedes.
    """
    words = before = name_words = 0
    in_name = False  # in the name of an inner template
    previous = np.uint8(0)
    one = np.uint64(1)
    at, end = np.uint64(start), np.uint64(stop)
    while at < end:
        kind = _WORD_KIND[text[at]]
        if kind == _SEPARATES:
            byte = text[at]
            if byte == INVOCATION:
                in_name, name_words = True, words
            elif byte == EQUALS:
                words = before
            else:
                words = name_words if in_name else words
                before, in_name = words, False
        words += kind & ~previous & 1
        previous = kind >> 1
        at += one
    return words
