"""Compiled kernels: one decorator, and one place on this machine where their machine code is kept."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import platformdirs


def _cache_directory() -> str:
    """A directory named by the kernels' sources: all files of Berth that import this module.

    Numba notices a change in a kernel's own file but not in the functions it calls from other files; a directory for
    each state of the sources makes stale machine code impossible. BERTH_CACHE moves it elsewhere. Where there is none
    yet, it begins as a copy of that in BERTH_WARM_CACHE: a container image brings one, which numba cannot use itself,
    because it may not be written to.
    """
    digest = hashlib.sha256()
    root = Path(__file__).parents[2]
    for floor in ("berth", "pipelines", "trainer"):
        for path in sorted((root / floor).rglob("*.py")):
            source = path.read_bytes()
            if b"berth.kernels" in source:  # a file with kernels imports this module
                digest.update(source)
    name = Path("kernels", digest.hexdigest()[:16])
    directory = Path(os.environ.get("BERTH_CACHE") or platformdirs.user_cache_dir("berth"), name)
    if (warm := os.environ.get("BERTH_WARM_CACHE")) and Path(warm, name).exists() and not directory.exists():
        _copy(Path(warm, name), directory)
    return str(directory)


def _copy(source: Path, directory: Path) -> None:
    """Make ``directory`` a copy that is complete once it is there; several processes may do so at once."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent) as temporary:
        copy = shutil.copytree(source, Path(temporary, directory.name), copy_function=shutil.copyfile)
        try:
            copy.rename(directory)
        except OSError:
            if not directory.exists():  # no other process was faster
                raise


os.environ.setdefault("NUMBA_CACHE_DIR", _cache_directory())

import numba  # noqa: E402  reads NUMBA_CACHE_DIR when imported

# Kernels release the interpreter lock, so that worker threads run side by side.
jit = functools.partial(numba.njit, cache=True, nogil=True)
# For kernels that allocate nothing and return no array. Otherwise numba counts, with atomic instructions, the
# references to the arrays that one kernel hands to another (https://github.com/numba/numba/issues/2350): short ones
# take longer for that than for their work.
borrowing_jit = functools.partial(jit, _nrt=False)
# For such kernels with one caller: compiled into it, because an array is handed over as seven numbers.
inlined_jit = functools.partial(borrowing_jit, forceinline=True)
