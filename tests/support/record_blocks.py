"""Blocks of records that carry their own numbers, made quickly, and files of them of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from berth import storage
from berth.formats.record_blocks import BlockWriter
from berth.formats.record_index import BLOCK_BYTES, RecordIndex
from berth.formats.records import INDEX
from berth.formats.tfrecord import FRAME_BYTES, HEADER_BYTES, close_frame
from berth.stage.inputs import InputFile
from support.plain_example import serialize_example
from trainer.data.records import Features, Limits

LENGTH, PREDICTIONS = 512, 76
LIMITS = Limits(vocab_size=128, type_vocab_size=2, max_position_embeddings=LENGTH)
_DIGITS = 7  # of a record's number to the base 100, one in each of its first tokens; all ids take one byte
_RECORD = serialize_example(
    {
        "input_ids": [1] * LENGTH,
        "input_mask": [1] * LENGTH,
        "segment_ids": [0] * LENGTH,
        "masked_lm_positions": [1] * PREDICTIONS,
        "masked_lm_ids": [2] * PREDICTIONS,
        "masked_lm_weights": [1.0] * PREDICTIONS,
        "next_sentence_labels": [0],
    }
)
_IDS = _RECORD.index(b"\1" * LENGTH, _RECORD.index(b"input_ids"))
FRAME = FRAME_BYTES + len(_RECORD)
RECORDS = BLOCK_BYTES // FRAME + 1  # in a block


def peak_memory() -> int:
    """The most bytes of memory that this process has had. (That of `getrusage` begins with its parent's.)"""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM:"))


def block(first: int, count: int = RECORDS) -> bytes:
    """A block of the records of these numbers."""
    out = np.zeros((count, FRAME), np.uint8)
    out[:, HEADER_BYTES : HEADER_BYTES + len(_RECORD)] = np.frombuffer(_RECORD, np.uint8)
    numbers = np.arange(first, first + count)
    for digit in range(_DIGITS):
        out[:, HEADER_BYTES + _IDS + digit] = numbers // 100**digit % 100
    flat = out.ravel()
    for frame in range(count):
        close_frame(flat, frame * FRAME, (frame + 1) * FRAME - (FRAME_BYTES - HEADER_BYTES))
    return flat.tobytes()


def numbers_of(features: Features) -> NDArray[np.int64]:
    """The numbers of records that were read."""
    digits = features["input_ids"][..., :_DIGITS].astype(np.int64)
    return np.asarray(digits @ 100 ** np.arange(_DIGITS))


def write_shard(directory: str, name: str, first: int, blocks: int, is_gzip: bool = False) -> None:
    """Write a file of whole blocks, the first record having this number, and its index."""
    uri = storage.join(directory, name)
    with storage.atomic_write(uri) as file:
        writer = BlockWriter(file, is_gzip)
        for number in range(blocks):
            writer.write(memoryview(block(first + number * RECORDS)), RECORDS)
    index = writer.index(storage.sha256(uri), LENGTH, PREDICTIONS)
    with storage.atomic_write(uri + INDEX) as file:
        file.write(index.to_bytes())


def sparse_shard(path: Path, number: int, blocks: int) -> InputFile:
    """A file that pretends to hold blocks, with their index: the disk holds nothing of it."""
    sizes = np.full(blocks, RECORDS * FRAME)
    sha256 = f"{number:064x}"
    with open(path, "wb") as file:
        file.truncate(int(sizes.sum()))
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    index = RecordIndex(sha256, False, LENGTH, PREDICTIONS, offsets, sizes, np.full(blocks, RECORDS))
    Path(f"{path}{INDEX}").write_bytes(index.to_bytes())
    return InputFile(str(path), path.name, int(sizes.sum()), sha256)
