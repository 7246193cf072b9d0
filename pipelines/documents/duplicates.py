"""Exact duplicates: which copies of a text are left out, found from hashes and places alone.

A place says which text stands where; its hash is that of the text. Places of one hash range come together in a Beam
GroupByKey, as packed arrays of PLACE_BYTES a text; the texts themselves never travel. Of several copies the one whose
document has the smallest hash of its id stays, so the choice depends neither on order nor on workers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.documents.keyed_hash import keyed_hash

# 128 bits of the text's BLAKE2b (two texts share them with odds of 1e-20 among a billion), the hash of the document's
# id, then where the text stands. `paragraph` is WHOLE for a document.
PLACE = np.dtype(
    [("high", "<u8"), ("low", "<u8"), ("id", "<u8"), ("unit", "<u4"), ("row", "<u4"), ("paragraph", "<u4")]
)
PLACE_BYTES = PLACE.itemsize
LOST = np.dtype([("row", "<u4"), ("paragraph", "<u4")])
WHOLE = 0
# Ranges of hashes that are compared separately: a worker sorts the places of one.
RANGES = 64


class Places:
    """The places of one unit's texts, by range of their hashes."""

    def __init__(self, unit: int) -> None:
        self._unit = unit
        self._rows: list[tuple[int, int, int, int, int, int]] = []

    def add(self, text: str, document: str, row: int, paragraph: int = WHOLE) -> None:
        """Add a text.

        Args:
            text: The text.
            document: The document's stable id.
            row: Its row in the unit.
            paragraph: Index of the paragraph, for a part of the document.
        """
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        high, low = int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:], "big")
        self._rows.append((high, low, keyed_hash(0, "duplicate", document), self._unit, row, paragraph))

    def by_range(self) -> Iterator[tuple[int, bytes]]:
        """Range and packed places, for a GroupByKey."""
        places = np.array(self._rows, PLACE)
        ranges = places["high"] % np.uint64(RANGES)
        for number in np.unique(ranges):
            yield int(number), places[ranges == number].tobytes()


def find_lost(grouped: tuple[int, Iterable[bytes]]) -> Iterator[tuple[int, bytes]]:
    """The copies that are left out among the places of one range: unit and packed LOST, for a GroupByKey."""
    places = np.frombuffer(b"".join(grouped[1]), PLACE)
    places = places[np.lexsort([places[name] for name in reversed(PLACE.names or ())])]
    again = (places["high"][1:] == places["high"][:-1]) & (places["low"][1:] == places["low"][:-1])
    lost = places[1:][again]
    for unit in np.unique(lost["unit"]):
        yield int(unit), _packed(lost[lost["unit"] == unit])


def merge_lost(parts: Iterable[bytes]) -> bytes:
    """All of a unit's lost places in order, packed."""
    lost = np.frombuffer(b"".join(parts), LOST)
    return bytes(np.sort(lost, order=["row", "paragraph"]).tobytes())


def read_lost(content: bytes) -> set[tuple[int, int]]:
    """Row and paragraph of each lost place."""
    lost = np.frombuffer(content, LOST)
    return set(zip(lost["row"].tolist(), lost["paragraph"].tolist(), strict=True))


def _packed(places: npt.NDArray[Any]) -> bytes:
    lost = np.empty(len(places), LOST)
    lost["row"], lost["paragraph"] = places["row"], places["paragraph"]
    return bytes(lost.tobytes())
