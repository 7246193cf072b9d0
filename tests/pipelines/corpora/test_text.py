"""What becomes of the characters of a text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.formats.articles import document_id, number_of
from pipelines.corpora.text import address, paragraphs, repaired

ANY = st.text(st.characters(codec=None), max_size=40)


@settings(deadline=None)
@given(text=ANY)
def test_a_repaired_text_can_be_written_and_good_text_stays(text):
    result = repaired(text)
    assert result.encode().decode() == result
    assert "\0" not in result
    assert repaired(result) == result
    if not any("\ud800" <= character <= "\udfff" or character == "\0" for character in text):
        assert result == text


def test_both_halves_of_a_surrogate_pair_make_one_character():
    assert repaired("\ud83d\ude00 \ude00\ud83d") == "\U0001f600 \ufffd\ufffd"


@settings(deadline=None)
@given(text=ANY, is_wrapped=st.booleans())
def test_paragraphs_hold_all_words_in_order_and_none_is_empty(text, is_wrapped):
    result = paragraphs(text, is_wrapped=is_wrapped)
    assert result.split() == text.split()
    assert "\r" not in result
    assert result == "" or all(line == line.strip() != "" for line in result.split("\n"))


@settings(deadline=None)
@given(name=ANY.filter(bool), place=st.none() | st.integers(0) | ANY)
def test_an_address_is_the_documents_id_whatever_its_characters(name, place):
    url = address(repaired(name), place)
    assert url.isascii()
    assert document_id(url, 1) in (url, ":1")
    assert 0 <= number_of(url) < 2**63


@pytest.mark.parametrize(
    ("url", "number", "expected"),
    [
        ("https://no.wikipedia.org/wiki/Oslo", 7, "no.wikipedia.org:7"),
        ("news.jsonl#17", 17, "news.jsonl#17"),
        ("a%20b/c.txt", 5, "a%20b/c.txt"),
        ("", 7, ":7"),
        (None, 7, ":7"),
    ],
)
def test_document_ids(url, number, expected):
    assert document_id(url, number) == expected
