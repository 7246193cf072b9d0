"""HTML's entities in wikitext, decoded. Kernels."""

from __future__ import annotations

from html.entities import html5

import numpy as np
import numpy.typing as npt

from berth.kernels import jit
from pipelines.wikitext.hashing import NOT_FOUND, Table, hash_range, look_up
from pipelines.wikitext.signs import AMPERSAND, BLANK, HASH, NEWLINE, SEMICOLON, TAB, is_ascii_alnum
from pipelines.wikitext.utf8 import put_character

LONGEST_ENTITY = 32
# An entity of five bytes may become six.
GROWTH = 2


def _entities() -> tuple[Table, npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """HTML's named entities: name → number, all their text in UTF-8, and where each one's begins."""
    names = sorted(name[:-1] for name in html5 if name.endswith(";") and len(name) <= LONGEST_ENTITY + 1)
    texts = [html5[name + ";"].encode() for name in names]
    table = Table({(0, name.encode()): number for number, name in enumerate(names)})
    starts = np.cumsum([0, *(len(text) for text in texts)]).astype(np.int64)
    return table, np.frombuffer(b"".join(texts), np.uint8).copy(), starts


_ENTITY_TABLE, _ENTITY_TEXT, _ENTITY_STARTS = _entities()
_ENTITY_KEYS, _ENTITY_NUMBERS = _ENTITY_TABLE.keys, _ENTITY_TABLE.numbers


@jit
def decode_entities(line, size, into):
    """Copy ``line`` with the characters that its entities name; unknown entities stay."""
    at = to = 0
    while at < size:
        if line[at] != AMPERSAND:
            into[to] = line[at]
            at += 1
            to += 1
            continue
        end, code = at + 1, np.int64(-1)
        if end < size and line[end] == HASH:
            end += 1
            is_hex = end < size and (line[end] == 120 or line[end] == 88)  # x, X
            end += is_hex
            digits, value = 0, np.int64(0)
            limit = 6 if is_hex else 7
            while end < size and digits < limit:
                byte = line[end]
                if 48 <= byte <= 57:
                    digit = byte - 48
                elif is_hex and 97 <= (byte | 32) <= 102:
                    digit = (byte | 32) - 87
                else:
                    break
                value = value * (16 if is_hex else 10) + digit
                digits += 1
                end += 1
            if digits and end < size and line[end] == SEMICOLON:
                code = value
        else:
            while end < size and end - at <= LONGEST_ENTITY and is_ascii_alnum(line[end]):
                end += 1
            if end < size and line[end] == SEMICOLON and end - at >= 3 and line[at + 1] > 57:
                entity = look_up(_ENTITY_KEYS, _ENTITY_NUMBERS, hash_range(0, line, at + 1, end))
                if entity != NOT_FOUND:
                    for byte in range(_ENTITY_STARTS[entity], _ENTITY_STARTS[entity + 1]):
                        into[to] = _ENTITY_TEXT[byte]
                        to += 1
                    at = end + 1
                    continue
        if code < 0:
            into[to] = AMPERSAND
            at += 1
            to += 1
            continue
        if code in (TAB, NEWLINE) or code == 13:
            code = np.int64(BLANK)
        if code >= 0x20 and not 0xD800 <= code <= 0xDFFF and code <= 0x10FFFF:
            to = put_character(into, to, code)
        at = end + 1
    return to
