"""What the vocabulary stage counts is what the records hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from berth.formats.vocabulary import SPECIAL_TOKENS, UNKNOWN, VOCABULARY, Vocabulary
from berth.recipe import RecordSet
from berth.recipe import Vocabulary as Options
from berth.stage import Directory
from berth.stage.inputs import Inputs
from pipelines.mlm.tokenizer import Tokenizer
from pipelines.records import create_records
from pipelines.vocab import vocabulary
from pipelines.wordpiece.coverage import coverage
from pipelines.wordpiece.word_counts import count_words
from support.records_samples import texts

# Of private use (also beyond the basic plane), unassigned, next to the surrogates, and non-characters: all kept.
KEPT = "\ue000\uf8ff\U000f0000\U0010fffd\u0378\u2fe0\U000e0080\ud7ff\ud7fc\ufffe\uffff\ufdd0\U0010ffff"
CHARACTERS = st.sampled_from(KEPT) | st.sampled_from("aB é中,\u0301\u200b\xad\x1c\x85\u2028Σ\n")
TEXTS = st.text(CHARACTERS, max_size=60) | texts() | st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@pytest.mark.parametrize("lower_case", [True, False])
@settings(deadline=None)
@given(TEXTS, st.data())
@example("a" * 200 + " " + "b" * 201 + " \ue000" + "c" * 200, None)
@example("".join(KEPT), None)
def test_coverage_is_that_of_records_of_the_same_text(lower_case, text, data):
    words = count_words(text, lower_case=lower_case)
    letters = sorted({letter for word in words if word != UNKNOWN for letter in word})
    entries = [*letters, *("##" + letter for letter in letters)]
    if data is not None and entries:
        entries = data.draw(st.lists(st.sampled_from(entries), unique=True), label="entries")
    tokens = Vocabulary(tuple(dict.fromkeys([*SPECIAL_TOKENS, "a", *entries])))
    ids = Tokenizer(tokens, lower_case).encode(text.encode()).ids
    counters = coverage(words, tokens.tokens)
    assert counters["tokens"] == len(ids)
    assert counters["unknown_words"] == np.count_nonzero(ids == tokens.ids[UNKNOWN])


def test_the_counters_of_the_two_stages_agree(tmp_path: Path):
    sentences = [
        f"The {word} of {word[::-1].upper()}, caf\u00e9 {KEPT[number % len(KEPT)]} {'x' * (190 + number % 20)}!"
        for number, word in enumerate(f"{a}{b}{c}" for a in "bdfgk" for b in "aeiou" for c in "lmnrst")
    ]
    (tmp_path / "part.txt").write_text("\n".join(sentences) + "\n\n", encoding="utf-8")
    text = Inputs.of(str(tmp_path / "part.txt"))
    learned = vocabulary(
        text=text, options=Options(size=100), seed=1, destination=Directory(str(tmp_path / "vocabulary"))
    )
    made = create_records(
        text=text,
        vocabulary=learned.files(VOCABULARY),
        options=RecordSet(dupe_factor=1),
        lower_case=True,
        seed=1,
        destination=Directory(str(tmp_path / "records")),
    )
    assert learned.manifest.counters["tokens"] == made.manifest.counters["tokens"]
    assert learned.manifest.counters["unknown_words"] == made.manifest.counters["unknown_tokens"] > 0
