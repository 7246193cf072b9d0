"""The index of a file of records: where its blocks are, so that each is read alone, and the file never as a whole.

A block is the shortest run of whole frames that exceeds BLOCK_BYTES, the last one of a file what is left. So the blocks
follow from the records, whoever makes the index. In a gzip file each block is a member of its own (RFC 1952, 2.2).

The file, little-endian: the header (see ``_HEADER``); int64 [blocks + 1], offset of each block in the file, and the
file's size; int64 [blocks], uncompressed bytes of each block; int64 [blocks], its records; the CRC-32 of all this.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from berth.errors import BerthError
from berth.formats.records import INDEX, MAX_SEQ_LENGTH
from berth.formats.tfrecord import FRAME_BYTES

BLOCK_BYTES = 1 << 20
MAGIC, VERSION = b"BERTHIDX", 1
DEFLATE_RATIO = 1032  # the most that a byte of deflate can hold: 258 bytes in two bits
# Magic, version, whether the file is compressed, BLOCK_BYTES, max_seq_length, max_predictions, blocks, SHA-256 of the
# file.
_HEADER = struct.Struct("<8sHHIIIQ32s")
_CHECKSUM = struct.Struct("<I")
_NUMBER = np.dtype("<i8")


@dataclass(frozen=True)
class RecordIndex:
    """Where the blocks of a file are.

    Attributes:
        sha256: Of the file, in hexadecimal.
        is_gzip: Whether each block is a gzip member.
        max_seq_length: Positions of a record; 0 if there is none.
        max_predictions: Predictions of a record; 0 if there is none.
        offsets: int64 [blocks + 1], where each block begins in the file, and the file's size.
        sizes: int64 [blocks], uncompressed bytes of each.
        records: int64 [blocks], records in each, at least 1.
    """

    sha256: str
    is_gzip: bool
    max_seq_length: int
    max_predictions: int
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    records: NDArray[np.int64]

    @property
    def count(self) -> int:
        """Records in the file."""
        return int(self.records.sum())

    def to_bytes(self) -> bytes:
        """The content of the index file."""
        widths = self.max_seq_length, self.max_predictions
        digest = bytes.fromhex(self.sha256)
        header = _HEADER.pack(MAGIC, VERSION, self.is_gzip, BLOCK_BYTES, *widths, len(self.records), digest)
        arrays = (array.astype(_NUMBER).tobytes() for array in (self.offsets, self.sizes, self.records))
        content = b"".join((header, *arrays))
        return content + _CHECKSUM.pack(zlib.crc32(content))

    @classmethod
    def from_bytes(cls, content: bytes, uri: str) -> RecordIndex:
        """The index in a file's content.

        Args:
            content: The content.
            uri: The file, for errors.

        Raises:
            BerthError: if it is no index, damaged or of another version.
        """
        if len(content) < _HEADER.size + _CHECKSUM.size or content[: len(MAGIC)] != MAGIC:
            raise _unusable("this is not an index of records", uri, repr(content[: len(MAGIC)]), repr(MAGIC))
        _, version, is_gzip, block_bytes, length, predictions, blocks, digest = _HEADER.unpack_from(content)
        if (version, block_bytes) != (VERSION, BLOCK_BYTES):
            found = f"version {version} with blocks of {block_bytes} bytes"
            expected = f"version {VERSION} with blocks of {BLOCK_BYTES} bytes"
            raise _unusable("the index was written by another version of Berth", uri, found, expected)
        size = _HEADER.size + (3 * blocks + 1) * _NUMBER.itemsize + _CHECKSUM.size
        if len(content) != size:
            raise _unusable("the index is damaged", uri, f"{len(content)} bytes", f"{size} bytes")
        body = content[: -_CHECKSUM.size]
        if _CHECKSUM.unpack(content[-_CHECKSUM.size :]) != (zlib.crc32(body),):
            raise _unusable("the index is damaged: it fails its checksum", uri)
        numbers = np.frombuffer(body, _NUMBER, offset=_HEADER.size).astype(np.int64)
        offsets, sizes, records = np.split(numbers, [blocks + 1, 2 * blocks + 1])
        index = cls(digest.hex(), bool(is_gzip), length, predictions, offsets, sizes, records)
        if (problem := index._problem()) is not None:
            raise _unusable(f"the index is impossible: {problem}", uri)
        return index

    def _problem(self) -> str | None:
        """What cannot be; arrays of what it asks for would fill the memory."""
        stored = np.diff(self.offsets)
        if self.offsets[0] != 0 or (stored <= 0).any():
            return "a block has no bytes"
        if (self.sizes > stored * DEFLATE_RATIO).any() if self.is_gzip else (self.sizes != stored).any():
            return "a block has another size than its part of the file"
        if (self.records <= 0).any() or (self.records > self.sizes // FRAME_BYTES).any():
            return "a block has no records, or more than it has room for"
        if max(self.max_seq_length, self.max_predictions) > MAX_SEQ_LENGTH:
            return "its records are too long"
        return None

    def check(self, uri: str, size: int, sha256: str) -> None:
        """Check that this is the index of a file's content.

        Args:
            uri: The file.
            size: Its size.
            sha256: Its digest.

        Raises:
            BerthError: if it is the index of another content.
        """
        if (self.sha256, int(self.offsets[-1])) != (sha256, size):
            raise _unusable(
                "this is the index of another file, or the file was changed after it was indexed",
                uri + INDEX,
                f"{self.offsets[-1]} bytes, sha256 {self.sha256[:12]}…",
                f"{size} bytes, sha256 {sha256[:12]}…, as {uri} has",
            )


def _unusable(what: str, uri: str, found: str = "", expected: str = "") -> BerthError:
    file = uri.removesuffix(INDEX)
    return BerthError(what, where=uri, found=found, expected=expected, fix=f"Make it again: berth index {file}")
