"""TFRecord files without TensorFlow: frames, their checksums, and gzip.

A frame is the length of a record (uint64, little-endian), the masked CRC-32C of these eight bytes, the record, and its
masked CRC-32C (tensorflow/core/lib/io/record_writer.h).
"""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from berth import storage
from berth.errors import BerthError
from berth.kernels import borrowing_jit
from berth.kernels.crc32c import crc_tables, masked_crc32c

LENGTH_BYTES = 8
CRC_BYTES = 4
HEADER_BYTES = LENGTH_BYTES + CRC_BYTES
FOOTER_BYTES = CRC_BYTES
FRAME_BYTES = HEADER_BYTES + FOOTER_BYTES  # of an empty record

GZIP_LEVEL = 1  # records are mostly zeros and small numbers: higher levels take far longer for a few per cent
GZIP_MAGIC = b"\x1f\x8b"
BLOCK = 1 << 20  # bytes read at a time

# What is wrong with a file; 0 is nothing.
OK, CUT, BAD_LENGTH_CRC, BAD_CRC = range(4)
PROBLEMS = {
    CUT: "the file ends in the middle of a record",
    BAD_LENGTH_CRC: "this is not a TFRecord file, or it is damaged: the length of a record fails its checksum",
    BAD_CRC: "a record is damaged: its data fails its checksum",
}
CRC_TABLES: NDArray[np.uint32] = crc_tables()
_BYTE = np.uint64(0xFF)


class Part(NamedTuple):
    """Frames that follow each other in a file.

    Attributes:
        offset: Where the first begins in the (uncompressed) file.
        data: uint8, read-only, from there on.
        starts: int64 [records], in ``data``, the offset of each record that is whole.
        lengths: int64 [records], its size.
    """

    offset: int
    data: NDArray[np.uint8]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]


@borrowing_jit
def little_endian(data: NDArray[np.uint8], start: int, count: int) -> np.int64:
    """The number in ``count`` bytes from ``start`` on; one of eight bytes is negative from 2**63 on."""
    value = np.int64(0)
    for index in range(count):
        value |= np.int64(data[start + index]) << np.int64(8 * index)
    return value


@borrowing_jit
def _put_little_endian(out: NDArray[np.uint8], at: int, value: int, count: int) -> None:
    """Write a number in ``count`` bytes."""
    for k in range(count):
        out[at + k] = (np.uint64(value) >> np.uint64(8 * k)) & _BYTE


@borrowing_jit
def close_frame(out: NDArray[np.uint8], at: int, end: int) -> int:
    """Write the header and the footer of the frame that begins at ``at``.

    Args:
        out: uint8, with the record from ``at + HEADER_BYTES`` on.
        at: Offset of the frame.
        end: Offset of the record's end.

    Returns:
        The offset of the frame's end.
    """
    begin = at + HEADER_BYTES
    _put_little_endian(out, at, end - begin, LENGTH_BYTES)
    _put_little_endian(out, at + LENGTH_BYTES, masked_crc32c(out, at, at + LENGTH_BYTES, CRC_TABLES), CRC_BYTES)
    _put_little_endian(out, end, masked_crc32c(out, begin, end, CRC_TABLES), CRC_BYTES)
    return end + FOOTER_BYTES


@borrowing_jit
def scan_frames(data: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> tuple[int, int, int]:
    """Find the frames in the bytes of a file; the checksums of the records themselves are not looked at.

    Args:
        data: uint8, the file or the part of one that begins with a frame.
        starts: int64, receives the offset of each record; as many as fit are stored.
        lengths: int64, receives its size.

    Returns:
        Number of records, status, and the offset of the frame at which the scan ended.
    """
    count = 0
    offset = 0
    while offset < len(data):
        room = len(data) - offset
        if room < HEADER_BYTES:
            return count, CUT, offset
        checksum = little_endian(data, offset + LENGTH_BYTES, CRC_BYTES)
        if masked_crc32c(data, offset, offset + LENGTH_BYTES, CRC_TABLES) != checksum:
            return count, BAD_LENGTH_CRC, offset
        length = little_endian(data, offset, LENGTH_BYTES)
        # Compared with the room that is left: an offset plus a length near 2**63 is a small number again.
        if length < 0 or length > room - FRAME_BYTES:
            return count, CUT, offset
        if count < len(starts):
            starts[count] = offset + HEADER_BYTES
            lengths[count] = length
        count += 1
        offset += FRAME_BYTES + length
    return count, OK, offset


@borrowing_jit
def first_damaged(data: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> int:
    """The index of the first record that fails its checksum, or -1.

    Args:
        data: uint8; each record is followed by its checksum.
        starts: int64 [records], offset of each record.
        lengths: int64 [records], its size.
    """
    for record in range(len(starts)):
        end = starts[record] + lengths[record]
        if masked_crc32c(data, starts[record], end, CRC_TABLES) != little_endian(data, end, CRC_BYTES):
            return record
    return -1


def frame(record: bytes) -> bytes:
    """A record as a frame of a TFRecord file."""
    out = np.zeros(FRAME_BYTES + len(record), np.uint8)
    end = HEADER_BYTES + len(record)
    out[HEADER_BYTES:end] = np.frombuffer(record, np.uint8)
    close_frame(out, 0, end)
    return out.tobytes()


@contextlib.contextmanager
def gzipped(file: BinaryIO) -> Iterator[gzip.GzipFile]:
    """A stream whose bytes go compressed to ``file``, with no name and no time, so that they are always the same."""
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=GZIP_LEVEL, mtime=0, filename="") as stream:
        yield stream


def read_records(uri: str) -> Iterator[bytes]:
    """The records of a TFRecord file, plain or gzip, in order; all checksums are verified.

    Raises:
        BerthError: if the file is missing, cut, damaged or no TFRecord file.
    """
    for offset, data, starts, lengths in scan(uri):
        damaged = first_damaged(data.copy(), starts, lengths)
        whole = len(starts) if damaged < 0 else damaged
        for start, length in zip(starts[:whole].tolist(), lengths[:whole].tolist(), strict=True):
            yield data[start : start + length].tobytes()
        if damaged >= 0:
            raise problem(BAD_CRC, f"{uri}, byte {offset + int(starts[damaged]) - HEADER_BYTES}")


def scan(uri: str) -> Iterator[Part]:
    """The frames of a TFRecord file, plain or gzip; the checksums of the records themselves are not looked at.

    Raises:
        BerthError: after the whole records, if the file is missing, cut, damaged or no TFRecord file.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(storage.open_read(uri))
        stream = cast(BinaryIO, stack.enter_context(gzip.open(file)) if is_gzip(uri) else file)
        offset, number, pending, status = 0, 0, b"", OK
        # What is pending begins a frame; as much again is read, so that a large record is not copied block by block.
        while block := _read(stream, max(BLOCK, len(pending)), uri):
            pending += block
            data = np.frombuffer(pending, np.uint8)
            starts, lengths = np.empty((2, len(data) // FRAME_BYTES + 1), np.int64)
            count, status, end = scan_frames(data, starts, lengths)
            yield Part(offset, data, starts[:count], lengths[:count])
            number += count
            if status not in (OK, CUT):
                raise problem(status, f"{uri}, record {number} at byte {offset + end}")
            offset, pending = offset + end, pending[end:]
        if pending:
            raise problem(status, f"{uri}, record {number} at byte {offset}")


def problem(status: int, where: str) -> BerthError:
    """The error for a status other than OK."""
    return BerthError(
        PROBLEMS[status],
        where=where,
        fix="Check the path; if the file was damaged, make it again (records: `berth records`).",
    )


def is_gzip(uri: str) -> bool:
    """Whether a file is compressed, by its first bytes. Raises BerthError if it is missing."""
    with storage.open_read(uri) as file:
        return file.read(len(GZIP_MAGIC)) == GZIP_MAGIC


def _read(stream: BinaryIO, size: int, uri: str) -> bytes:
    try:
        return stream.read(size)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise damaged_gzip(uri, error) from error


def damaged_gzip(where: str, error: Exception) -> BerthError:
    """The error for compressed data that cannot be read."""
    return BerthError(
        "the compressed file is damaged",
        where=where,
        found=str(error),
        fix="Check the path; if the file was damaged, make it again (records: `berth records`).",
    )
