"""Compiled kernels: one decorator, and one place on this machine where their machine code is kept."""

from __future__ import annotations

import functools
import hashlib
import os
from pathlib import Path

import platformdirs


def _cache_directory() -> str:
    """A directory named by the kernels' sources: all files of Berth that import this module.

    Numba notices a change in a kernel's own file but not in the functions it calls from other files; a directory for
    each state of the sources makes stale machine code impossible. BERTH_CACHE moves it elsewhere.
    """
    digest = hashlib.sha256()
    root = Path(__file__).parent.parent
    for floor in ("berth", "pipelines", "trainer"):
        for path in sorted((root / floor).rglob("*.py")):
            source = path.read_bytes()
            if b"berth.kernels" in source:  # a file with kernels imports this module
                digest.update(source)
    base = os.environ.get("BERTH_CACHE") or platformdirs.user_cache_dir("berth")
    return str(Path(base) / "kernels" / digest.hexdigest()[:16])


os.environ.setdefault("NUMBA_CACHE_DIR", _cache_directory())

import numba  # noqa: E402  reads NUMBA_CACHE_DIR when imported

# Kernels release the interpreter lock, so that worker threads run side by side.
jit = functools.partial(numba.njit, cache=True, nogil=True)
