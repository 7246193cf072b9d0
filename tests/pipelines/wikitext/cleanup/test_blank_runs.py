"""What surrounds something dropped, function by function."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.wikitext.cleanup.blank_runs import (
    BRACKETS,
    CONJUNCTIONS,
    LEADING_PUNCTUATION,
    OPENING,
    RUN_PUNCTUATION,
    character_before,
    close_run,
    empty_brackets_start,
    ends_with_bracket,
    is_conjunction,
    is_in_run,
    is_leading,
    run_start,
)

texts = st.text(st.sampled_from([*" ,;–、，a.é漢(", "（", "„"]), max_size=10)


def line_of(text):
    return np.frombuffer(text.encode() + bytes(8), np.uint8).copy(), len(text.encode())


@settings(deadline=None)
@given(texts)
def test_the_end_of_a_line(text):
    line, stop = line_of(text)
    before = (ord(text[-1]), len(text[:-1].encode())) if text else (0, 0)
    assert character_before(line, 0, stop) == before
    assert run_start(line, 0, stop) == len(text.rstrip(" " + RUN_PUNCTUATION).encode())
    assert ends_with_bracket(line, 0, stop) == (text[-1:] in tuple(OPENING[:BRACKETS]))


def test_classes_of_characters():
    for code in {*range(0x300), *map(ord, LEADING_PUNCTUATION + "漢（")}:
        assert is_in_run(code) == (chr(code) in " " + RUN_PUNCTUATION)
        assert is_leading(code) == (chr(code) in " " + LEADING_PUNCTUATION)


@pytest.mark.parametrize("word", [*CONJUNCTIONS, "nor", "ORX", ""])
def test_conjunctions(word):
    line, stop = line_of(word)
    assert is_conjunction(line, 0, stop) == (word in CONJUNCTIONS)


@pytest.mark.parametrize(
    ("text", "dropped_at", "start"),
    [("a (, –", 3, 2), ("a (b", 3, -1), ("a (,", 1, -1), ("a )", 2, -1), ("", 0, -1), ("(\x1b", 1, -1)],
)
def test_empty_brackets(text, dropped_at, start):
    line, stop = line_of(text)
    assert empty_brackets_start(line, 0, dropped_at, stop) == start


@pytest.mark.parametrize(
    ("before", "run", "following", "text", "is_bracketed"),
    [
        ("a", " , ", "b", "a, ", False),
        ("a", " ", "b", "a ", False),
        ("a", ", ", ".", "a", False),
        ("(", ", ", ")", "", True),
        ("(", " ", "b", "(", False),
        ("a", " – ", "b", "a – ", False),
        ("a", "–", "b", "a–", False),
        ("a", ": ", "", "a:", False),
        ("a", ", ", "", "a", False),
        ("a.", " ", ".", "a", False),
    ],
)
def test_what_is_left_between_two_sides(before, run, following, text, is_bracketed):
    line, to = line_of(before + run)
    left = len(before.encode())
    code = np.int64(ord(following) if following else 0)
    end, brackets = close_run(line, 0, left, to, code, False)
    assert (line[:end].tobytes().decode(), bool(brackets)) == (text, is_bracketed)
