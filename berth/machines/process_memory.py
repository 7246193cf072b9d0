"""Memory that processes need: those of the data stages (docs/scale.md has the measurements), and of training."""

from __future__ import annotations

MIB = 1 << 20
# The command itself, beside its workers.
LAUNCHER_BYTES = 300 * MIB
# A part of 64 MiB of a dump: the largest pages, one at a time, and the rows of a Parquet group.
EXTRACT_BYTES = 600 * MIB
# A row group of 16 million characters, and its sentences.
SEGMENT_BYTES = FILTER_BYTES = 800 * MIB
# The distinct words of a gigabyte of text.
VOCABULARY_BYTES = 700 * MIB
# TensorFlow and tf.Transform's graph, in a process that ends before pieces are learned.
ANALYSIS_BYTES = 1000 * MIB
# TensorFlow or JAX with compiled steps.
TRAINER_BYTES = 2048 * MIB
# Of each parameter on a device: variable, gradient and the optimizer's two moments, in 32 bits.
TRAINING_BYTES_A_PARAMETER = 16


def records_bytes(text: int, duplicates: int) -> int:
    """A worker with one shard: the process, half a byte of tokens for each byte, 0.1 of instances for each duplicate.

    Args:
        text: Bytes of the shard.
        duplicates: Of each document.
    """
    return 300 * MIB + text * (5 + duplicates) // 10
