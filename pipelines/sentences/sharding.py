"""Documents → shards through files: each unit is segmented and sorted by shard, then each shard collects its parts.

Only places pass through Beam. A worker holds one unit (16 million characters) or one shard's text at a time, whatever
the size of the corpus; so no runner has to keep the corpus in memory to group it.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from berth import storage
from berth.formats.sentences import EVALUATION as EVALUATION_TEXT
from berth.stage.output import Output
from pipelines.documents.article_groups import Unit
from pipelines.documents.keyed_hash import keyed_hash
from pipelines.sentences.segmented import Segmented, segmented_name
from pipelines.sentences.segmenter import Segmenter
from pipelines.sentences.selection import EVALUATION, Selection

# Files of the stage; names that begin with a dot are not part of the result.
UNITS = ".units"
EVALUATION_HASHES = "eval.md5"
SELECTION = ".selection.json"

_SCHEMA = pa.schema(
    [("order", pa.uint64()), ("id", pa.string()), ("sentences", pa.int64()), ("text", pa.large_binary())]
)


def unit_name(number: int) -> str:
    """The temporary file with a unit's segmented documents."""
    return f"{UNITS}/{number:05d}.arrow"


@dataclass(frozen=True)
class Spread:
    """How documents become shards. It travels to workers.

    Attributes:
        output: The stage's output; the selection stands there.
        shards: Names of the shards, in order.
        seed: Key of all hashes.
        segmenter: What finds the sentences.
        units: Number of units.
    """

    output: Output
    shards: tuple[str, ...]
    seed: int
    segmenter: Segmenter
    units: int

    def segment_unit(self, unit: Unit) -> str:
        """Write a unit's segmented documents to a temporary file, one batch for each shard and one for evaluation."""
        name = unit_name(unit.number)
        if self.output.is_complete(name):
            return name
        segmented = self._segmented(unit)
        held_out = {document for _, document in Selection.read(self.output.path(SELECTION)).held_out}
        keys = sorted((*self._place(name, held_out), name, index) for index, name in enumerate(segmented.ids))
        rows = np.array([key[3] for key in keys], np.intp)
        batch = pa.record_batch(
            [
                pa.array([key[1] for key in keys], pa.uint64()),
                pa.array([key[2] for key in keys], pa.string()),
                pa.array(segmented.sentences[rows], pa.int64()),
                segmented.lines.chosen(rows).array(),
            ],
            schema=_SCHEMA,
        )
        bounds = np.searchsorted([key[0] for key in keys], np.arange(len(self.shards) + 2))
        with self.output.shard(name) as shard:
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            with pa.ipc.new_file(pa.PythonFile(shard, mode="w"), _SCHEMA, options=options) as writer:
                for start, stop in itertools.pairwise(bounds.tolist()):
                    writer.write_batch(batch.slice(start, stop - start))
        return name

    def _segmented(self, unit: Unit) -> Segmented:
        """A unit's documents, segmented before if their lines had to be counted."""
        name = segmented_name(unit.number)
        if self.output.is_complete(name):
            return Segmented.read(self.output.path(name))
        return Segmented.of_unit(unit, self.segmenter)

    def _place(self, document: str, held_out: set[str]) -> tuple[int, int]:
        """A document's shard (their number for evaluation) and its hash there."""
        if document in held_out:
            return len(self.shards), keyed_hash(self.seed, EVALUATION, document)
        shard = keyed_hash(self.seed, "shard", document) % len(self.shards)
        return shard, keyed_hash(self.seed, "order", document)

    def write_shard(self, place: int) -> str:
        """Collect a shard from all units and write it in the order of its keyed hashes; returns its name."""
        name = self.shards[place]
        with self.output.shard(name) as shard:
            for text, sentences in self._collect(place, shard.counters):
                shard.write(text + b"\n")
                shard.records += 1
                shard.counters["documents"] += 1
                shard.counters["sentences"] += sentences
                shard.counters["text_bytes"] += len(text)
        return name

    def write_evaluation(self) -> str:
        """Write the held-out documents in the order of their keyed hashes, and the MD5 of each one's text."""
        duplicates: Counter[str] = Counter()
        documents = list(self._collect(len(self.shards), duplicates))
        with self.output.shard(EVALUATION_HASHES) as hashes:
            for text, _ in documents:
                hashes.write(hashlib.md5(text, usedforsecurity=False).hexdigest().encode() + b"\n")
                hashes.records += 1
        with self.output.shard(EVALUATION_TEXT) as shard:
            shard.counters.update(duplicates)
            for text, sentences in documents:
                shard.write(text + b"\n")
                shard.records += 1
                shard.counters["evaluation_documents"] += 1
                shard.counters["evaluation_sentences"] += sentences
        return EVALUATION_TEXT

    def _collect(self, place: int, counters: Counter[str]) -> Iterator[tuple[bytes, int]]:
        """Text and number of sentences of each document of a shard, in order; of the same page twice, the first."""
        rows: list[tuple[int, str, int, int, bytes]] = []
        for number in range(self.units):
            with storage.open_read(self.output.path(unit_name(number))) as file:
                batch = pa.ipc.open_file(file).get_batch(place)
            columns = [column.to_pylist() for column in batch.columns]
            rows += [(order, name, number, count, text) for order, name, count, text in zip(*columns, strict=True)]
        rows.sort(key=lambda row: row[:3])
        before = ""
        for _, name, _, count, text in rows:
            if name == before:
                counters["rejected_duplicate_id"] += 1
                continue
            before = name
            yield text, count
