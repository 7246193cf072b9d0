"""Classes of bytes, for every byte."""

from __future__ import annotations

import numpy as np

from pipelines.wikitext.parser.delimiters import end_of_line, is_ascii_alnum, is_letter, is_space, is_word, lower


def test_every_byte():
    for byte in range(256):
        character = chr(byte)
        is_ascii = byte < 128
        assert lower(np.uint8(byte)) == (ord(character.lower()) if is_ascii else byte)
        assert is_letter(np.uint8(byte)) == (is_ascii and character.isalpha())
        assert is_ascii_alnum(np.uint8(byte)) == (is_ascii and character.isalnum())
        assert is_word(np.uint8(byte)) == (not is_ascii or character.isalnum() or character == "_")
        assert is_space(np.uint8(byte)) == (character in " \t\n")


def test_the_end_of_a_line():
    text = np.frombuffer(b"ab\n\nc\n", np.uint8)
    assert [end_of_line(text, at) for at in range(6)] == [2, 2, 2, 3, 5, 5]
