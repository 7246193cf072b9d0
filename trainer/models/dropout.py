"""Dropout without state: a mask depends on seed, step, example and site in the model, on nothing else.

Each example of the global batch gets two 32-bit keys (`example_keys`). The mask of one example at one dropout site is a
hash of these keys, the site and the element's index. So training resumes bit for bit from the step number alone, and
the masks do not change with the number of devices, hosts or micro-batches, nor with the engine.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from berth.kernels.hashing import GOLDEN_RATIO
from berth.kernels.keyed_random import mix_array

# Multipliers of a 32-bit integer hash (C. Wellons, "lowbias32"), and of the golden-ratio sequence.
MULTIPLIER_1 = 0x7FEB352D
MULTIPLIER_2 = 0x846CA68B
GOLDEN = 0x9E3779B9


def _splitmix(values: np.ndarray) -> np.ndarray:
    return mix_array(values + GOLDEN_RATIO)


def example_keys(seed: int, step: int, examples: np.ndarray) -> np.ndarray:
    """Keys of the examples of one optimizer step.

    Args:
        seed: The recipe's seed.
        step: Number of the optimizer update, from 1.
        examples: Indices in the global batch, integers [batch].

    Returns:
        uint32 [batch, 2].
    """
    start = np.array([seed & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64)
    base = _splitmix(_splitmix(start) ^ np.uint64(step))
    mixed = _splitmix(base ^ examples.astype(np.uint64))
    return np.stack([mixed & np.uint64(0xFFFFFFFF), mixed >> np.uint64(32)], axis=1).astype(np.uint32)


def dropout(values: Any, rate: float, keys: Any | None, site: int) -> Any:
    """Set a share of the elements to zero and scale the others up, so that the expectation stays the same.

    Args:
        values: [batch, …]; all dimensions but the first are static.
        rate: Probability that an element is dropped.
        keys: uint32 [batch, 2] from :func:`example_keys`; None returns the values unchanged.
        site: Number of this dropout in the model, so that no two share a mask.
    """
    if keys is None or rate == 0.0:
        return values
    from keras import ops

    shape = tuple(values.shape[1:])
    index = np.arange(math.prod(shape), dtype=np.uint32)[None, :]
    site_key = np.uint32((site * GOLDEN) & 0xFFFFFFFF)
    word = ops.bitwise_xor(_constant(index) * _constant(GOLDEN), ops.bitwise_xor(keys[:, :1], _constant(site_key)))
    word = _shift_xor(word, 16) * _constant(MULTIPLIER_1)
    word = ops.bitwise_xor(word, keys[:, 1:])
    word = _shift_xor(word, 15) * _constant(MULTIPLIER_2)
    word = _shift_xor(word, 16)
    kept = ops.reshape(word >= _constant(round(rate * 2**32)), (-1, *shape))
    return ops.where(kept, values * (1.0 / (1.0 - rate)), ops.zeros_like(values))


def _constant(value: Any) -> Any:
    from keras import ops

    return ops.convert_to_tensor(np.asarray(value, dtype=np.uint32))


def _shift_xor(word: Any, bits: int) -> Any:
    from keras import ops

    return ops.bitwise_xor(word, ops.right_shift(word, _constant(bits)))
