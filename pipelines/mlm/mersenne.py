"""CPython's `random.Random` in compiled code: MT19937, random(), randrange() and shuffle() with the same stream.

M. Matsumoto and T. Nishimura, Mersenne Twister, ACM TOMACS 8 (1998); the derived methods are those of CPython's
Modules/_randommodule.c and Lib/random.py. The outputs are computed in blocks of 624 numbers.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.kernels import borrowing_jit

N, M = 624, 397
_MATRIX = np.uint32(0x9908B0DF)
_UPPER = np.uint32(0x80000000)
_LOWER = np.uint32(0x7FFFFFFF)
_TEMPER_B = np.uint32(0x9D2C5680)
_TEMPER_C = np.uint32(0xEFC60000)


class Twister(NamedTuple):
    """A generator: its state, the outputs of this block (both uint32[624]), and how many are used (int64[1])."""

    state: NDArray[np.uint32]
    outputs: NDArray[np.uint32]
    used: NDArray[np.int64]


def twister(seed: int) -> Twister:
    """The generator with the state of `random.Random(seed)`."""
    *words, used = random.Random(seed).getstate()[1]
    generator = Twister(np.array(words, np.uint32), np.empty(N, np.uint32), np.array([used], np.int64))
    _temper(generator.state, generator.outputs)
    return generator


@borrowing_jit
def _temper(state, outputs):
    for i in range(N):
        y = state[i]
        y ^= y >> np.uint32(11)
        y ^= (y << np.uint32(7)) & _TEMPER_B
        y ^= (y << np.uint32(15)) & _TEMPER_C
        y ^= y >> np.uint32(18)
        outputs[i] = y


@borrowing_jit
def _twist(state, i, following, distant):
    y = (state[i] & _UPPER) | (state[following] & _LOWER)
    odd = np.uint32(0) - (y & np.uint32(1))  # all ones for an odd number
    state[i] = state[distant] ^ (y >> np.uint32(1)) ^ (odd & _MATRIX)


@borrowing_jit
def refill(twister):
    """Compute the next block of outputs."""
    state = twister.state
    for i in range(N - M):
        _twist(state, i, i + 1, i + M)
    for i in range(N - M, N - 1):
        _twist(state, i, i + 1, i + M - N)
    _twist(state, N - 1, 0, M - 1)
    _temper(state, twister.outputs)
    twister.used[0] = 0


@borrowing_jit
def next_word(twister):
    """The next 32 random bits, as int64."""
    if twister.used[0] == N:
        refill(twister)
    word = np.int64(twister.outputs[twister.used[0]])
    twister.used[0] += 1
    return word


@borrowing_jit
def uniform(twister):
    """`random()`: a float in [0, 1) of 53 bits."""
    high = next_word(twister) >> 5
    low = next_word(twister) >> 6
    return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0)


@borrowing_jit
def below(twister, n):
    """`_randbelow(n)`: an integer in [0, n), for 1 ≤ n < 2**32; on which randrange and randint are based."""
    bits = 0
    while n >> bits:
        bits += 1
    number = next_word(twister) >> (32 - bits)
    while number >= n:
        number = next_word(twister) >> (32 - bits)
    return number


@borrowing_jit
def shuffle(twister, items, length):
    """`shuffle()` of ``items[:length]``, in place.

    For the last index n - 1 of the remaining items, an index below n is drawn by rejection, and two items are swapped.
    Here a rejected number is turned into n - 1, which swaps the last item with itself and leaves n as it is: so the
    loop has no branch that a processor must predict.
    """
    used = twister.used[0]
    n = length
    while n > 1:
        bits = 0
        while n >> bits:
            bits += 1
        shift = np.uint32(32 - bits)
        lowest = max(1 << (bits - 1), 2)  # below, numbers have one bit less, or nothing is left to do
        while n >= lowest:
            if used == N:
                refill(twister)
                used = 0
            stop = used + min(N - used, n - lowest + 1)  # each number lowers n by one at most
            last = np.uint32(n - 1)
            for i in range(used, stop):
                drawn = np.uint32(twister.outputs[i] >> shift)
                chosen = np.int64(min(drawn, last))
                item = items[np.int64(last)]
                items[np.int64(last)] = items[chosen]
                items[chosen] = item
                last = np.uint32(last - np.uint32(drawn <= last))
            n = np.int64(last) + 1
            used = stop
    twister.used[0] = used
