"""Decoding HTML's entities in wikitext. Kernels."""

from __future__ import annotations

from html.entities import html5

import numpy as np
import numpy.typing as npt

from berth.kernels import borrowing_jit
from berth.kernels.name_table import NOT_FOUND, hash_name, look_up, name_table
from pipelines.wikitext.parser.delimiters import BLANK, HASH, SEMICOLON, is_ascii_alnum

LONGEST_ENTITY = 32
# An entity of five bytes may become six.
GROWTH = 2


def _entities() -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int64]]:
    """HTML's named entities: a name table, and the one or two (else 0) code points of each."""
    names = sorted(name[:-1] for name in html5 if name.endswith(";") and len(name) <= LONGEST_ENTITY + 1)
    table = name_table({(0, name.encode()): number for number, name in enumerate(names)})
    codes = [[*map(ord, html5[name + ";"]), 0][:2] for name in names]
    return table, np.array(codes, np.int64)


_NAMES, _CODES = _entities()


@borrowing_jit
def entity_at(text, at, stop):
    """The entity that begins with the "&" at ``at``.

    Returns:
        Its code point (a blank for what is no character), its second one or 0, and the index after it; -1 for the
        code point if there is no entity.
    """
    end = at + 1
    if end < stop and text[end] == HASH:
        end += 1
        is_hex = end < stop and (text[end] == 120 or text[end] == 88)  # x, X
        end += is_hex
        digits, value = 0, np.int64(0)
        limit = 6 if is_hex else 7
        while end < stop and digits < limit:
            byte = text[end]
            if 48 <= byte <= 57:
                digit = byte - 48
            elif is_hex and 97 <= (byte | 32) <= 102:
                digit = (byte | 32) - 87
            else:
                break
            value = value * (16 if is_hex else 10) + digit
            digits += 1
            end += 1
        if not digits or end >= stop or text[end] != SEMICOLON:
            return np.int64(-1), np.int64(0), at + 1
        is_character = 0x20 < value <= 0x10FFFF and not 0xD800 <= value <= 0xDFFF
        return value if is_character else np.int64(BLANK), np.int64(0), end + 1
    while end < stop and end - at <= LONGEST_ENTITY and is_ascii_alnum(text[end]):
        end += 1
    if end < stop and text[end] == SEMICOLON and end - at >= 3 and text[at + 1] > 57:
        entity = look_up(_NAMES, hash_name(0, text, at + 1, end))
        if entity != NOT_FOUND:
            first = _CODES[entity, 0]
            return first if first > BLANK else np.int64(BLANK), _CODES[entity, 1], end + 1
    return np.int64(-1), np.int64(0), at + 1
