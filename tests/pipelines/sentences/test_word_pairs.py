"""Words and pairs are counted as by a plain twin."""

from __future__ import annotations

import itertools
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.sentences.lines import Lines
from pipelines.sentences.punkt_kernels import Characters
from pipelines.sentences.word_pairs import count_words

ENDS = (".", "?", "!", "؟")
CHARACTERS = Characters(ENDS)
words = st.sampled_from(["a", "b.", "c!", "é", "x؟", "Dr.", "...", "?!", "漢。"])
lines_of_words = st.lists(st.lists(words, min_size=1, max_size=8), min_size=1, max_size=8)


def may_end(word):
    return word is not None and word.endswith(ENDS)


@settings(deadline=None)
@given(lines_of_words)
def test_words_and_pairs(lines):
    text = Lines.of_texts(["\n".join(map(" ".join, lines))])
    counts = count_words(text, CHARACTERS.leads, CHARACTERS.classes)
    names = counts.words
    flat = [word for line in lines for word in line]
    assert names == list(dict.fromkeys(flat))
    assert dict(zip(names, counts.counts.tolist(), strict=True)) == Counter(flat)
    pairs = Counter(pair for line in lines for pair in itertools.pairwise(line) if may_end(pair[0]))
    assert {(names[a], names[b]): count for a, b, count in counts.pairs.T.tolist()} == pairs
    starts = Counter((a[-1] if may_end(a[-1]) else None, b[0]) for a, b in itertools.pairwise(lines))
    assert {(names[a] if a >= 0 else None, names[b]): count for a, b, count in counts.starts.T.tolist()} == starts
    assert names[counts.last] == flat[-1]
    assert counts.last_may_end == may_end(flat[-1])


def test_more_words_than_the_first_slots_hold():
    lines = [[f"w{number}" for number in range(start, start + 100)] for start in range(0, 20_000, 100)]
    counts = count_words(Lines.of_texts(["\n".join(map(" ".join, lines * 2))]), CHARACTERS.leads, CHARACTERS.classes)
    assert counts.words == [word for line in lines for word in line]
    assert set(counts.counts.tolist()) == {2}


def test_a_line_with_an_ellipsis_of_dots_and_spaces_is_one_word():
    counts = count_words(Lines.of_texts(["a . . . b\nc"]), CHARACTERS.leads, CHARACTERS.classes)
    assert counts.words == ["a . . . b", "c"]
