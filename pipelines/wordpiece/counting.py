"""Counts of words by tf.Transform's vocabulary analyzer on Beam: workers count groups of shards, it adds them up."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from berth import storage
from berth.machines.process_memory import VOCABULARY_BYTES
from berth.optional_imports import without
from berth.stage.output import TEMPORARY, Output
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from pipelines.engine.runner import pipeline
from pipelines.engine.work import Work
from pipelines.wordpiece.shard_words import COUNTS, SCHEMA, WORDS

# TensorFlow and Keras import these if they are installed, for features that nothing here uses: three seconds.
with without("jax", "sklearn", "pandas"):
    import tensorflow_transform as tft
    from apache_beam.runners.portability.fn_api_runner import FnApiRunner
    from tensorflow_metadata.proto.v0.schema_pb2 import TensorRepresentation
    from tensorflow_transform import beam as tft_beam
    from tfx_bsl.public.tfxio import TensorAdapterConfig

if TYPE_CHECKING:
    import pyarrow as pa
    import tensorflow as tf


def count_shards(
    groups: Sequence[Sequence[str]],
    shard_words: Callable[[Sequence[str]], Iterable[pa.RecordBatch]],
    name: str,
    output: Output,
    beam_arguments: Sequence[str],
    size: int = 0,
) -> None:
    """Count the words of all shards into a file of the output: a count and its word a line, the most frequent first.

    Args:
        groups: URIs of the shards, in groups.
        shard_words: Counts the words of a group (:class:`pipelines.wordpiece.shard_words.ShardWords`).
        name: The file's name.
        output: The stage's output. Workers on other machines share their temporary files there.
        beam_arguments: Flags for Beam.
        size: Bytes of all shards.
    """
    as_lists = {
        column: TensorRepresentation(varlen_sparse_tensor=TensorRepresentation.VarLenSparseTensor(column_name=column))
        for column in SCHEMA.names
    }
    with tempfile.TemporaryDirectory() as local:
        with pipeline(beam_arguments, output, len(groups), size=size, memory=VOCABULARY_BYTES) as job:
            # Workers that are not processes of this machine see no more of it than the output.
            shared = local if isinstance(job.runner, FnApiRunner) else output.path(TEMPORARY)
            result = storage.join(shared, "result")
            words = (
                job
                | "shards" >> CheckedCreate(groups)
                | "words" >> beam.ParDo(Work(shard_words))
                | "batches" >> beam.FlatMap(iter)
            )
            with tft_beam.Context(temp_dir=storage.join(shared, "analysis")):
                analysed = (words, TensorAdapterConfig(SCHEMA, as_lists)) | "count" >> tft_beam.AnalyzeDataset(_analyse)  # type: ignore[no-untyped-call]
            _ = analysed | "write" >> tft_beam.WriteTransformFn(result)  # type: ignore[no-untyped-call]
        file = tft.TFTransformOutput(result).vocabulary_file_by_name(WORDS)
        with output.shard(name) as shard:
            shard.write(storage.read_bytes(str(file)))


def _analyse(inputs: Mapping[str, tf.SparseTensor]) -> Mapping[str, tf.SparseTensor]:
    words, counts = inputs[WORDS].values, inputs[COUNTS].values
    tft.vocabulary(words, weights=counts, vocab_filename=WORDS, store_frequency=True)
    return inputs
