"""Characters in UTF-8 bytes: decoding with and without checks, and encoding."""

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit

INVALID = -1


@borrowing_jit
def character_at(text, at):
    """The code point (int64) at ``at`` of well-formed UTF-8 (uint8), and its number of bytes."""
    first = np.int64(text[at])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return ((first & 0x1F) << 6) | (text[at + 1] & 0x3F), 2
    if first < 0xF0:
        return ((first & 0x0F) << 12) | ((text[at + 1] & 0x3F) << 6) | (text[at + 2] & 0x3F), 3
    high = ((first & 0x07) << 18) | ((text[at + 1] & 0x3F) << 12)
    return high | ((text[at + 2] & 0x3F) << 6) | (text[at + 3] & 0x3F), 4


@borrowing_jit
def checked_character_at(text, at, end):
    """The code point (int64) at ``at`` of ``text[:end]`` (uint8), and the index after it.

    (INVALID, at) where the bytes are no UTF-8 as RFC 3629 defines it: no overlong form, no surrogate, nothing above
    U+10FFFF, no character cut off by ``end``.
    """
    lead = np.int64(text[at])
    if lead < 0x80:
        return lead, at + 1
    if 0xC2 <= lead < 0xE0:
        size, value, smallest = 2, lead & 0x1F, 0x80
    elif 0xE0 <= lead < 0xF0:
        size, value, smallest = 3, lead & 0x0F, 0x800
    elif 0xF0 <= lead < 0xF5:
        size, value, smallest = 4, lead & 0x07, 0x10000
    else:
        return np.int64(INVALID), at
    if at + size > end:
        return np.int64(INVALID), at
    for k in range(1, size):
        trail = np.int64(text[at + k])
        if trail & 0xC0 != 0x80:
            return np.int64(INVALID), at
        value = (value << 6) | (trail & 0x3F)
    if value < smallest or value > 0x10FFFF or 0xD800 <= value <= 0xDFFF:
        return np.int64(INVALID), at
    return value, at + size


@borrowing_jit
def put_character(text, at, code):
    """Write a code point to ``text`` (uint8) from ``at`` on as UTF-8; returns the index after it."""
    if code < 0x80:
        text[at] = code
        return at + 1
    if code < 0x800:
        text[at] = 0xC0 | (code >> 6)
        text[at + 1] = 0x80 | (code & 0x3F)
        return at + 2
    if code < 0x10000:
        text[at] = 0xE0 | (code >> 12)
        text[at + 1] = 0x80 | ((code >> 6) & 0x3F)
        text[at + 2] = 0x80 | (code & 0x3F)
        return at + 3
    text[at] = 0xF0 | (code >> 18)
    text[at + 1] = 0x80 | ((code >> 12) & 0x3F)
    text[at + 2] = 0x80 | ((code >> 6) & 0x3F)
    text[at + 3] = 0x80 | (code & 0x3F)
    return at + 4
