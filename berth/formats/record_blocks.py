"""Blocks of records: written with their index, or found in a file that has none."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from berth.formats import tfrecord
from berth.formats.record_decoder import widths_of
from berth.formats.record_index import BLOCK_BYTES, RecordIndex
from berth.formats.tfrecord import FOOTER_BYTES


class Writer(Protocol):
    """What bytes are written to."""

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Append bytes."""


class BlockWriter:
    """Writes blocks, and remembers where they are.

    Args:
        file: Where they go.
        is_gzip: Compress each as a gzip member.
    """

    def __init__(self, file: Writer, is_gzip: bool) -> None:
        self._file, self._is_gzip = file, is_gzip
        self._offsets, self._sizes, self._records = [0], list[int](), list[int]()

    def write(self, block: memoryview, records: int) -> None:
        """Append a block: whole frames, cut as :mod:`berth.formats.record_index` says."""
        stored = block
        if self._is_gzip:
            member = io.BytesIO()
            with tfrecord.gzipped(member) as stream:
                stream.write(block)
            stored = member.getbuffer()
        self._file.write(stored)
        self._offsets.append(self._offsets[-1] + len(stored))
        self._sizes.append(len(block))
        self._records.append(records)

    def index(self, sha256: str, max_seq_length: int, max_predictions: int) -> RecordIndex:
        """The index of what was written, with the file's digest and the widths of its records."""
        widths = (max_seq_length, max_predictions) if self._records else (0, 0)
        numbers = (np.array(each, np.int64) for each in (self._offsets, self._sizes, self._records))
        return RecordIndex(sha256, self._is_gzip, *widths, *numbers)


def index_of(uri: str, sha256: str, unpacked: Callable[[memoryview], object] = len) -> RecordIndex:
    """The index of a TFRecord file, which is read once from its beginning; of a gzip file, that of its content.

    Args:
        uri: The file.
        sha256: Its digest.
        unpacked: Is given the content, without compression, piece by piece.

    Raises:
        BerthError: if the file is missing, cut, damaged or no TFRecord file, or its first record is no example.
    """
    offsets, records, widths, waiting, end = [0], list[int](), (0, 0), 0, 0
    for part in tfrecord.scan(uri):
        if not len(part.starts):
            continue
        if end == 0:
            widths = widths_of(part.data, int(part.starts[0]), int(part.lengths[0]), f"{uri}, record 0")
        ends = part.offset + part.starts + part.lengths + FOOTER_BYTES
        unpacked(part.data[: int(ends[-1]) - part.offset].data)
        done = 0
        for frame in _last_frames(ends, offsets[-1]):
            offsets.append(int(ends[frame]))
            records.append(waiting + frame + 1 - done)
            done, waiting = frame + 1, 0
        waiting += len(ends) - done
        end = int(ends[-1])
    if waiting:
        offsets.append(end)
        records.append(waiting)
    places = np.array(offsets, np.int64)
    return RecordIndex(sha256, False, *widths, places, np.diff(places), np.array(records, np.int64))


def _last_frames(ends: np.ndarray, begin: int) -> Iterator[int]:
    """The frames that end a block, by their ends (int64), if the first block begins at the offset ``begin``."""
    while (frame := int(np.searchsorted(ends, begin + BLOCK_BYTES, side="right"))) < len(ends):
        yield frame
        begin = int(ends[frame])
