"""The order of the training data: a keyed permutation of the records, computed for any position without a table.

A Feistel network (Luby and Rackoff 1988) permutes the numbers of an even number of bits; numbers outside the range
follow their cycle until they are inside (cycle walking: Black and Rogaway 2002). So the record at any position of any
epoch is found in constant time and memory, and a position in the data is one integer.
"""

from __future__ import annotations

import numpy as np

from berth.kernels.hashing import GOLDEN_RATIO

ROUNDS = 6
# Multipliers of the 64-bit finaliser of MurmurHash3.
MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
# Odd constants by which epochs and rounds differ (fractions of the golden ratio and of the square root of 2).
EPOCH = GOLDEN_RATIO
ROUND = 0x6A09E667F3BCC909
ROUND_KEYS = [np.uint64(number * ROUND & 0xFFFFFFFFFFFFFFFF) for number in range(ROUNDS)]


def _mix(values: np.ndarray) -> np.ndarray:
    mixed: np.ndarray = (values ^ (values >> np.uint64(33))) * MIX_1
    mixed = (mixed ^ (mixed >> np.uint64(33))) * MIX_2
    mixed ^= mixed >> np.uint64(33)
    return mixed


def permute(positions: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The record at each position of the endless sequence of epochs.

    Args:
        positions: int64 [n], from 0; position ``p`` is index ``p % count`` of epoch ``p // count``.
        count: Number of records, at least 1.
        seed: Key of the permutations; each epoch has its own.

    Returns:
        int64 [n] in [0, count): over the positions of one epoch, each record once.
    """
    epochs, indices = np.divmod(positions.astype(np.uint64), np.uint64(count))
    keys = _mix(_mix(np.full(1, seed & 0xFFFFFFFFFFFFFFFF, np.uint64)) + epochs * EPOCH)
    half = np.uint64(max(1, (int(count - 1).bit_length() + 1) // 2))
    low = (np.uint64(1) << half) - np.uint64(1)
    outside = np.ones(len(indices), dtype=bool)
    while outside.any():
        left, right = indices[outside] >> half, indices[outside] & low
        for round_key in ROUND_KEYS:
            scrambled = _mix(right ^ (keys[outside] + round_key))
            left, right = right, left ^ (scrambled & low)
        indices[outside] = (left << half) | right
        outside &= indices >= np.uint64(count)
    return indices.astype(np.int64)
