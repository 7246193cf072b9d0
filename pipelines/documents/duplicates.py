"""Exact duplicates: which copies of a text are dropped, decided from hashes and positions alone.

An occurrence says where a text is and holds the hash of the text: OCCURRENCE_BYTES a text. Files bring together those
of one hash range (:mod:`deduplication`); the texts themselves are never moved. Of several copies the one whose document
id has the smallest hash is kept, so the choice depends neither on order nor on workers.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from berth.stage.output import Output
from pipelines.documents.keyed_hash import keyed_hash
from pipelines.documents.keyed_rows import read_rows

# 128 bits of the text's BLAKE2b (two of a billion texts share them with odds of 1e-20), the hash of the document's id,
# then where the text is. `paragraph` is WHOLE for a document.
OCCURRENCE = np.dtype(
    [("high", "<u8"), ("low", "<u8"), ("id", "<u8"), ("group", "<u4"), ("row", "<u4"), ("paragraph", "<u4")]
)
OCCURRENCE_BYTES = OCCURRENCE.itemsize
DUPLICATE = np.dtype([("row", "<u4"), ("paragraph", "<u4")])
WHOLE = 0


class Occurrences:
    """The occurrences of the texts of one article group."""

    def __init__(self, group: int) -> None:
        self._group = group
        self._rows: list[tuple[int, int, int, int, int, int]] = []

    def add(self, text: str, document: str, row: int, paragraph: int = WHOLE) -> None:
        """Add a text.

        Args:
            text: The text.
            document: The document's stable id.
            row: Its row in the group.
            paragraph: Index of the paragraph, for a part of the document.
        """
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        high, low = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")
        self._rows.append((high, low, keyed_hash(0, "duplicate", document), self._group, row, paragraph))

    def array(self) -> npt.NDArray[Any]:
        """All of them, of dtype OCCURRENCE."""
        return np.array(self._rows, OCCURRENCE)


def find_duplicates(occurrences: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The copies to drop among occurrences, of dtype OCCURRENCE."""
    occurrences = occurrences[np.lexsort([occurrences[name] for name in reversed(OCCURRENCE.names or ())])]
    equals_previous = (occurrences["high"][1:] == occurrences["high"][:-1]) & (
        occurrences["low"][1:] == occurrences["low"][:-1]
    )
    dropped: npt.NDArray[Any] = occurrences[1:][equals_previous]
    return dropped


def duplicates_name(number: int) -> str:
    """The temporary file that lists the duplicates of a range of hashes, by article group."""
    return f".duplicates/{number:05d}"


def duplicates_of(output: Output, group: int, groups: int, ranges: int) -> set[tuple[int, int]]:
    """Row and paragraph of each duplicate of an article group, from the files of all hash ranges."""
    found: set[tuple[int, int]] = set()
    for number in range(ranges):
        rows = read_rows(output.path(duplicates_name(number)), group, groups, DUPLICATE)
        found.update(zip(rows["row"].tolist(), rows["paragraph"].tolist(), strict=True))
    return found
