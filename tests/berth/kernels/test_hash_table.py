"""Tables and indexes find what dictionaries find, however full they are and however many hashes collide."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.kernels.hash_table import NO_ENTRY, add_entries, are_equal, find_bytes, find_key

few_hashes = st.integers(0, 3)  # so that most keys collide


@settings(deadline=None)
@given(st.dictionaries(st.integers(1, 2**64 - 1), few_hashes, max_size=15), st.integers(1, 2**64 - 1), few_hashes)
def test_keys_that_are_numbers(hashes, other, hash_of_other):
    table = np.zeros((16, 2), np.uint64)
    for value, (key, hashed) in enumerate(hashes.items()):
        slot = find_key(table, np.uint64(key), np.uint64(hashed))
        assert table[slot, 0] == 0
        table[slot] = key, value
    for value, (key, hashed) in enumerate(hashes.items()):
        assert tuple(table[find_key(table, np.uint64(key), np.uint64(hashed))]) == (key, value)
    if other not in hashes:
        assert table[find_key(table, np.uint64(other), np.uint64(hash_of_other)), 0] == 0


keys = st.binary(max_size=4)


@settings(deadline=None)
@given(st.lists(keys, unique=True, max_size=15), st.lists(keys), st.integers(0, 15))
def test_keys_that_are_bytes(stored, others, added_first):
    """The hash is the length, so that nearly all keys collide."""
    pool = np.frombuffer(b"".join(stored), np.uint8)
    ends = np.cumsum([0, *map(len, stored)])
    hashes = np.array(list(map(len, stored)), np.uint64)
    index = np.full(16, NO_ENTRY, np.int32)
    added_first = min(added_first, len(stored))
    add_entries(index, hashes, 0, added_first)
    add_entries(index, hashes, added_first, len(stored))
    for key in [*stored, *others]:
        text = np.frombuffer(b"x" + key + b"x", np.uint8)
        hashed = np.uint64(len(key))
        slot = find_bytes(index, hashes, ends[:-1], ends[1:], pool, hashed, text, 1, 1 + len(key))
        assert index[slot] == (stored.index(key) if key in stored else NO_ENTRY)


@settings(deadline=None)
@given(st.binary(max_size=6), st.binary(max_size=6))
def test_equality_of_bytes(one, other):
    length = min(len(one), len(other))
    arrays = np.frombuffer(b"-" + one, np.uint8), np.frombuffer(b"--" + other, np.uint8)
    assert are_equal(arrays[0], 1, 1 + length, arrays[1], 2) == (one[:length] == other[:length])
