"""Keyed random numbers: the published generator, independent streams, numbers in their bounds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.kernels.keyed_random import absorb, below, mix, mix_array, next_number, start, uniform

ALL_BITS = 2**64 - 1
GOLDEN_RATIO = 0x9E3779B97F4A7C15
STREAMS = 9


def plain_mix(number):
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9 & ALL_BITS
    number = (number ^ (number >> 27)) * 0x94D049BB133111EB & ALL_BITS
    return number ^ (number >> 31)


def test_streams_are_splitmix64():
    """Against the published generator: a state that grows by the golden ratio, mixed."""
    states = np.zeros(STREAMS, np.uint64)
    numbers = [int(next_number(states, 2)) for _ in range(3)]
    assert numbers == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


@settings(deadline=None)
@given(st.lists(st.integers(0, ALL_BITS)))
def test_mixing_one_number_or_an_array(numbers):
    expected = list(map(plain_mix, numbers))
    assert [int(mix(np.uint64(number))) for number in numbers] == expected
    assert mix_array(np.array(numbers, np.uint64)).tolist() == expected


@settings(deadline=None)
@given(st.integers(0, ALL_BITS), st.integers(0, 2**63 - 1))
def test_a_key_of_a_key_and_a_number(key, number):
    expected = plain_mix(key ^ plain_mix(number + GOLDEN_RATIO & ALL_BITS))
    assert int(absorb(np.uint64(key), number)) == expected
    states = np.empty(STREAMS, np.uint64)
    start(states, np.uint64(key))
    assert states.tolist() == [int(absorb(np.uint64(key), purpose)) for purpose in range(STREAMS)]


def test_streams_do_not_share_numbers():
    states = np.empty(STREAMS, np.uint64)
    start(states, np.uint64(1))
    numbers = [int(next_number(states, stream)) for stream in range(STREAMS) for _ in range(100)]
    assert len(set(numbers)) == len(numbers)


@settings(deadline=None)
@given(st.integers(0, ALL_BITS), st.integers(1, 2**32 - 1))
def test_numbers_are_in_their_bounds(key, n):
    states = np.empty(STREAMS, np.uint64)
    start(states, np.uint64(key))
    twin = states.copy()
    for _ in range(20):
        assert below(states, 1, n) == (int(next_number(twin, 1)) >> 32) * n >> 32
        assert uniform(states, 2) == (int(next_number(twin, 2)) >> 11) / 2**53
