"""Importing a library without others that it uses only if they are installed: each costs a process up to seconds."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def without(*packages: str) -> Iterator[None]:
    """Import what is in the block as if these packages were not installed; those that are loaded already stay.

    Afterwards they can be imported as ever.
    """
    hidden = [name for name in packages if name not in sys.modules]
    # This makes importing them an ImportError.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
