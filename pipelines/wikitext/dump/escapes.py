"""Undoing the escapes of XML, compiled."""

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit
from berth.kernels.name_table import NOT_FOUND, hash_name, look_up, name_table
from berth.kernels.utf8 import put_character
from pipelines.wikitext.parser.control_bytes import CONTROLS

AMPERSAND, HASH, SEMICOLON = 38, 35, 59
LONGEST_ESCAPE = 10  # &#x10FFFF;
PADDING = 16

_NAMES = name_table({(0, b"lt"): 60, (0, b"gt"): 62, (0, b"quot"): 34, (0, b"apos"): 39, (0, b"amp"): 38})
_IS_KEPT = np.ones(256, np.bool_)
_IS_KEPT[np.frombuffer(CONTROLS, np.uint8)] = False
_IS_KEPT[AMPERSAND] = False


def unescape(text: bytes) -> bytes:
    """Undo the escaping of XML, once, and drop control characters other than tab and line feed.

    Entities of the wikitext itself, which are escaped twice, are kept.
    """
    size = len(text)
    source = np.zeros(size + PADDING, np.uint8)
    source[:size] = np.frombuffer(text, np.uint8)
    return source[: _unescape(source, size)].tobytes()


@borrowing_jit
def _number(text, at, stop):
    """The number that text[at:stop] is, decimal or, after an "x", hexadecimal; -1 if it is none."""
    is_hex = at < stop and (text[at] == 120 or text[at] == 88)
    at += is_hex
    value = np.int64(0 if at < stop else -1)
    while at < stop:
        byte = text[at]
        if 48 <= byte <= 57:
            digit = byte - 48
        elif is_hex and 97 <= (byte | 32) <= 102:
            digit = (byte | 32) - 87
        else:
            return np.int64(-1)
        value = value * (16 if is_hex else 10) + digit
        at += 1
    return value


@borrowing_jit
def _unescape(text, size):
    """Unescape in place; returns the new size."""
    at = to = 0
    while at < size:
        byte = text[at]
        if _IS_KEPT[byte]:
            text[to] = byte
            to += 1
            at += 1
            continue
        if byte != AMPERSAND:
            at += 1
            continue
        end = at + 1
        while end < size and end - at < LONGEST_ESCAPE and text[end] != SEMICOLON:
            end += 1
        code = np.int64(-1)
        if text[end] == SEMICOLON:
            if text[at + 1] == HASH:
                code = _number(text, at + 2, end)
            else:
                named = look_up(_NAMES, hash_name(0, text, at + 1, end))
                code = np.int64(-1) if named == NOT_FOUND else np.int64(named)
        if code < 0:
            text[to] = byte
            to += 1
            at += 1
            continue
        at = end + 1
        if code < 128:
            if _IS_KEPT[code] or code == AMPERSAND:
                text[to] = code
                to += 1
        elif not 0xD800 <= code <= 0xDFFF and code <= 0x10FFFF:
            to = put_character(text, to, code)
    return to
