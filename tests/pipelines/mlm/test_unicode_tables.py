"""Every code point of Unicode, in four contexts, is treated as the published tokenizer treats it."""

from __future__ import annotations

import unicodedata

import pytest

from berth.formats.vocabulary import Vocabulary
from berth.text.characters import describe
from pipelines.mlm.tokenizer import Tokenizer
from support import records_oracle as oracle
from support.records_samples import SPECIAL

# Alone; inside a word; around sigmas, which look at their neighbours; among marks whose order is canonical.
CONTEXTS = ("{}", "a{}b", "Σ{}Σ b{}", "A{}Σ{}\u0315\u302e{}\u3099{}")
BLOCK = 4096


def code_points():
    """All but surrogates, which UTF-8 has not, and the line feed, which ends the line."""
    return [code for code in range(0x110000) if not 0xD800 <= code <= 0xDFFF and code != 10]


def assert_treated_as_published(codes, lower_case):
    """The vocabulary holds every letter that comes up, alone and inside a word: [UNK] can hide nothing."""
    lines = [context.replace("{}", chr(code)) for code in codes for context in CONTEXTS]
    words = [oracle.basic_tokens(line, lower_case) for line in lines]
    letters = sorted({letter for line in words for word in line for letter in word})
    vocabulary = Vocabulary(tuple(dict.fromkeys([*SPECIAL, *letters, *("##" + letter for letter in letters)])))
    tokens = Tokenizer(vocabulary, lower_case).encode("\n".join(lines).encode())
    for index, line in enumerate(lines):
        expected = [
            vocabulary.ids[piece] for word in words[index] for piece in oracle.word_pieces(word, vocabulary.ids)
        ]
        assert list(tokens.line(index)) == expected, ascii(line)
        assert tokens.blank_lines[index] == (not line.strip()), ascii(line)


@pytest.mark.slow
@pytest.mark.parametrize("lower_case", [True, False])
def test_every_code_point(lower_case):
    codes = code_points()
    for begin in range(0, len(codes), BLOCK):
        assert_treated_as_published(codes[begin : begin + BLOCK], lower_case)


@pytest.mark.parametrize("lower_case", [True, False])
def test_code_points_with_a_rule_of_their_own(lower_case):
    """Those that change when lower-cased or decomposed, marks, white space, controls: without Hangul and ideographs."""
    special = [
        code
        for code in code_points()
        if unicodedata.category(chr(code))[0] in "MZC" and unicodedata.category(chr(code)) not in ("Cn", "Co")
    ]
    assert_treated_as_published(special[:1500], lower_case)


@pytest.mark.slow
def test_a_character_never_gives_more_tokens_than_it_has_bytes():
    """The kernel relies on it: the ids of a text are as many as its bytes at most. (Cased text stays one for one.)"""
    for code in code_points():
        _, units = describe(code, lower_case=True)
        assert len(units) <= len(chr(code).encode())
