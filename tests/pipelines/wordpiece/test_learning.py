"""Vocabularies from counts: size, order, ties, what the words cannot give."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path

import pytest

from berth.recipe import Vocabulary
from pipelines.wordpiece import learning
from pipelines.wordpiece.coverage import word_pieces
from pipelines.wordpiece.learning import largest_size, learn

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
KINDS = [{"kind": "wordpiece"}, {"kind": "sentencepiece"}, {"kind": "sentencepiece", "pieces": "bpe"}]
SYLLABLES = ["ka", "lo", "mi", "ter", "ing", "an", "der", "pre", "con", "ver", "st", "or"]
WORDS = {"".join(parts): 1 + number % 7 for number, parts in enumerate(itertools.product(SYLLABLES, repeat=3))}
WORDS |= {"the": 5000, "of": 3000, ",": 4000, "café": 50, "漢": 9}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [100, 101, 190])
def test_size_and_order(kind, size):
    entries = learn(WORDS, Vocabulary(**kind), size)
    assert len(entries) == len(set(entries)) == size
    assert entries[:5] == SPECIAL
    characters = [entry for entry in entries if len(entry) == 1]
    inside = ["##" + character for character in characters if character not in ",漢"]
    assert entries[5 : 5 + len(characters) + len(inside)] == sorted(characters) + inside
    assert set(characters) == set("".join(WORDS))
    known = frozenset(entries)
    assert all(word_pieces(word, known, 100) for word in [*WORDS, "fettaken", "érve"])


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[2]])
def test_merging_makes_frequent_words_whole(kind):
    assert {"the", "of", "café"} <= set(learn(WORDS, Vocabulary(**kind), 300))


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_that_an_error_names_is_the_largest_possible(kind):
    options = Vocabulary(**kind)
    found = len(learn(WORDS, options, 50_000))
    largest = largest_size(WORDS, options, found)
    assert found < 50_000
    assert len(learn(WORDS, options, largest)) == largest
    for size in (largest + 1, largest + 100, 2 * largest, 10 * largest):
        assert len(learn(WORDS, options, size)) < size


@pytest.mark.parametrize("kind", KINDS)
def test_a_smaller_vocabulary_may_have_no_room_for_all_characters(kind):
    words = {chr(0x4E00 + number): 1 for number in range(600)} | {"word": 9, "sword": 5, "wording": 4}
    options = Vocabulary(**kind)
    found = len(learn(words, options, 2000))
    assert found > 600
    assert largest_size(words, options, found) is None


def test_characters_take_at_most_half_of_the_entries():
    ideographs = "".join(chr(0x4E00 + number) for number in range(500))
    words = dict.fromkeys(ideographs, 1) | {f"word{number}": 1 for number in range(999)}
    entries = learn(words, Vocabulary(), 200)
    assert len(entries) == 200
    assert {"w", "##w", "9", "##9", "word"} <= set(entries)
    assert sum(entry in ideographs for entry in entries) == (200 - 5) // 2 - 2 * len("word0123456789")


@pytest.mark.parametrize("kind", KINDS)
def test_the_rarest_of_too_many_words_give_no_pieces_but_their_characters(kind, monkeypatch):
    monkeypatch.setattr(learning, "MAX_WORDS", len(WORDS))
    entries = learn(WORDS | {"zzzzzz": 1}, Vocabulary(**kind), 2000)
    assert "z" in entries
    assert not [entry for entry in entries if "zz" in entry]


def test_the_same_in_any_process():
    program = """if True:
        import itertools
        from berth.recipe import Vocabulary
        from pipelines.wordpiece.learning import learn
        parts = itertools.product("ab co di fe".split(), repeat=4)
        words = {"".join(syllables): 1 + number % 5 for number, syllables in enumerate(parts)}
        for kind in ({}, {"kind": "sentencepiece"}, {"kind": "sentencepiece", "pieces": "bpe"}):
            print(learn(words, Vocabulary(**kind), 100))
    """
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            check=True,
            cwd=Path(__file__).parents[3],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(outputs) == 1
    assert b"##" in outputs.pop()
