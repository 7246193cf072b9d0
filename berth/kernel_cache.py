"""The directory that caches the kernels' machine code, and which groups of kernels it holds whole. Without numba."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import platformdirs

ROOT = Path(__file__).parents[1]


def user_directory() -> Path:
    """The user's cache directory for Berth: BERTH_CACHE, or the operating system's place for it."""
    return Path(os.environ.get("BERTH_CACHE") or platformdirs.user_cache_dir("berth"))


@functools.cache
def directory() -> Path:
    """A directory named by the kernels' sources: all files of Berth that import `berth.kernels`.

    Numba notices a change in a kernel's own file but not in the functions it calls from other files; a directory for
    each state of the sources rules out stale machine code. BERTH_CACHE names another parent directory. A missing
    directory starts as a copy of that in BERTH_WARM_CACHE, if there is one: container images contain one, which numba
    cannot use itself, because it is read-only.
    """
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        return Path(chosen)
    digest = hashlib.sha256()
    for package in ("berth", "pipelines", "trainer"):
        for path in sorted((ROOT / package).rglob("*.py")):
            source = path.read_bytes()
            if b"berth.kernels" in source:  # a file with kernels imports that package
                digest.update(source)
    name = Path("kernels", digest.hexdigest()[:16])
    cache = user_directory() / name
    if (warm := os.environ.get("BERTH_WARM_CACHE")) and Path(warm, name).exists() and not cache.exists():
        _copy(Path(warm, name), cache)
    return cache


def is_compiled(group: str) -> bool:
    """Whether all kernels of a group were compiled on this machine."""
    return _marker(group).exists()


def set_compiled(group: str) -> None:
    """Record that all kernels of a group are compiled."""
    _marker(group).touch()


def _marker(group: str) -> Path:
    return directory() / f"{group}.compiled"


def _copy(source: Path, destination: Path) -> None:
    """Copy a directory; the copy appears only when complete. Several processes may do so at once."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent) as temporary:
        copy = shutil.copytree(source, Path(temporary, destination.name), copy_function=shutil.copyfile)
        try:
            copy.rename(destination)
        except OSError:
            if not destination.exists():  # no other process was faster
                raise
