"""Hash tables of open addressing with linear probing, as arrays that kernels share.

There are two kinds. A *table* (uint64[slots, columns]) holds keys that are numbers, in column 0; 0 is the key of an
empty slot. An *index* (int32[slots]) holds numbers of entries whose keys are byte strings stored elsewhere; NO_ENTRY is
an empty slot. The number of slots is a power of two, and at least one slot must be empty.
"""

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit, inlined_jit

NO_ENTRY = -1
_ONE = np.uint64(1)


@inlined_jit
def find_key(table, key, hashed):
    """The slot (uint64) of a key in a table, or the empty slot where it belongs.

    Args:
        table: uint64[slots, columns].
        key: uint64, not 0.
        hashed: uint64, the key's hash, whose low bits choose the first slot.
    """
    last = np.uint64(len(table) - 1)
    slot = hashed & last
    while table[slot, 0] != key and table[slot, 0] != 0:
        slot = (slot + _ONE) & last
    return slot


@inlined_jit
def are_equal(one, start, stop, other, begin):
    """Whether ``one[start:stop]`` equals the bytes of ``other`` from ``begin`` on, of which there must be as many."""
    at = start
    while at < stop and one[at] == other[begin + at - start]:
        at += 1
    return at == stop


@inlined_jit
def find_bytes(index, hashes, begins, ends, keys, hashed, text, start, stop):
    """The slot (uint64) of the entry whose key is ``text[start:stop]``, or the empty slot where it belongs.

    Args:
        index: int32[slots].
        hashes: uint64, of each entry its key's hash.
        begins: int64, of each entry where its key begins in ``keys``.
        ends: int64, of each entry where its key ends in ``keys``.
        keys: uint8, the bytes of all keys.
        hashed: uint64, the hash of ``text[start:stop]``, whose low bits choose the first slot.
        text: uint8.
        start: Where the key begins in ``text``.
        stop: Where it ends.
    """
    last = np.uint64(len(index) - 1)
    slot = hashed & last
    while index[slot] != NO_ENTRY:
        entry = index[slot]
        is_as_long = ends[entry] - begins[entry] == stop - start
        if hashes[entry] == hashed and is_as_long and are_equal(text, start, stop, keys, begins[entry]):
            break
        slot = (slot + _ONE) & last
    return slot


@borrowing_jit
def add_entries(index, hashes, first, stop):
    """Add the entries ``first`` to ``stop`` (exclusive), none of which is in the index yet, by their hashes."""
    last = np.uint64(len(index) - 1)
    for entry in range(first, stop):
        slot = hashes[entry] & last
        while index[slot] != NO_ENTRY:
            slot = (slot + _ONE) & last
        index[slot] = entry
