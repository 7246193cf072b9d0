"""The checksum of TFRecord files, by instruction and by tables."""

from __future__ import annotations

import numpy as np
import pytest
from google_crc32c import value as crc32c
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.kernels import crc32c as module
from berth.kernels.crc32c import crc_tables, masked_crc32c

TABLES = crc_tables()
ALL_ONES = np.uint32(0xFFFFFFFF)


def masked(checksum):
    """The rotation and shift of tensorflow/core/lib/hash/crc32c.h."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_known_value():
    assert masked_crc32c(np.frombuffer(b"123456789", np.uint8).copy(), 0, 9, TABLES) == masked(0xE3069283)


@settings(deadline=None)
@given(st.binary(max_size=200), st.integers(0, 20), st.integers(0, 20))
def test_any_stretch_of_bytes(data, skipped, left):
    begin, end = min(skipped, len(data)), max(len(data) - left, min(skipped, len(data)))
    array = np.frombuffer(data, np.uint8).copy()
    assert masked_crc32c(array, begin, end, TABLES) == masked(crc32c(data[begin:end]))


WAYS = [module._update_by_tables, *([module._update_by_instruction] if module.has_instruction() else [])]


@pytest.mark.parametrize("update", WAYS)
def test_each_way_gives_the_checksum(update):
    data = np.random.default_rng(1).integers(0, 256, 160, np.uint8)
    for length in (0, 8, 16, 48, 160):
        crc, end = update(ALL_ONES, data, 0, length, TABLES)
        assert (int(crc) ^ 0xFFFFFFFF, end) == (crc32c(data[:end].tobytes()), end)
        assert length - end < module.SLICES
