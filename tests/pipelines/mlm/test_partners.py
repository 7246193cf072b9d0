"""The ring of partners: the next document after a point, never one with the same content."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.mlm.partners import POINTS, partner_at, ring_of

ALL_BITS = 2**64 - 1
keys_of_documents = st.lists(st.integers(0, ALL_BITS), min_size=2, max_size=8).filter(lambda keys: len(set(keys)) > 1)


@settings(deadline=None)
@given(keys_of_documents, st.integers(0, ALL_BITS), st.data())
def test_the_next_other_document_on_the_ring(keys, point, data):
    document = data.draw(st.integers(0, len(keys) - 1))
    array = np.array(keys, np.uint64)
    ring = ring_of(array)
    assert len(ring.points) == POINTS * len(keys)
    assert (np.diff(ring.points.astype(object)) >= 0).all()
    turned = sorted(range(len(ring.points)), key=lambda index: (int(ring.points[index]) < point, index))
    expected = next(keys[ring.documents[index]] for index in turned if keys[ring.documents[index]] != keys[document])
    assert keys[partner_at(ring, np.uint64(point), array, document)] == expected


@pytest.mark.parametrize("added", [1, 10])
def test_a_document_that_is_added_takes_over_only_the_draws_before_its_points(added):
    random = np.random.default_rng(2)
    keys = random.integers(0, ALL_BITS, 100, np.uint64)
    more = np.concatenate([keys, random.integers(0, ALL_BITS, added, np.uint64)])
    few, many = ring_of(keys), ring_of(more)
    for point in random.integers(0, ALL_BITS, 500, np.uint64):
        partner = partner_at(many, point, more, 0)
        assert partner >= 100 or partner == partner_at(few, point, keys, 0)
