"""Counts of words by tf.Transform's vocabulary analyzer on Beam: workers count groups of shards, it adds them up."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from berth import storage
from berth.optional_imports import without
from berth.stage.inputs import InputFile
from berth.stage.output import TEMPORARY, Output
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from pipelines.engine.runner import pipeline
from pipelines.wordpiece.word_counts import count_words

# TensorFlow and Keras import these if they are installed, for features that nothing here uses: three seconds.
with without("jax", "sklearn", "pandas"):
    import tensorflow_transform as tft
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from tensorflow_metadata.proto.v0.schema_pb2 import TensorRepresentation
    from tensorflow_transform import beam as tft_beam
    from tfx_bsl.public.tfxio import TensorAdapterConfig

if TYPE_CHECKING:
    import tensorflow as tf

    from pipelines.wordpiece.sampling import Sample

WORDS, COUNTS = "words", "counts"
# Counts are integers throughout: tf.Transform's usual weights, 32-bit floats, are inexact from 2^24 on.
SCHEMA = pa.schema([(WORDS, pa.list_(pa.binary())), (COUNTS, pa.list_(pa.int64()))])
# Text of the shards that one worker counts before the analyzer does. Beam carries the distinct words of each such group
# (140 bytes a word in memory), fewer than the distinct words of each shard, since a word is in many shards.
GROUP_BYTES = 1 << 30
# Distinct words that go through the analyzer's graph at a time.
BATCH = 100_000
# The analyzer's only line if there is no word at all. No word contains a dash.
NO_WORD = "49d0cd50-04bb-48c0-bc6f-5b575dce351a"


@dataclass(frozen=True)
class ShardWords:
    """Counts the words of shards. Workers get a copy.

    Attributes:
        lower_case: Whether words are lower-cased and lose their accents.
        sample: Which sentences count; None for all.
    """

    lower_case: bool
    sample: Sample | None

    def __call__(self, uris: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """The words of the shards, each once, with their counts: batches of one row."""
        total: Counter[str] = Counter()
        for uri in uris:
            text = self.sample.text(uri) if self.sample else storage.read_text(uri)
            total.update(count_words(text, lower_case=self.lower_case))
        counts = sorted(total.items())
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


def count_shards(
    groups: Sequence[Sequence[str]], shard_words: ShardWords, name: str, output: Output, beam_arguments: Sequence[str]
) -> None:
    """Count the words of all shards into a file of the output: a count and its word a line, the most frequent first.

    Args:
        groups: URIs of the shards, in groups.
        shard_words: Counts the words of a group.
        name: The file's name.
        output: The stage's output. Workers on other machines share their temporary files there.
        beam_arguments: Flags for Beam.
    """
    as_lists = {
        column: TensorRepresentation(varlen_sparse_tensor=TensorRepresentation.VarLenSparseTensor(column_name=column))
        for column in SCHEMA.names
    }
    with tempfile.TemporaryDirectory() as local:
        with pipeline(beam_arguments, output, len(groups)) as job:
            # Workers that are not processes of this machine see no more of it than the output.
            shared = local if isinstance(job.runner, FnApiRunner) else output.path(TEMPORARY)
            result = storage.join(shared, "result")
            words = job | "shards" >> CheckedCreate(groups) | "words" >> beam.FlatMap(shard_words)
            with tft_beam.Context(temp_dir=storage.join(shared, "analysis")):
                analysed = (words, TensorAdapterConfig(SCHEMA, as_lists)) | "count" >> tft_beam.AnalyzeDataset(_analyse)  # type: ignore[no-untyped-call]
            _ = analysed | "write" >> tft_beam.WriteTransformFn(result)  # type: ignore[no-untyped-call]
        file = tft.TFTransformOutput(result).vocabulary_file_by_name(WORDS)
        with output.shard(name) as shard:
            shard.write(storage.read_bytes(str(file)))


def read_counts(uri: str) -> Counter[str]:
    """Read what :func:`count_shards` wrote."""
    lines = (line.partition(" ") for line in storage.read_bytes(uri).decode().removesuffix("\n").split("\n"))
    return Counter({word: int(count) for count, _, word in lines if word != NO_WORD})


def _analyse(inputs: Mapping[str, tf.SparseTensor]) -> Mapping[str, tf.SparseTensor]:
    words, counts = inputs[WORDS].values, inputs[COUNTS].values
    tft.vocabulary(words, weights=counts, vocab_filename=WORDS, store_frequency=True)
    return inputs
