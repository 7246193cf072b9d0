"""Tables of names: from a kind and a name to a number, by the name's hash alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from berth.kernels import borrowing_jit
from berth.kernels.hash_table import find_key
from berth.kernels.hashing import FNV_OFFSET, add_byte, add_bytes, fnv1a

NOT_FOUND = -1


def name_table(entries: Mapping[tuple[int, bytes], int]) -> npt.NDArray[np.uint64]:
    """A table for :func:`look_up`: uint64[slots, 2], the hash of each name and its number.

    Names are not stored: a name that is not in the table is taken for one with the same hash, of 64 bits.

    Args:
        entries: (kind, name) → number; kinds are below 256, numbers at least 0.

    Raises:
        AssertionError: if two names have one hash, or one has the hash of an empty slot.
    """
    hashed = {fnv1a(bytes([kind]) + name): number for (kind, name), number in entries.items()}
    if len(hashed) != len(entries) or 0 in hashed:
        raise AssertionError("two names have one hash, or one has the hash of an empty slot")
    size = 1 << (2 * len(hashed)).bit_length()
    table = np.zeros((size, 2), np.uint64)
    table[:, 1] = np.array(NOT_FOUND).astype(np.uint64)
    for value in sorted(hashed):
        key = np.uint64(value)
        table[find_key.py_func(table, key, key)] = value, hashed[value]
    return table


@borrowing_jit
def begin_hash(kind):
    """The hash (uint64) of a name among those of one kind, before its first byte; see add_byte."""
    return add_byte(FNV_OFFSET, kind)


@borrowing_jit
def hash_name(kind, text, start, stop):
    """The hash (uint64) of the name text[start:stop] among those of one kind."""
    return add_bytes(begin_hash(kind), text, start, stop)


@borrowing_jit
def look_up(names, hashed):
    """The number (int64) of the name with this hash in a :func:`name_table`, or NOT_FOUND."""
    return np.int64(names[find_key(names, hashed, hashed), 1])
