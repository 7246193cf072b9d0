"""The tokenizer gives the ids of the published one, whatever the text."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from berth.formats.vocabulary import Vocabulary
from pipelines.mlm import tokenizer as tokenizer_module
from pipelines.mlm.tokenizer import Tokenizer
from support import records_oracle as oracle
from support.records_samples import CHARACTERS, GOLDEN, SPECIAL, texts, vocabularies, vocabulary_for

# Every normalized letter of the hard characters is a token, alone and inside a word, so that nothing is hidden by
# [UNK].
LETTERS = sorted(
    {letter for c in CHARACTERS for low in (True, False) for letter in "".join(oracle.basic_tokens(c, low))}
)
VOCABULARY = Vocabulary(
    tuple(dict.fromkeys([*SPECIAL, *LETTERS, *("##" + letter for letter in LETTERS), "ab", "##cd"]))
)


def expected_lines(text, vocabulary, lower_case):
    return [
        [vocabulary.ids[token] for token in oracle.tokenize(line, vocabulary.ids, lower_case)]
        for line in text.split("\n")
    ]


def lines(tokens):
    return [list(tokens.line(index)) for index in range(len(tokens.line_ends))]


@pytest.mark.parametrize("lower_case", [True, False])
@settings(deadline=None)
@given(st.lists(texts(), min_size=1, max_size=5))
@example(["ΑΣ", "ΑΣΑ", "ΑΣ.", "ΑΣ.Α", "Σ", "ΑΣ'Σ", "ΑΣ中Α", "ΑΣ\xa0Α", "ΑΣ\u200bΑ", "Α\u0301Σ\u0301", "AΣ" + "'" * 300])
@example(["a\u0315\u0327", "a\u302e\u0315", "\u302e\u3099\u0327\u0345\u302e", "\U0001d15e\u1d16d\u302e"])
@example(["a" * 200, "a" * 201, "é" * 200, "é" * 201, "a\u0301" * 200, "中" * 300, "b" * 200 + ".", "aa" * 150 + " a"])
def test_ids_are_those_of_the_published_tokenizer(lower_case, parts):
    text = "\n".join(parts)
    tokens = Tokenizer(VOCABULARY, lower_case).encode(text.encode())
    expected = expected_lines(text, VOCABULARY, lower_case)
    if parts[-1] == "":
        expected.pop()  # what follows the last line feed is no line
    assert lines(tokens) == expected
    assert list(tokens.blank_lines) == [not line.strip() for line in text.split("\n")][: len(expected)]


@settings(deadline=None)
@given(vocabularies(), st.booleans(), st.text("abcdA中,é[] ", max_size=80))
def test_pieces_are_the_longest_that_fit(vocabulary, lower_case, text):
    assert lines(Tokenizer(vocabulary, lower_case).encode(text.encode() + b"\n")) == expected_lines(
        text, vocabulary, lower_case
    )


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["ab", "abcd", "Ab", "é", "x" * 33, "x" * 32, "ab\xa0cd", "\u200b", "a\x00b"]), max_size=30
    )
)
def test_runs_that_come_again_give_the_same_ids(runs):
    tokenizer = Tokenizer(VOCABULARY, lower_case=True)
    separate = [token for run in runs for token in Tokenizer(VOCABULARY, lower_case=True).encode(run.encode()).ids]
    assert list(tokenizer.encode(" ".join(runs).encode()).ids) == separate
    assert list(tokenizer.encode("\t".join(runs).encode()).ids) == separate


def test_short_runs_that_differ_in_nul_bytes_only_are_told_apart():
    tokens = Tokenizer(VOCABULARY, lower_case=True).encode(b"ab \x00ab ab\x00 \x00\x00ab ab")
    assert list(tokens.ids) == [VOCABULARY.ids["ab"]] * 5


def test_the_golden_text_is_tokenized_as_published():
    vocabulary = Vocabulary.read(str(GOLDEN / "vocab.txt"))
    text = (GOLDEN / "input.txt").read_text(encoding="utf-8")
    for lower_case in (True, False):
        tokens = Tokenizer(vocabulary, lower_case).encode(text.encode())
        assert lines(tokens) == expected_lines(text, vocabulary, lower_case)[:-1]


def test_a_file_read_in_blocks_gives_the_tokens_of_the_whole(monkeypatch):
    text = (GOLDEN / "input.txt").read_bytes().removesuffix(b"\n")
    vocabulary = Vocabulary.read(str(GOLDEN / "vocab.txt"))
    whole = Tokenizer(vocabulary, True).encode(text)
    for block in (1, 7, 100, 5000, 1 << 20):
        monkeypatch.setattr(tokenizer_module, "BLOCK", block)
        read = Tokenizer(vocabulary, True).encode_file(BytesIO(text), "input.txt", len(text))
        assert all(np.array_equal(one, other) for one, other in zip(read, whole, strict=True))


def test_an_empty_file_has_no_lines():
    tokens = Tokenizer(VOCABULARY, True).encode_file(BytesIO(b""), "empty.txt", 0)
    assert (len(tokens.ids), len(tokens.line_ends), len(tokens.blank_lines)) == (0, 0, 0)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(["a", "é", "中", "😀"]).map(str.encode) | st.binary(max_size=3), max_size=8).map(b"".join)
)
@example(b"\xc0\x80").via("overlong")
@example(b"\xed\xa0\x80").via("surrogate")
@example(b"\xf4\x90\x80\x80").via("beyond Unicode")
@example(b"a\xe4\xb8 a").via("cut by a blank")
@example(b"a\xe4\xb8").via("cut by the end")
def test_text_that_is_not_utf8_is_an_error_at_the_byte_python_names(text):
    tokenizer = Tokenizer(VOCABULARY, lower_case=True)
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as error:
        with pytest.raises(
            BerthError, match=rf"text, byte {error.start}: .*not valid UTF-8. Found the byte 0x"
        ) as raised:
            tokenizer.encode(text)
        assert f"0x{text[error.start]:02x}" in str(raised.value)
    else:
        tokenizer.encode(text)


def test_an_invalid_byte_far_into_a_file_is_named_by_its_offset(monkeypatch):
    monkeypatch.setattr(tokenizer_module, "BLOCK", 16)
    text = b"good line\n" * 10 + b"line \n\xff\n"
    with pytest.raises(BerthError, match=r"part\.txt, byte 106: "):
        Tokenizer(VOCABULARY, True).encode_file(BytesIO(text), "part.txt", len(text))


def test_a_file_that_grows_while_it_is_read_is_an_error():
    with pytest.raises(BerthError, match=r"part\.txt: the file grew while it was read. Expected 5 bytes"):
        Tokenizer(VOCABULARY, True).encode_file(BytesIO(b"ab ab\nab\n"), "part.txt", 5)


def test_a_file_that_shrinks_while_it_is_read_is_an_error():
    with pytest.raises(BerthError, match=r"part\.txt: the file shrank while it was read. Found 9 bytes. Expected 12"):
        Tokenizer(VOCABULARY, True).encode_file(BytesIO(b"ab ab\nab\n"), "part.txt", 12)


def test_decoding_joins_pieces_to_words():
    vocabulary = vocabulary_for("unaffable")
    tokenizer = Tokenizer(Vocabulary((*vocabulary.tokens, "un", "##aff", "##able")), lower_case=True)
    assert tokenizer.decode(tokenizer.encode(b"Unaffable unaffables!").ids) == "unaffable unaffables [UNK]"


def test_ids_above_two_bytes_are_four_bytes_wide():
    words = tuple(f"w{number}" for number in range(70000))
    tokens = Tokenizer(Vocabulary((*SPECIAL, *words)), lower_case=True).encode(b"w69999 w1 w69999")
    assert tokens.ids.dtype == np.uint32
    assert list(tokens.ids) == [69999 + len(SPECIAL), 1 + len(SPECIAL), 69999 + len(SPECIAL)]
