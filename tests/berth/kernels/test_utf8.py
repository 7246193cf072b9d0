"""Decoding and encoding agree with Python's codec."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from berth.kernels.utf8 import INVALID, character_at, checked_character_at, put_character

PADDING = bytes(4)


@settings(deadline=None)
@given(st.text(min_size=1, max_size=20))
@example("a\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff")
def test_characters_are_decoded_and_encoded(text):
    data = np.frombuffer(text.encode(), np.uint8)
    copy = np.zeros(len(data) + len(PADDING), np.uint8)
    at = 0
    for character in text:
        size = len(character.encode())
        assert character_at(data, at) == (ord(character), size)
        assert checked_character_at(data, at, len(data)) == (ord(character), at + size)
        assert put_character(copy, at, ord(character)) == at + size
        at += size
    assert copy[:at].tobytes() == text.encode()


@settings(deadline=None, max_examples=500)
@given(
    st.lists(
        st.sampled_from(
            [
                *map(
                    bytes,
                    [
                        [n]
                        for n in (
                            0x41,
                            0x80,
                            0x8F,
                            0x90,
                            0x9F,
                            0xA0,
                            0xBF,
                            0xC0,
                            0xC1,
                            0xC2,
                            0xDF,
                            0xE0,
                            0xED,
                            0xEF,
                            0xF0,
                            0xF4,
                            0xF5,
                            0xFF,
                        )
                    ],
                )
            ]
        ),
        min_size=1,
        max_size=4,
    ).map(b"".join)
)
def test_the_checks_are_those_of_python(data):
    try:
        first = data.decode()[0]
    except UnicodeDecodeError as error:
        first = data[: error.start].decode()[:1]
    code, after = checked_character_at(np.frombuffer(data, np.uint8), 0, len(data))
    assert (code, after) == ((ord(first), len(first.encode())) if first else (INVALID, 0))


@pytest.mark.parametrize("character", ["é", "漢", "😀"])
def test_a_character_beyond_the_end_is_invalid(character):
    data = np.frombuffer(character.encode(), np.uint8)
    assert checked_character_at(data, 0, len(data) - 1) == (INVALID, 0)
