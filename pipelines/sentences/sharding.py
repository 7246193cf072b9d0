"""Documents → shards through files: each group is split and sorted by shard, then each shard collects its documents.

Beam passes names of files, no text. A worker holds one article group (16 million characters) or one shard's text at a
time, whatever the size of the corpus, so no runner has to keep the corpus in memory to group it.
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
from pipelines.documents.article_groups import ArticleGroup
from pipelines.documents.keyed_hash import keyed_hash
from pipelines.sentences.segmenter import Segmenter
from pipelines.sentences.selection import EVALUATION, Selection
from pipelines.sentences.split_documents import SplitDocuments, split_name

# Files of the stage; names that begin with a dot are not part of the result.
SORTED = ".sorted"
EVALUATION_HASHES = "eval.md5"
SELECTION = ".selection.json"

_SCHEMA = pa.schema(
    [("order", pa.uint64()), ("id", pa.string()), ("sentences", pa.int64()), ("text", pa.large_binary())]
)


def sorted_name(number: int) -> str:
    """The temporary file with the split documents of an article group, sorted by shard."""
    return f"{SORTED}/{number:05d}.arrow"


def shard_of(document: str, seed: int, shards: int) -> int:
    """Index of the shard of a document: a keyed hash of its id."""
    return keyed_hash(seed, "shard", document) % shards


def order_of(document: str, seed: int) -> int:
    """The number by which a document is ordered in its shard: a keyed hash of its id."""
    return keyed_hash(seed, "order", document)


@dataclass(frozen=True)
class Sharding:
    """How documents are distributed over shards. Workers get copies.

    Attributes:
        output: The stage's output, which holds the selection.
        shards: Names of the shards, in order.
        seed: Key of all hashes.
        segmenter: Splits text into sentences.
        groups: Number of article groups.
    """

    output: Output
    shards: tuple[str, ...]
    seed: int
    segmenter: Segmenter
    groups: int

    def split_group(self, group: ArticleGroup) -> str:
        """Write the split documents of a group to a temporary file, one batch a shard and one for evaluation."""
        name = sorted_name(group.number)
        if self.output.is_complete(name):
            return name
        documents = self._split(group)
        held_out = {document for _, document in Selection.read(self.output.path(SELECTION)).held_out}
        keys = sorted((*self._shard_of(name, held_out), name, index) for index, name in enumerate(documents.ids))
        rows = np.array([key[3] for key in keys], np.intp)
        batch = pa.record_batch(
            [
                pa.array([key[1] for key in keys], pa.uint64()),
                pa.array([key[2] for key in keys], pa.string()),
                pa.array(documents.sentences[rows], pa.int64()),
                documents.lines.chosen(rows).array(),
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

    def _split(self, group: ArticleGroup) -> SplitDocuments:
        """The split documents of a group; they are in a file already if the lines had to be counted."""
        name = split_name(group.number)
        if self.output.is_complete(name):
            return SplitDocuments.read(self.output.path(name))
        return SplitDocuments.of_group(group, self.segmenter)

    def _shard_of(self, document: str, held_out: set[str]) -> tuple[int, int]:
        """Index of a document's shard (the number of shards if it is held out), and the hash that orders it there."""
        if document in held_out:
            return len(self.shards), keyed_hash(self.seed, EVALUATION, document)
        return shard_of(document, self.seed, len(self.shards)), order_of(document, self.seed)

    def write_shard(self, index: int) -> str:
        """Collect a shard from all groups and write it in the order of its keyed hashes; returns its name."""
        name = self.shards[index]
        with self.output.shard(name) as shard:
            for text, sentences in self._collect(index, shard.counters):
                shard.write(text + b"\n")
                shard.records += 1
                shard.counters["documents"] += 1
                shard.counters["sentences"] += sentences
                shard.counters["words"] += text.count(b" ") + text.count(b"\n")
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

    def _collect(self, index: int, counters: Counter[str]) -> Iterator[tuple[bytes, int]]:
        """Text and number of sentences of each document of a shard, in order; of documents with one id, the first."""
        rows: list[tuple[int, str, int, int, bytes]] = []
        for number in range(self.groups):
            with storage.open_read(self.output.path(sorted_name(number))) as file:
                batch = pa.ipc.open_file(file).get_batch(index)
            columns = [column.to_pylist() for column in batch.columns]
            rows += [(order, name, number, count, text) for order, name, count, text in zip(*columns, strict=True)]
        rows.sort(key=lambda row: row[:3])
        previous = ""
        for _, name, _, count, text in rows:
            if name == previous:
                counters["rejected_duplicate_id"] += 1
                continue
            previous = name
            yield text, count
