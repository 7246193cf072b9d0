"""Characters in UTF-8 bytes, for kernels."""

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit

# Which characters are letters or digits, one bit a code point.
_ALNUM = np.packbits(np.array([chr(code).isalnum() for code in range(0x110000)], np.bool_), bitorder="little")


@borrowing_jit
def character_at(line, at):
    """The code point at ``at`` of well-formed UTF-8, and its length."""
    first = np.int64(line[at])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return ((first & 0x1F) << 6) | (line[at + 1] & 0x3F), 2
    if first < 0xF0:
        return ((first & 0x0F) << 12) | ((line[at + 1] & 0x3F) << 6) | (line[at + 2] & 0x3F), 3
    high = ((first & 0x07) << 18) | ((line[at + 1] & 0x3F) << 12)
    return high | ((line[at + 2] & 0x3F) << 6) | (line[at + 3] & 0x3F), 4


@borrowing_jit
def put_character(line, at, code):
    """Write a code point as UTF-8; returns the place behind it."""
    if code < 0x80:
        line[at] = code
        return at + 1
    if code < 0x800:
        line[at] = 0xC0 | (code >> 6)
        line[at + 1] = 0x80 | (code & 0x3F)
        return at + 2
    if code < 0x10000:
        line[at] = 0xE0 | (code >> 12)
        line[at + 1] = 0x80 | ((code >> 6) & 0x3F)
        line[at + 2] = 0x80 | (code & 0x3F)
        return at + 3
    line[at] = 0xF0 | (code >> 18)
    line[at + 1] = 0x80 | ((code >> 12) & 0x3F)
    line[at + 2] = 0x80 | ((code >> 6) & 0x3F)
    line[at + 3] = 0x80 | (code & 0x3F)
    return at + 4


@borrowing_jit
def is_alnum(code):
    """Whether a character is a letter or digit."""
    return (_ALNUM[code >> 3] >> (code & 7)) & 1 != 0


@borrowing_jit
def is_unspaced(code):
    """Whether a character belongs to the Chinese or Japanese script, which has no blanks between words."""
    return (
        0x3000 <= code <= 0x30FF
        or 0x3400 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0xFF00 <= code <= 0xFF9F
        or 0x20000 <= code <= 0x3FFFF
    )
