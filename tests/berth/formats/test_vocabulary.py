"""Vocabularies: what a vocab.txt may look like."""

from __future__ import annotations

import numpy as np
import pytest

from berth.errors import BerthError
from berth.formats.vocabulary import MASK, Vocabulary, joined, padded, parse, read_tokens, split_lines
from support.records_samples import SPECIAL


def write(tmp_path, text):
    path = tmp_path / "vocab.txt"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def test_a_token_is_its_line_stripped(tmp_path):
    vocabulary = Vocabulary.read(write(tmp_path, "\n".join(SPECIAL) + "\n the \r\n##s\n"))
    assert vocabulary.tokens == (*SPECIAL, "the", "##s")
    assert vocabulary.ids["the"] == 6
    assert list(vocabulary.is_continuation) == [False] * 7 + [True]


def test_lines_end_at_line_feeds_only():
    assert parse("a\u2028b\x85\nc") == ["a\u2028b", "c"]


def test_words_are_what_text_can_give():
    vocabulary = Vocabulary((*SPECIAL, "[unused12]", "a", "##b", "[", "]", "[]"))
    assert [vocabulary.tokens[index] for index in vocabulary.words] == ["a", "##b", "[", "]", "[]"]


@pytest.mark.parametrize("missing", ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
def test_each_special_token_is_needed(missing, tmp_path):
    tokens = [token for token in SPECIAL if token != missing] + ["a"]
    with pytest.raises(BerthError, match=rf"vocab\.txt: the vocabulary lacks \[{missing[1:-1]}\]"):
        Vocabulary.read(write(tmp_path, "\n".join(tokens)))


def test_a_token_that_stands_twice_is_an_error_with_both_lines(tmp_path):
    with pytest.raises(BerthError, match=r"vocab\.txt, line 9: the token 'a' is in the vocabulary twice.*in line 7"):
        Vocabulary.read(write(tmp_path, "\n".join([*SPECIAL, "a", "b", "a"])))


def test_a_vocabulary_without_words_is_an_error():
    with pytest.raises(BerthError, match="has no word"):
        Vocabulary(SPECIAL)


def test_a_vocabulary_that_is_not_utf8_is_an_error(tmp_path):
    with pytest.raises(BerthError, match=r"vocab\.txt, byte 2: .*not valid UTF-8"):
        Vocabulary.read(write(tmp_path, b"a\n\xff"))


def test_ids_take_two_bytes_as_long_as_they_fit():
    def sized(count):
        return Vocabulary((*SPECIAL, *(str(number) for number in range(count - len(SPECIAL)))))

    assert sized(65536).id_type == np.uint16
    assert sized(65537).id_type == np.uint32


def test_a_vocabulary_that_no_text_is_tokenized_with_may_lack_special_tokens(tmp_path):
    uri = write(tmp_path, "[MASK]\r\n a\nb")
    assert read_tokens(uri, [MASK]) == ["[MASK]", "a", "b"]
    with pytest.raises(BerthError, match=r"vocab\.txt: the vocabulary lacks \[PAD\], \[UNK\], \[CLS\], \[SEP\]\. "):
        read_tokens(uri)


def test_lines_lose_their_ends_only():
    assert split_lines(" a\r\n\n\u2028\nb ") == [" a", "", "\u2028", "b "]


def test_pieces_are_joined_to_words():
    assert joined(["un", "##able", "to", "##", "x"]) == "unable to x"


@pytest.mark.parametrize(("tokens", "entries", "names"), [(5, 8, 3), (30522, 30528, 6), (5, 5, 0), (9, 8, 0)])
def test_tables_filled_up_to_a_round_number_have_names_for_their_last_rows(tokens, entries, names):
    before = [f"t{number}" for number in range(tokens)]
    found = padded(before, entries)
    assert found[:tokens] == before and len(found) == tokens + names
    assert all(" " in name for name in found[tokens:])  # no text has such a token
