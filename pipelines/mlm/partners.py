"""Which document a random next sentence comes from: a choice that hardly depends on which documents there are.

Each document has points on a ring of 64-bit numbers; a draw is a point too, and the next document on the ring is
chosen (consistent hashing: Karger et al., STOC 1997). A document that is added takes over only the draws for
which it is now the next one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.kernels import borrowing_jit
from berth.kernels.keyed_random import absorb

# More points make documents more equally likely: the standard deviation of a document's share is 1 / sqrt(16) of it.
POINTS = 16


class Ring(NamedTuple):
    """``points`` (uint64, ascending) and the document of each (``documents``, int32)."""

    points: NDArray[np.uint64]
    documents: NDArray[np.int32]


def ring_of(keys: NDArray[np.uint64]) -> Ring:
    """The ring of documents with these keys (uint64)."""
    points = np.empty(len(keys) * POINTS, np.uint64)
    place_points(keys, points)
    order = np.argsort(points)
    return Ring(points[order], (order // POINTS).astype(np.int32))


@borrowing_jit
def place_points(keys, points):
    """Write the points of each document."""
    for document in range(len(keys)):
        for k in range(POINTS):
            points[document * POINTS + k] = absorb(keys[document], k)


@borrowing_jit
def partner_at(ring, point, keys, document):
    """The first document from ``point`` (uint64) on whose key is not that of ``document``. There must be one."""
    low, high = 0, len(ring.points)
    while low < high:
        middle = (low + high) // 2
        if ring.points[middle] < point:
            low = middle + 1
        else:
            high = middle
    while True:
        if low == len(ring.points):
            low = 0
        other = ring.documents[low]
        if keys[other] != keys[document]:
            return np.int64(other)
        low += 1
