"""Hashes of bytes and of numbers: FNV-1a, and multiplication by the golden ratio."""

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit, inlined_jit

# FNV-1a of 64 bits, http://www.isthe.com/chongo/tech/comp/fnv/
FNV_OFFSET = np.uint64(14695981039346656037)
FNV_PRIME = np.uint64(1099511628211)
# 2**64 divided by the golden ratio: D. Knuth, The Art of Computer Programming 3, section 6.4.
GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)
# Odd factors for the further words of a key: primes of xxHash, https://github.com/Cyan4973/xxHash
_FACTORS = (np.uint64(0xC2B2AE3D27D4EB4F), np.uint64(0x165667B19E3779F9), np.uint64(0x27D4EB2F165667C5))
_HALF = np.uint64(32)


def fnv1a(data: bytes) -> int:
    """The FNV-1a hash of bytes, in [0, 2**64): what :func:`hash_bytes` computes, for use outside kernels."""
    value = int(FNV_OFFSET)
    for byte in data:
        value = ((value ^ byte) * int(FNV_PRIME)) & 0xFFFFFFFFFFFFFFFF
    return value


@inlined_jit
def add_byte(value, byte):
    """The FNV-1a hash (uint64) of one more byte, ``value`` being that of the bytes before it."""
    return (value ^ np.uint64(byte)) * FNV_PRIME


@inlined_jit
def add_bytes(value, text, start, stop):
    """The FNV-1a hash of ``text[start:stop]`` (uint8) more, ``value`` being that of the bytes before it."""
    for at in range(start, stop):
        value = add_byte(value, text[at])
    return value


@inlined_jit
def hash_bytes(text, start, stop):
    """The FNV-1a hash (uint64) of ``text[start:stop]`` (uint8)."""
    return add_bytes(FNV_OFFSET, text, start, stop)


@inlined_jit
def fold(value):
    """A hash whose high half is mixed into its low half, which alone chooses a slot of a small table."""
    return value ^ (value >> _HALF)


@borrowing_jit
def multiplicative_hash(number):
    """The multiplicative hash of a number (uint64): its high bits depend on all bits of the number."""
    return number * GOLDEN_RATIO


@borrowing_jit
def hash_four_words(words):
    """The multiplicative hash of ``words`` (uint64[4])."""
    mixed = words[0] ^ (words[1] * _FACTORS[0]) ^ (words[2] * _FACTORS[1]) ^ (words[3] * _FACTORS[2])
    return multiplicative_hash(mixed)
