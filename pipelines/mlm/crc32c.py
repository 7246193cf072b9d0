"""CRC-32C (Castagnoli), the checksum of TFRecord files, sixteen bytes at a time (slicing, Kounavis and Berry 2008)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from berth.kernels import jit

POLYNOMIAL = 0x82F63B78  # reflected
SLICES = 16
_MASK_DELTA = np.uint32(
    0xA282EAD8
)  # TFRecord stores checksums rotated and shifted, see tensorflow/core/lib/hash/crc32c.h
_ALL_ONES = np.uint32(0xFFFFFFFF)
_BYTE = np.uint32(0xFF)


def crc_tables() -> NDArray[np.uint32]:
    """uint32[16, 256]: row k holds the checksum contribution of a byte that k more bytes follow."""
    first = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        first = np.where(first & 1, (first >> 1) ^ np.uint32(POLYNOMIAL), first >> 1).astype(np.uint32)
    tables = [first]
    for _ in range(SLICES - 1):
        tables.append((tables[-1] >> 8) ^ first[tables[-1] & 0xFF])
    return np.stack(tables)


@jit(_nrt=False)
def masked_crc32c(data, begin, end, tables):
    """The checksum of ``data[begin:end]`` (uint8) as TFRecord stores it."""
    crc = _ALL_ONES
    i = begin
    while i + SLICES <= end:
        crc ^= (
            np.uint32(data[i])
            | np.uint32(data[i + 1]) << np.uint32(8)
            | np.uint32(data[i + 2]) << np.uint32(16)
            | np.uint32(data[i + 3]) << np.uint32(24)
        )
        mixed = (
            tables[15, crc & _BYTE]
            ^ tables[14, crc >> np.uint32(8) & _BYTE]
            ^ tables[13, crc >> np.uint32(16) & _BYTE]
            ^ tables[12, crc >> np.uint32(24) & _BYTE]
        )
        for k in range(4, SLICES):
            mixed ^= tables[SLICES - 1 - k, data[i + k]]
        crc = np.uint32(mixed)
        i += SLICES
    while i < end:
        crc = np.uint32(crc >> np.uint32(8)) ^ tables[0, (crc ^ data[i]) & _BYTE]
        i += 1
    crc = np.uint32(crc ^ _ALL_ONES)
    return np.uint32(np.uint32(crc >> np.uint32(15) | crc << np.uint32(17)) + _MASK_DELTA)
