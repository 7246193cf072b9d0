"""Words of an instance and the entries of its masks, against plain twins."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.mlm.instances import INSTANCE, NOT_MASKED, SHOW_WORD, Instances
from pipelines.mlm.masks import find_words, position_of, scratch_for, write_masks
from support.records_samples import kinds_of, positions_of

LENGTH = 200


def row_of(a_length, b_length):
    rows = np.zeros(1, INSTANCE)
    rows["a_length"], rows["b_begin"], rows["b_length"] = a_length, a_length, b_length
    return rows


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=20), st.integers(0, 20), st.booleans())
def test_words(is_continuation, a_length, joins_segments):
    """The ids are the indices of the tokens."""
    count, a_length = len(is_continuation), min(a_length, len(is_continuation))
    rows, scratch = row_of(a_length, count - a_length), scratch_for(LENGTH, np.uint16)
    ids = np.arange(count, dtype=np.uint16)
    words = find_words(ids, rows[0], np.array(is_continuation), joins_segments, scratch)
    begins = [
        index
        for index in range(count)
        if index == 0 or not is_continuation[index] or (index == a_length and not joins_segments)
    ]
    assert scratch.word_begins[: words + 1].tolist() == [*begins, count]


@settings(deadline=None)
@given(st.dictionaries(st.integers(1, LENGTH - 1), st.integers(1, 3), max_size=30))
def test_masks_are_read_back(kinds):
    rows, scratch = row_of(100, LENGTH - 102), scratch_for(LENGTH, np.uint16)
    instances = Instances(rows, np.zeros(100, np.uint8), np.zeros(100, np.uint16))
    for position, kind in kinds.items():
        scratch.kinds[position], scratch.words[position] = kind, 1000 + position
    entries, words = write_masks(rows[0], scratch, instances)
    assert entries >= len(kinds)
    assert positions_of(instances, rows[0]).tolist() == sorted(kinds)
    assert kinds_of(instances, rows[0]).tolist() == [kinds[position] for position in sorted(kinds)]
    shown = [1000 + position for position in sorted(kinds) if kinds[position] == SHOW_WORD]
    assert instances.words[:words].tolist() == shown
    assert (scratch.kinds == NOT_MASKED).all()


def test_positions_of_candidates():
    row = row_of(3, 2)[0]
    assert [position_of(candidate, row) for candidate in range(5)] == [1, 2, 3, 5, 6]  # [CLS] A A A [SEP] B B [SEP]
