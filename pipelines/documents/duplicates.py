"""Exact duplicates: which copies of a text are dropped, decided from hashes and positions alone.

An occurrence says where a text is and holds the hash of the text. A Beam GroupByKey brings together the occurrences of
one hash range, as packed arrays of OCCURRENCE_BYTES a text; the texts themselves are never shuffled. Of several copies
the one whose document id has the smallest hash is kept, so the choice depends neither on order nor on workers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.documents.keyed_hash import keyed_hash

# 128 bits of the text's BLAKE2b (two of a billion texts share them with odds of 1e-20), the hash of the document's id,
# then where the text is. `paragraph` is WHOLE for a document.
OCCURRENCE = np.dtype(
    [("high", "<u8"), ("low", "<u8"), ("id", "<u8"), ("group", "<u4"), ("row", "<u4"), ("paragraph", "<u4")]
)
OCCURRENCE_BYTES = OCCURRENCE.itemsize
DUPLICATE = np.dtype([("row", "<u4"), ("paragraph", "<u4")])
WHOLE = 0
# Ranges of hashes that are compared separately: a worker sorts the occurrences of one.
RANGES = 64


class Occurrences:
    """The occurrences of the texts of one article group, by range of their hashes."""

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

    def by_range(self) -> Iterator[tuple[int, bytes]]:
        """Range and packed occurrences, for a GroupByKey."""
        occurrences = np.array(self._rows, OCCURRENCE)
        ranges = occurrences["high"] % np.uint64(RANGES)
        for number in np.unique(ranges):
            yield int(number), occurrences[ranges == number].tobytes()


def find_duplicates(grouped: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
    """The copies to drop among the occurrences of one hash range: group and packed DUPLICATEs, for a GroupByKey."""
    occurrences = np.frombuffer(b"".join(grouped[1]), OCCURRENCE)
    occurrences = occurrences[np.lexsort([occurrences[name] for name in reversed(OCCURRENCE.names or ())])]
    equals_previous = (occurrences["high"][1:] == occurrences["high"][:-1]) & (
        occurrences["low"][1:] == occurrences["low"][:-1]
    )
    dropped = occurrences[1:][equals_previous]
    for group in np.unique(dropped["group"]):
        yield int(group), _packed(dropped[dropped["group"] == group])


def merge_duplicates(parts: Iterable[bytes]) -> bytes:
    """All duplicates of a group in order, packed."""
    duplicates = np.frombuffer(b"".join(parts), DUPLICATE)
    return bytes(np.sort(duplicates, order=["row", "paragraph"]).tobytes())


def read_duplicates(content: bytes) -> set[tuple[int, int]]:
    """Row and paragraph of each duplicate."""
    duplicates = np.frombuffer(content, DUPLICATE)
    return set(zip(duplicates["row"].tolist(), duplicates["paragraph"].tolist(), strict=True))


def _packed(occurrences: npt.NDArray[Any]) -> bytes:
    duplicates = np.empty(len(occurrences), DUPLICATE)
    duplicates["row"], duplicates["paragraph"] = occurrences["row"], occurrences["paragraph"]
    return bytes(duplicates.tobytes())
