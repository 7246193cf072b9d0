"""Classes of characters, for every code point."""

from __future__ import annotations

import numpy as np

from pipelines.wikitext.cleanup.characters import is_alnum, is_alnum_at, is_invisible, is_space_character, is_unspaced
from support.plain_whitespace import INVISIBLE, UNSPACED


def test_every_code_point():
    for code in range(0x110000):
        character = chr(code)
        assert is_alnum(code) == character.isalnum()
        assert is_unspaced(code) == bool(UNSPACED.match(character))
        assert is_invisible(code) == (character in INVISIBLE)
        if not 0x1C <= code <= 0x1F:
            assert is_space_character(code) == character.isspace()


def test_letters_and_digits_in_text():
    text = "a1_é漢😀 .²"
    line = np.frombuffer(text.encode(), np.uint8)
    at = 0
    for character in text:
        assert is_alnum_at(line, at) == character.isalnum()
        at += len(character.encode())
