"""Decorators that compile kernels into machine code, which is cached."""

from __future__ import annotations

import functools
import os

from berth import kernel_cache

os.environ.setdefault("NUMBA_CACHE_DIR", str(kernel_cache.directory()))
os.environ.setdefault("NUMBA_CACHE_LOCATOR_CLASSES", "berth.kernels.cache_locator.CacheLocator")

import numba

# Kernels release the interpreter lock, so that worker threads run in parallel.
jit = functools.partial(numba.njit, cache=True, nogil=True)
# For kernels that allocate nothing and return no array. Otherwise numba counts, with atomic instructions, the
# references to the arrays that one kernel passes to another (https://github.com/numba/numba/issues/2350), which takes
# longer than a short kernel's own work.
borrowing_jit = functools.partial(jit, _nrt=False)
# For such kernels with one caller: compiled into it, because an array is passed as seven numbers.
inlined_jit = functools.partial(borrowing_jit, forceinline=True)
