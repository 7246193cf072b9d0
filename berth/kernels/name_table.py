"""Names in kernels: a 64-bit hash of a kind and a name, and tables from hash to number."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from berth.kernels import borrowing_jit

# FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
OFFSET = np.uint64(14695981039346656037)
PRIME = np.uint64(1099511628211)

NOT_FOUND = -1


def name_hash(kind: int, name: bytes) -> int:
    """The hash of a name among the names of one kind, as :func:`hash_range` computes it."""
    value = int(OFFSET)
    for byte in bytes([kind]) + name:
        value = ((value ^ byte) * int(PRIME)) & 0xFFFFFFFFFFFFFFFF
    return value


class Table:
    """A table of names: two arrays for kernels, the hash of a name at its own place or the next free one behind.

    Args:
        entries: (kind, name) → number.
    """

    def __init__(self, entries: Mapping[tuple[int, bytes], int]) -> None:
        hashed = {name_hash(kind, name): number for (kind, name), number in entries.items()}
        if len(hashed) != len(entries) or 0 in hashed:
            raise AssertionError("two names have one hash, or one has the hash of a free place")
        size = 1 << (2 * len(hashed)).bit_length()
        self.keys: npt.NDArray[np.uint64] = np.zeros(size, np.uint64)
        self.numbers: npt.NDArray[np.int64] = np.full(size, NOT_FOUND, np.int64)
        for value in sorted(hashed):
            place = value & (size - 1)
            while self.keys[place]:
                place = (place + 1) & (size - 1)
            self.keys[place], self.numbers[place] = value, hashed[value]


@borrowing_jit
def begin_hash(kind):
    """The hash before the first byte of a name."""
    return (OFFSET ^ np.uint64(kind)) * PRIME


@borrowing_jit
def add_byte(value, byte):
    """The hash with one more byte."""
    return (value ^ np.uint64(byte)) * PRIME


@borrowing_jit
def hash_range(kind, text, start, stop):
    """The hash of text[start:stop]."""
    value = begin_hash(kind)
    for at in range(start, stop):
        value = add_byte(value, text[at])
    return value


@borrowing_jit
def look_up(keys, numbers, value):
    """The number of a name, or NOT_FOUND."""
    last = np.uint64(len(keys) - 1)
    place = value & last
    while keys[place] != value and keys[place] != 0:
        place = (place + np.uint64(1)) & last
    return numbers[place]
