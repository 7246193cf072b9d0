"""Formulas become markers, or their sentences go."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.wikitext.cleanup.formulas import MARKER, MARKER_GROWTH, drop_sentences, write_markers
from support.plain_whitespace import FORMULA, without_formulas

lines = st.lists(
    st.sampled_from([FORMULA, "a", "B", ". ", "! ", "。", "। ", "Dr. ", "e.g. ", ") ", '" ', "x.", " ", "long", "é"]),
    max_size=20,
).map(lambda parts: " ".join("".join(parts).split(" ")).strip(" "))


@settings(deadline=None)
@given(lines)
def test_each_formula_becomes_a_marker(line):
    source = line.encode()
    out = np.frombuffer(source + bytes(MARKER_GROWTH * line.count(FORMULA) + 1), np.uint8).copy()
    assert out[: write_markers(out, 0, len(source))].tobytes().decode() == line.replace(FORMULA, MARKER)


@settings(deadline=None)
@given(lines)
def test_sentences_with_formulas_are_dropped(line):
    while "  " in line:
        line = line.replace("  ", " ")
    out = np.frombuffer(line.encode() + bytes(4), np.uint8).copy()
    assert out[: drop_sentences(out, 0, len(line.encode()))].tobytes().decode() == without_formulas(line)
