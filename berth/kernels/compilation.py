"""Decorators that compile kernels, and the directory that caches their machine code."""

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
    each state of the sources rules out stale machine code. BERTH_CACHE names another parent directory. A missing
    directory starts as a copy of that in BERTH_WARM_CACHE, if there is one: container images contain one, which numba
    cannot use itself, because it is read-only.
    """
    digest = hashlib.sha256()
    root = Path(__file__).parents[2]
    for package in ("berth", "pipelines", "trainer"):
        for path in sorted((root / package).rglob("*.py")):
            source = path.read_bytes()
            if b"berth.kernels" in source:  # a file with kernels imports this module
                digest.update(source)
    name = Path("kernels", digest.hexdigest()[:16])
    directory = Path(os.environ.get("BERTH_CACHE") or platformdirs.user_cache_dir("berth"), name)
    if (warm := os.environ.get("BERTH_WARM_CACHE")) and Path(warm, name).exists() and not directory.exists():
        _copy(Path(warm, name), directory)
    return str(directory)


def _copy(source: Path, directory: Path) -> None:
    """Copy ``source`` to ``directory``, which appears only when complete; several processes may do so at once."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent) as temporary:
        copy = shutil.copytree(source, Path(temporary, directory.name), copy_function=shutil.copyfile)
        try:
            copy.rename(directory)
        except OSError:
            if not directory.exists():  # no other process was faster
                raise


os.environ.setdefault("NUMBA_CACHE_DIR", _cache_directory())
os.environ.setdefault("NUMBA_CACHE_LOCATOR_CLASSES", "berth.kernels.cache_locator.CacheLocator")

import numba  # noqa: E402  reads the variables above when imported

# Kernels release the interpreter lock, so that worker threads run in parallel.
jit = functools.partial(numba.njit, cache=True, nogil=True)
# For kernels that allocate nothing and return no array. Otherwise numba counts, with atomic instructions, the
# references to the arrays that one kernel passes to another (https://github.com/numba/numba/issues/2350), which takes
# longer than a short kernel's own work.
borrowing_jit = functools.partial(jit, _nrt=False)
# For such kernels with one caller: compiled into it, because an array is passed as seven numbers.
inlined_jit = functools.partial(borrowing_jit, forceinline=True)
