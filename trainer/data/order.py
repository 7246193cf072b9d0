"""The order of the training data: keyed permutations of the records, computed for any position without a table.

A Feistel network (Luby and Rackoff 1988) permutes the numbers of an even number of bits; numbers outside the range
follow their cycle until they are inside (cycle walking: Black and Rogaway 2002). So the record at any position of any
epoch is found in constant time and memory, and a position in the data is one integer.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from berth.kernels.hashing import GOLDEN_RATIO

ROUNDS = 6
# Multipliers of the 64-bit finaliser of MurmurHash3.
MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
# Odd constants by which epochs and rounds differ (fractions of the golden ratio and of the square root of 2).
EPOCH = GOLDEN_RATIO
ROUND = 0x6A09E667F3BCC909
ROUND_KEYS = [np.uint64(number * ROUND & 0xFFFFFFFFFFFFFFFF) for number in range(ROUNDS)]


class Order(Protocol):
    """Which record is read at which position of the endless sequence of epochs."""

    def records(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of the records at positions (int64 [n], from 0): int64 [n]."""

    def slots(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The positions of an update (int64 [batch]) in the order in which processes take shares of them."""


class GlobalOrder:
    """A permutation of all records, another one in each epoch.

    Args:
        count: Number of records, at least 1.
        seed: Key of the permutations.
    """

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._seed = count, seed

    def records(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The numbers of the records at positions."""
        return permute(positions, self._count, self._seed)

    def slots(self, positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """The positions as they are."""
        return positions


def permute(positions: NDArray[np.int64], count: int, seed: int) -> NDArray[np.int64]:
    """The record at each position of the endless sequence of epochs.

    Args:
        positions: int64 [n], from 0; position ``p`` is index ``p % count`` of epoch ``p // count``.
        count: Number of records, at least 1.
        seed: Key of the permutations; each epoch has its own.

    Returns:
        int64 [n] in [0, count): over the positions of one epoch, each record once.
    """
    epochs, indices = np.divmod(positions.astype(np.uint64), np.uint64(count))
    return permute_each(indices, np.full(len(indices), count, np.uint64), epoch_keys(epochs, seed))


def epoch_keys(epochs: NDArray[np.uint64], seed: int) -> NDArray[np.uint64]:
    """The key of each epoch: uint64, as many."""
    return mix(mix(np.full(1, seed & 0xFFFFFFFFFFFFFFFF, np.uint64)) + epochs * EPOCH)


def permute_each(
    indices: NDArray[np.uint64], counts: NDArray[np.uint64], keys: NDArray[np.uint64]
) -> NDArray[np.int64]:
    """What each index becomes in the permutation of its own range and key.

    Args:
        indices: uint64 [n], overwritten; each below its count.
        counts: uint64 [n], sizes of the ranges, 1 to 2^52.
        keys: uint64 [n], keys of the permutations.

    Returns:
        int64 [n], each below its count.
    """
    # frexp gives the number of bits, since such numbers are exact as float64.
    bits = np.frexp((counts - np.uint64(1)).astype(np.float64))[1]
    halves = np.maximum(1, (bits + 1) // 2).astype(np.uint64)
    lows = (np.uint64(1) << halves) - np.uint64(1)
    outside = np.arange(len(indices))
    while len(outside):
        half, low, key = halves[outside], lows[outside], keys[outside]
        left, right = indices[outside] >> half, indices[outside] & low
        for round_key in ROUND_KEYS:
            scrambled = mix(right ^ (key + round_key))
            left, right = right, left ^ (scrambled & low)
        indices[outside] = (left << half) | right
        outside = outside[indices[outside] >= counts[outside]]
    return indices.astype(np.int64)


def mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A permutation of the 64-bit numbers in which every bit depends on all."""
    mixed: NDArray[np.uint64] = (values ^ (values >> np.uint64(33))) * MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(33))) * MIX_2
    mixed ^= mixed >> np.uint64(33)
    return mixed
