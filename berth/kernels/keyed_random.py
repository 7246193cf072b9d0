"""Random numbers that are a function of a key: SplitMix64, with a stream for each purpose.

G. Steele, D. Lea, C. Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014. A stream's state is a counter
times a constant plus a key, so the n-th number of a stream can be had without those before it, and no stream depends
on how much another was used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from berth.kernels import borrowing_jit
from berth.kernels.hashing import GOLDEN_RATIO

_FACTOR_1 = np.uint64(0xBF58476D1CE4E5B9)
_FACTOR_2 = np.uint64(0x94D049BB133111EB)
_LOW = np.uint64(0xFFFFFFFF)
_32 = np.uint64(32)


@borrowing_jit
def mix(number):
    """A bijection of the 64-bit numbers (uint64) in which every bit of the input affects every bit of the output."""
    number = (number ^ (number >> np.uint64(30))) * _FACTOR_1
    number = (number ^ (number >> np.uint64(27))) * _FACTOR_2
    return number ^ (number >> np.uint64(31))


def mix_array(numbers: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """:func:`mix` of each number of an array (uint64), outside kernels."""
    return np.asarray(mix.py_func(numbers), np.uint64)


@borrowing_jit
def absorb(key, number):
    """A key (uint64) made of a key and one number more."""
    return mix(key ^ mix(np.uint64(number) + GOLDEN_RATIO))


@borrowing_jit
def start(streams, key):
    """Set all ``streams`` (uint64, one for each purpose) to their beginning under ``key``."""
    for purpose in range(len(streams)):
        streams[purpose] = absorb(key, purpose)


@borrowing_jit
def next_number(streams, purpose):
    """The next 64 random bits of a stream."""
    streams[purpose] += GOLDEN_RATIO
    return mix(streams[purpose])


@borrowing_jit
def uniform(streams, purpose):
    """The next number of a stream as a float in [0, 1) of 53 bits."""
    return np.int64(next_number(streams, purpose) >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@borrowing_jit
def below(streams, purpose, n):
    """The next number of a stream as an integer in [0, n), for 1 ≤ n < 2**32.

    The high half of the product with n (D. Lemire, ACM TOMACS 29, 2019), without his correction: no number is more
    likely than another by more than n / 2**32.
    """
    return scaled(next_number(streams, purpose) >> _32, n)


@borrowing_jit
def scaled(bits, n):
    """32 random bits (uint64) as an integer in [0, n)."""
    return np.int64((bits & _LOW) * np.uint64(n) >> _32)
