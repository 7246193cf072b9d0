"""The cache of runs: what is found in it is what would be computed."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.formats.vocabulary import Vocabulary
from pipelines.mlm.tokenizer import Tokenizer
from pipelines.mlm.word_cache import KEY_BYTES, KEY_WORDS, MAX_IDS, SIZES, _read_key
from support.records_samples import SPECIAL

VOCABULARY = Vocabulary((*SPECIAL, "a", "##a", "b"))


@settings(deadline=None)
@given(st.binary(max_size=50), st.binary(max_size=10))
def test_the_key_of_a_run(before, text):
    data = before + text
    key = np.empty(KEY_WORDS, np.uint64)
    end = int(_read_key(np.frombuffer(data, np.uint8), np.uint64(0), key))
    blanks = [index for index, byte in enumerate(data) if byte in b" \t\n\r"]
    assert end == (blanks[0] if blanks else len(data))
    chunks = [data[:end][start : start + 8] for start in range(0, KEY_BYTES, 8)]
    assert key.tolist() == [int.from_bytes(chunk, "big") for chunk in chunks]


def test_runs_that_are_too_long_or_have_no_ids_are_not_stored():
    tokenizer = Tokenizer(VOCABULARY, lower_case=True)
    cache = tokenizer._tables.cache
    runs = ["a" * MAX_IDS, "a" * (MAX_IDS + 1), "b" * (KEY_BYTES + 1), "\u200b", "b"]
    first = tokenizer.encode(" ".join(runs).encode()).ids.tolist()
    assert np.count_nonzero(cache[:, SIZES]) == 2
    assert tokenizer.encode(" ".join(runs).encode()).ids.tolist() == first
    assert np.count_nonzero(cache[:, SIZES]) == 2
