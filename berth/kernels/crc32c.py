"""CRC-32C (Castagnoli), the checksum of TFRecord files, by the processor's instruction or by tables.

The tables take sixteen bytes at a time (slicing: Kounavis and Berry, IEEE Transactions on Computers 57, 2008).
"""

from __future__ import annotations

import functools
import platform
from typing import Any

import llvmlite.binding  # type: ignore[import-untyped]
import numpy as np
from llvmlite import ir
from numpy.typing import NDArray

from berth.kernels import borrowing_jit

from numba.extending import intrinsic  # isort: skip  numba is first imported by berth.kernels, which sets its cache directory

POLYNOMIAL = 0x82F63B78  # reflected
SLICES = 16
STEP = 8  # bytes the instruction takes at a time
_MASK_DELTA = np.uint32(0xA282EAD8)  # TFRecord stores checksums rotated and shifted (tensorflow/core/lib/hash/crc32c.h)
_ALL_ONES = np.uint32(0xFFFFFFFF)
_BYTE = np.uint32(0xFF)


@functools.cache
def has_instruction() -> bool:
    """Whether this processor has SSE 4.2's crc32 instruction."""
    return platform.machine() == "x86_64" and bool(llvmlite.binding.get_host_cpu_features().get("sse4.2"))


def crc_tables() -> NDArray[np.uint32]:
    """uint32[16, 256]: row k holds what a byte contributes to the checksum if k more bytes follow it."""
    first = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        first = np.where(first & 1, (first >> 1) ^ np.uint32(POLYNOMIAL), first >> 1).astype(np.uint32)
    tables = [first]
    for _ in range(SLICES - 1):
        tables.append((tables[-1] >> 8) ^ first[tables[-1] & 0xFF])
    return np.stack(tables)


@intrinsic
def _crc32_of_eight(typing_context: Any, crc: Any, data: Any, index: Any) -> Any:
    """``crc`` (uint64) updated with the eight bytes of ``data`` (uint8[n]) from ``index`` (int64) on."""
    from numba.core import types

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        value, array, offset = arguments
        begin = context.make_array(signature.args[1])(context, builder, array).data
        eight_bytes = builder.load(builder.gep(begin, [offset]), typ=ir.IntType(64))
        eight_bytes.align = 1
        kind = ir.FunctionType(ir.IntType(64), [ir.IntType(64), ir.IntType(64)])
        instruction = builder.module.declare_intrinsic("llvm.x86.sse42.crc32.64.64", fnty=kind)
        return builder.call(instruction, [value, eight_bytes])

    return types.uint64(types.uint64, data, types.int64), generate


@borrowing_jit
def _update_by_instruction(
    crc: np.uint32, data: NDArray[np.uint8], begin: int, end: int, tables: NDArray[np.uint32]
) -> tuple[np.uint32, int]:
    """Update a CRC with ``data[begin:end]``, eight bytes at a time; returns it and the index of the rest."""
    carried = np.uint64(crc)
    while begin + STEP <= end:
        carried = _crc32_of_eight(carried, data, begin)
        begin += STEP
    return np.uint32(carried), begin


@borrowing_jit
def _update_by_tables(
    crc: np.uint32, data: NDArray[np.uint8], begin: int, end: int, tables: NDArray[np.uint32]
) -> tuple[np.uint32, int]:
    """Update a CRC with ``data[begin:end]``, sixteen bytes at a time; returns it and the index of the rest."""
    while begin + SLICES <= end:
        crc ^= (
            np.uint32(data[begin])
            | np.uint32(data[begin + 1]) << np.uint32(8)
            | np.uint32(data[begin + 2]) << np.uint32(16)
            | np.uint32(data[begin + 3]) << np.uint32(24)
        )
        mixed = (
            tables[15, crc & _BYTE]
            ^ tables[14, crc >> np.uint32(8) & _BYTE]
            ^ tables[13, crc >> np.uint32(16) & _BYTE]
            ^ tables[12, crc >> np.uint32(24) & _BYTE]
        )
        for k in range(4, SLICES):
            mixed ^= tables[SLICES - 1 - k, data[begin + k]]
        crc = np.uint32(mixed)
        begin += SLICES
    return np.uint32(crc), begin


_update = _update_by_instruction if has_instruction() else _update_by_tables


@borrowing_jit
def masked_crc32c(data: NDArray[np.uint8], begin: int, end: int, tables: NDArray[np.uint32]) -> np.uint32:
    """The checksum of ``data[begin:end]`` (uint8) as TFRecord stores it."""
    crc, begin = _update(_ALL_ONES, data, begin, end, tables)
    while begin < end:
        crc = np.uint32(np.uint32(crc >> np.uint32(8)) ^ tables[0, (crc ^ data[begin]) & _BYTE])
        begin += 1
    crc = np.uint32(crc ^ _ALL_ONES)
    return np.uint32(np.uint32(crc >> np.uint32(15) | crc << np.uint32(17)) + _MASK_DELTA)
