"""The words of groups of shards with their counts, on a worker; without TensorFlow, which only the launcher needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from berth import storage
from berth.stage.inputs import InputFile
from pipelines.wordpiece.sampling import Sample
from pipelines.wordpiece.word_counts import WordCounts

WORDS, COUNTS = "words", "counts"
# Counts are integers throughout: tf.Transform's usual weights, 32-bit floats, are inexact from 2^24 on.
SCHEMA = pa.schema([(WORDS, pa.list_(pa.binary())), (COUNTS, pa.list_(pa.int64()))])
# Text of the shards that one worker counts before the analyzer does. Beam carries the distinct words of each such group
# (140 bytes a word in memory), fewer than the distinct words of each shard, since a word is in many shards.
GROUP_BYTES = 1 << 30
# Distinct words that go through the analyzer's graph at a time.
BATCH = 100_000


@dataclass(frozen=True)
class ShardWords:
    """Counts the words of shards. Workers get a copy.

    A worker holds a piece of text (1 MiB), and the distinct words of a group.

    Attributes:
        lower_case: Whether words are lower-cased and lose their accents.
        sample: Which sentences count; None for all.
    """

    lower_case: bool
    sample: Sample | None

    def __call__(self, uris: Sequence[str]) -> list[pa.RecordBatch]:
        """The words of the shards, each once, with their counts: batches of one row."""
        total = WordCounts(lower_case=self.lower_case)
        for uri in uris:
            for text in self.sample.pieces(uri) if self.sample else storage.text_pieces(uri):
                total.add(text)
        return list(_batches(sorted(total.words().items())))


def _batches(counts: Sequence[tuple[str, int]]) -> Iterator[pa.RecordBatch]:
    for start in range(0, len(counts), BATCH):
        words, numbers = zip(*counts[start : start + BATCH], strict=True)
        yield pa.record_batch([[[word.encode() for word in words]], [numbers]], SCHEMA)


def grouped(files: Iterable[InputFile]) -> list[list[str]]:
    """The files' URIs, in groups of at most :data:`GROUP_BYTES` or of one file."""
    groups: list[list[str]] = []
    size = GROUP_BYTES
    for file in files:
        if size + file.size > GROUP_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(file.uri)
        size += file.size
    return groups
