"""One run of text: its ids are those of the published tokenizer."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.formats.vocabulary import UNKNOWN, Vocabulary
from pipelines.mlm.unicode_tables import empty_tables, fill_page
from pipelines.mlm.word_pieces import (
    CAUSE,
    INVALID_UTF8,
    IS_WHITE,
    MAX_WORD,
    UNFILLED_PAGE,
    encode_run,
    pieces_of,
)
from support import records_oracle as oracle
from support.records_samples import SPECIAL

VOCABULARY = Vocabulary((*SPECIAL, "a", "b", "##a", "ab", "##bc", "c", "é", "e", "漢", ".", "σ", "##ς", "##σ"))
PIECES = pieces_of(VOCABULARY.tokens)
TABLES = empty_tables()


def encoded(run):
    """The result, the ids and the detail, pages being filled on demand."""
    text, detail = np.frombuffer(run, np.uint8), np.zeros(2, np.int64)
    word, ids = np.empty(MAX_WORD + 1, np.uint32), np.empty(len(run) + 1, np.uint16)
    while True:
        unknown = VOCABULARY.ids[UNKNOWN]
        result = encode_run(text, 0, len(run), TABLES, PIECES, unknown, word, ids, 0, detail)
        if result != -UNFILLED_PAGE:
            return result, ids[: max(result, 0)].tolist(), detail
        fill_page(TABLES, int(detail[CAUSE]), lower_case=True)


@settings(deadline=None)
@given(st.text("abcéeΣA漢.\u0301\u00a0\u200b", min_size=1, max_size=20))
def test_any_run(run):
    result, ids, detail = encoded(run.encode())
    assert ids == [VOCABULARY.ids[token] for token in oracle.tokenize(run, VOCABULARY.ids, True)]
    assert result == len(ids)
    assert bool(detail[IS_WHITE]) == (not run.strip())


def test_an_invalid_byte_is_named_by_its_index():
    result, _, detail = encoded(b"ab\xff")
    assert (result, detail[CAUSE]) == (-INVALID_UTF8, 2)


def test_a_word_longer_than_the_limit_is_unknown():
    assert encoded(b"a" * MAX_WORD)[1] == [VOCABULARY.ids["a"], *[VOCABULARY.ids["##a"]] * (MAX_WORD - 1)]
    assert encoded(b"a" * (MAX_WORD + 1))[1] == [VOCABULARY.ids[UNKNOWN]]
