"""TFRecord files without TensorFlow: writing instances and raw records, reading records back."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from berth import storage
from berth.errors import BerthError
from berth.kernels.crc32c import crc_tables, masked_crc32c
from pipelines.mlm.instances import Documents, Generated
from pipelines.mlm.record_encoder import CRC_BYTES, LENGTH_BYTES, Layout, encode_records, scratch_for

BUFFER = 1 << 20  # bytes encoded before they are written
GZIP_LEVEL = 1  # records are mostly zeros and small numbers: higher levels take far longer for a few per cent
GZIP_MAGIC = b"\x1f\x8b"
HEADER = LENGTH_BYTES + CRC_BYTES


class Writer(Protocol):
    """What bytes are written to."""

    def write(self, data: memoryview, /) -> int:
        """Append bytes."""


def write_instances(file: Writer, documents: Documents, generated: Generated, layout: Layout) -> None:
    """Encode all instances in their order and write them."""
    out = np.empty(BUFFER + layout.largest_record, np.uint8)
    scratch = scratch_for(layout, documents.ids.dtype.type)
    order = generated.order
    next_record = 0
    while next_record < len(order):
        next_record, size = encode_records(order, next_record, documents.ids, generated.instances, layout, scratch, out)
        file.write(out.data[:size])


@contextlib.contextmanager
def gzipped(file: BinaryIO) -> Iterator[gzip.GzipFile]:
    """A stream whose bytes go compressed to ``file``, with no name and no time, so that they are always the same."""
    with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=GZIP_LEVEL, mtime=0, filename="") as stream:
        yield stream


def frame(record: bytes) -> bytes:
    """A record with its length and checksums, as it stands in a TFRecord file."""
    length = len(record).to_bytes(LENGTH_BYTES, "little")
    return length + _checksum(length) + record + _checksum(record)


def read_records(uri: str) -> Iterator[bytes]:
    """The records of a TFRecord file, plain or gzip, in order. Checksums are verified.

    Raises:
        BerthError: if the file is missing, cut, damaged or no TFRecord file.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(storage.open_read(uri))
        buffered = cast(BinaryIO, stack.enter_context(gzip.open(file)) if _is_gzip(uri) else file)
        offset = 0
        try:
            while header := buffered.read(HEADER):
                length, checksum = header[:LENGTH_BYTES], header[LENGTH_BYTES:]
                if len(header) < HEADER or _checksum(length) != checksum:
                    raise _damaged(uri, offset)
                size = int.from_bytes(length, "little")
                body = buffered.read(size + CRC_BYTES)
                if len(body) < size + CRC_BYTES or _checksum(body[:size]) != body[size:]:
                    raise _damaged(uri, offset)
                yield body[:size]
                offset += HEADER + size + CRC_BYTES
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise _damaged(uri, offset) from error


def _is_gzip(uri: str) -> bool:
    with storage.open_read(uri) as file:
        return file.read(len(GZIP_MAGIC)) == GZIP_MAGIC


def _damaged(uri: str, offset: int) -> BerthError:
    return BerthError(
        "this is not a whole TFRecord file",
        where=f"{uri}, byte {offset}",
        found="a record that is cut or whose checksum is wrong",
        fix="Check the path; make the file anew if it was damaged.",
    )


_TABLES: NDArray[np.uint32] = crc_tables()


def _checksum(data: bytes) -> bytes:
    # A copy, since arrays over bytes are read-only, for which the kernel would be compiled once more.
    array = np.frombuffer(data, np.uint8).copy()
    return int(masked_crc32c(array, 0, len(array), _TABLES)).to_bytes(CRC_BYTES, "little")
