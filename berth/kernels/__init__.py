"""Compiled primitives that every kernel builds on, and the decorators that compile them."""

from berth.kernels.compilation import borrowing_jit, inlined_jit, jit

__all__ = ["borrowing_jit", "inlined_jit", "jit"]
