"""The hashes: published values, and plain twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.kernels.hashing import fnv1a, fold, hash_bytes, hash_four_words, multiplicative_hash

ALL_BITS = 2**64 - 1
numbers = st.integers(0, ALL_BITS)


@pytest.mark.parametrize(
    ("data", "value"), [(b"", 0xCBF29CE484222325), (b"a", 0xAF63DC4C8601EC8C), (b"foobar", 0x85944171F73967E8)]
)
def test_published_values_of_fnv1a(data, value):
    """Landon Curt Noll's test vectors."""
    assert fnv1a(data) == value


@settings(deadline=None)
@given(st.binary(max_size=40), st.integers(0, 3), st.integers(0, 3))
def test_the_kernel_hashes_as_the_function_for_python(data, skipped, left):
    start, stop = min(skipped, len(data)), max(min(skipped, len(data)), len(data) - left)
    assert int(hash_bytes(np.frombuffer(data, np.uint8), start, stop)) == fnv1a(data[start:stop])


@settings(deadline=None)
@given(numbers, st.lists(numbers, min_size=4, max_size=4))
def test_hashes_of_numbers(number, words):
    assert int(fold(np.uint64(number))) == number ^ (number >> 32)
    assert int(multiplicative_hash(np.uint64(number))) == number * 0x9E3779B97F4A7C15 & ALL_BITS
    factors = (1, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5)
    mixed = 0
    for word, factor in zip(words, factors, strict=True):
        mixed ^= word * factor & ALL_BITS
    assert int(hash_four_words(np.array(words, np.uint64))) == mixed * 0x9E3779B97F4A7C15 & ALL_BITS
