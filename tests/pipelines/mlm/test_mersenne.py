"""The compiled Mersenne Twister is CPython's."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.mlm import mersenne

SEEDS = st.integers(0, 2**63 - 1)


@settings(deadline=None)
@given(SEEDS, st.lists(st.sampled_from(["random", "below", "shuffle"]), max_size=40), st.integers(1, 2**31))
def test_calls_in_any_order_give_the_same_stream(seed, calls, n):
    expected, twister = random.Random(seed), mersenne.twister(seed)
    for call in calls:
        if call == "random":
            assert mersenne.uniform(twister) == expected.random()
        elif call == "below":
            assert mersenne.below(twister, n) == expected.randrange(n)
        else:
            items = list(range(n % 300))
            array = np.arange(n % 300, dtype=np.uint16)
            expected.shuffle(items)
            mersenne.shuffle(twister, array, len(array))
            assert list(array) == items


def test_long_shuffles_are_the_same():
    for length in (0, 1, 2, 3, 4, 5, 7, 8, 9, 623, 624, 625, 1024, 1025, 5000, 70000):
        expected, twister = random.Random(length), mersenne.twister(length)
        items, array = list(range(length)), np.arange(length)
        expected.shuffle(items)
        mersenne.shuffle(twister, array, length)
        assert list(array) == items
        assert mersenne.uniform(twister) == expected.random()


def test_only_the_beginning_of_an_array_is_shuffled():
    array = np.arange(10)
    mersenne.shuffle(mersenne.twister(1), array, 5)
    assert sorted(array[:5]) == [0, 1, 2, 3, 4]
    assert list(array[5:]) == [5, 6, 7, 8, 9]
