"""Classes of characters that the clean-up distinguishes. Kernels."""

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit
from berth.kernels.utf8 import character_at
from pipelines.wikitext.parser.delimiters import BLANK, is_ascii_alnum

# Which code points are letters or digits, one bit each.
_ALNUM = np.packbits(np.array([chr(code).isalnum() for code in range(0x110000)], np.bool_), bitorder="little")


@borrowing_jit
def is_alnum(code):
    """Whether a character is a letter or digit, as str.isalnum."""
    return (_ALNUM[code >> 3] >> (code & 7)) & 1 != 0


@borrowing_jit
def is_alnum_at(line, at):
    """Whether the character at ``at`` is a letter or digit."""
    byte = line[at]
    if byte < 128:
        return is_ascii_alnum(byte)
    if byte < 0xC0:
        return False
    code, _ = character_at(line, at)
    return is_alnum(code)


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


@borrowing_jit
def is_space_character(code):
    """Whether a character is white space, as str.isspace, and no control character from U+001C to U+001F."""
    if code < 0x1680:
        return code == BLANK or 9 <= code <= 13 or code == 0x85 or code == 0xA0
    if code > 0x3000:
        return False
    return (
        0x2000 <= code <= 0x200A
        or code == 0x2028
        or code == 0x2029
        or code == 0x202F
        or code == 0x205F
        or code == 0x3000
        or code == 0x1680
    )


@borrowing_jit
def is_invisible(code):
    """Whether a character only controls line breaks or the direction of writing, unlike the joiners."""
    return code == 0xAD or code == 0x200B or code == 0x200E or code == 0x200F or code == 0x2060 or code == 0xFEFF
