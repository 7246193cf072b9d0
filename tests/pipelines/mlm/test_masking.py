"""Masked positions of one instance: as many as the budget says, whole words or spans on request."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.kernels.keyed_random import start
from pipelines.mlm.instances import INSTANCE, SHOW_WORD, Instances
from pipelines.mlm.masking import Masking, mask_instance
from pipelines.mlm.masks import prediction_budgets, scratch_for
from pipelines.mlm.streams import PURPOSES
from support.records_samples import kinds_of, positions_of

LENGTH, VOCABULARY = 128, 50
IS_CONTINUATION = np.arange(VOCABULARY) % 3 == 2  # ids 2, 5, …
WORDS = np.arange(10, VOCABULARY)


def masked(ids, by_words, by_spans, key):
    """The masked positions of an instance of one segment, and the instance."""
    rows, scratch, streams = np.zeros(1, INSTANCE), scratch_for(LENGTH, np.uint16), np.empty(PURPOSES, np.uint64)
    rows["a_length"] = len(ids)
    instances = Instances(rows, np.zeros(300, np.uint8), np.zeros(300, np.uint16))
    budgets = prediction_budgets(LENGTH, 20, 0.15)
    masking = Masking(by_words, by_spans, 2, budgets, IS_CONTINUATION, WORDS)
    start(streams, np.uint64(key))
    mask_instance(np.array(ids, np.uint16), rows[0], masking, streams, instances, scratch)
    return positions_of(instances, rows[0]), instances, min(budgets[len(ids) + 2], len(ids))


instances_of_ids = st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=LENGTH - 2)


@pytest.mark.parametrize(("by_words", "by_spans"), [(False, False), (True, False), (True, True)])
@settings(deadline=None, max_examples=60)
@given(ids=instances_of_ids, key=st.integers(0, 2**64 - 1))
def test_positions_and_words(by_words, by_spans, ids, key):
    positions, instances, budget = masked(ids, by_words, by_spans, key)
    row = instances.rows[0]
    assert len(positions) <= budget
    assert len(positions) == budget or by_words
    assert all(1 <= position <= len(ids) for position in positions)
    if by_words:
        tokens = {int(position) - 1 for position in positions}
        for index in range(1, len(ids)):
            if IS_CONTINUATION[ids[index]]:
                assert (index in tokens) == (index - 1 in tokens)
    shown = np.count_nonzero(kinds_of(instances, row) == SHOW_WORD)
    assert np.isin(instances.words[:shown], WORDS).all()
    assert positions.tolist() == masked(ids, by_words, by_spans, key)[0].tolist()
