"""Where numba caches a kernel's machine code: a place that does not depend on where Berth is installed."""

from __future__ import annotations

from pathlib import Path

from numba.core.caching import UserProvidedCacheLocator

from berth.kernel_cache import ROOT


class CacheLocator(UserProvidedCacheLocator):  # type: ignore[misc]  # numba has no types
    """Numba's locator for NUMBA_CACHE_DIR, but with subdirectories named by package instead of by absolute path.

    So all clones and environments of one user share what one of them compiled. Sources cannot be confused: the
    directory is named by their contents.
    """

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        """The subdirectory for a source file; numba's own choice for files that are not Berth's."""
        directory = Path(py_file).resolve().parent
        if directory.is_relative_to(ROOT):
            return ".".join(directory.relative_to(ROOT).parts)
        return str(super().get_suitable_cache_subpath(py_file))
