"""Copies of a state in the host's memory: what a checkpoint is written from while training goes on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np


def copies(
    arrays: Iterable[tuple[str, np.ndarray]], into: Mapping[str, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Copies of named arrays.

    Args:
        arrays: Name and array, which may share the engine's memory.
        into: Copies of an earlier call, of the same names and shapes, which are written over. Memory that is in use
            already is up to ten times as fast as new memory, whose pages the system has to provide first.
    """
    if not into:
        return {name: np.array(array) for name, array in arrays}
    for name, array in arrays:
        np.copyto(into[name], array)
    return dict(into)
