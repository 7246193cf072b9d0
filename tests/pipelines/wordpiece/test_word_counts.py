"""Words as BERT's basic tokenizer makes them."""

from __future__ import annotations

import pytest

from berth.formats.vocabulary import UNKNOWN
from berth.text.words import split_chunk
from pipelines.mlm.word_pieces import MAX_WORD
from pipelines.wordpiece import word_counts
from pipelines.wordpiece.word_counts import count_words


@pytest.mark.parametrize(
    ("chunk", "lower", "cased"),
    [
        ("Word", ["word"], ["Word"]),
        ("don't", ["don", "'", "t"], ["don", "'", "t"]),
        ("Café-Bar", ["cafe", "-", "bar"], ["Café", "-", "Bar"]),
        ("漢字kana", ["漢", "字", "kana"], ["漢", "字", "kana"]),
        ("a\u200bb\ufffd\u00adc", ["abc"], ["abc"]),
        ("ΣΟΦΟΣ", ["σοφος"], ["ΣΟΦΟΣ"]),
        ("$5", ["$", "5"], ["$", "5"]),
        ("x\u2014y", ["x", "\u2014", "y"], ["x", "\u2014", "y"]),
        ("\u0301", [], ["\u0301"]),
        ("a\ue000\u0378b", ["a\ue000\u0378b"], ["a\ue000\u0378b"]),  # of private use, and unassigned: kept
    ],
)
def test_words_of_a_chunk(chunk, lower, cased):
    assert split_chunk(chunk, lower_case=True) == lower
    assert split_chunk(chunk, lower_case=False) == cased


def test_counts_of_a_text():
    assert count_words("A a\x1cb\n b\u00a0a", lower_case=True) == {"a": 2, "ab": 1, "b": 1}


def test_words_too_long_for_the_tokenizer_count_as_unknown():
    text = f"{'x' * MAX_WORD} {'y' * (MAX_WORD + 1)} {'z' * (MAX_WORD + 1)}"
    assert count_words(text, lower_case=True) == {"x" * MAX_WORD: 1, UNKNOWN: 2}


def test_pieces_count_as_the_whole_text(monkeypatch):
    monkeypatch.setattr(word_counts, "MAX_CHUNKS", 2)
    counts = word_counts.WordCounts(lower_case=True)
    for piece in ("One two,\n", "two three one\n", "ONE " + "x" * 201):
        counts.add(piece)
    assert counts.words() == {"one": 3, "two": 2, ",": 1, "three": 1, "[UNK]": 1}
