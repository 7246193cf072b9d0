"""Selection of the documents that are held out for evaluation, and the number of all documents."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterable
from dataclasses import dataclass

from berth import storage
from pipelines.documents.keyed_hash import keyed_hash

EVALUATION = "evaluation"


@dataclass(frozen=True)
class Selection:
    """The held-out documents among some documents.

    Attributes:
        documents: Number of documents with text.
        held_out: Keyed hash and id of those with the smallest keyed hashes, in order.
    """

    documents: int
    held_out: tuple[tuple[int, str], ...]

    @classmethod
    def among(cls, ids: Iterable[str], seed: int, wanted: int) -> Selection:
        """The ``wanted`` documents with the smallest keyed hashes."""
        hashes = [(keyed_hash(seed, EVALUATION, name), name) for name in ids]
        return cls(len(hashes), tuple(heapq.nsmallest(wanted, set(hashes))))

    @classmethod
    def merged(cls, parts: Iterable[Selection], wanted: int) -> Selection:
        """The selection among the documents of all parts. A document in several parts is held out once."""
        parts = list(parts)
        candidates = {candidate for part in parts for candidate in part.held_out}
        return cls(sum(part.documents for part in parts), tuple(heapq.nsmallest(wanted, candidates)))

    def to_json(self) -> bytes:
        """As JSON."""
        return json.dumps({"documents": self.documents, "held_out": self.held_out}).encode()

    @classmethod
    def read(cls, uri: str) -> Selection:
        """Read what :meth:`to_json` returned."""
        fields = json.loads(storage.read_bytes(uri))
        return cls(fields["documents"], tuple((value, name) for value, name in fields["held_out"]))
