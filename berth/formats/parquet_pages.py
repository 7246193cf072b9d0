"""Checks the page headers of a Parquet file before Arrow reads it: Arrow allocates whatever size a header claims.

A page header is a struct PageHeader in Thrift's compact protocol (parquet-format, src/main/thrift/parquet.thrift;
thrift, doc/specs/thrift-compact-protocol.md). Of its fields, 2 is the page's size before compression and 3 its size in
the file; both follow the header.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import BinaryIO

import pyarrow.parquet as pq

UNCOMPRESSED_SIZE, COMPRESSED_SIZE = 2, 3  # ids of fields
# A page may have this size before compression however small it is in the file; a larger one at most so many times its
# size in the file. Text is seldom compressed to less than a tenth.
FREE_BYTES = 64 << 20
LARGEST_RATIO = 100
# Bytes read for a header; a header with long statistics is read again with more, up to Arrow's own limit.
HEADER_BYTES, LONGEST_HEADER = 1 << 10, 16 << 20
DEEPEST = 16

# Types in the compact protocol.
_BOOLEANS, _BYTE, _INTEGERS, _DOUBLE, _BINARY, _LISTS, _STRUCT = (1, 2), 3, (4, 5, 6), 7, 8, (9, 10), 12


class PageError(Exception):
    """A page header that cannot be read or cannot be true; says where and what was found."""


def largest_page(file: BinaryIO, metadata: pq.FileMetaData, row_groups: Sequence[int], columns: Collection[str]) -> int:
    """Size in bytes of the largest page, before compression, of some columns in some row groups.

    Raises:
        PageError: If a header cannot be read, a page does not fit into the file, or it is far larger than its
            compressed form can be.
    """
    size = file.seek(0, 2)
    largest = 0
    for index in row_groups:
        group = metadata.row_group(index)
        for number in range(group.num_columns):
            chunk = group.column(number)
            if chunk.path_in_schema.split(".")[0] in columns:
                # 0 where there is no such page.
                starts = [at for at in (chunk.dictionary_page_offset, chunk.data_page_offset) if at]
                start = min(starts, default=0)
                stop = start + chunk.total_compressed_size if starts else 0
                largest = max(largest, _largest(file, start, stop, size))
    return largest


def _largest(file: BinaryIO, start: int, stop: int, size: int) -> int:
    """The size of the largest page that begins between two offsets of a file of this size."""
    largest = 0
    while start < stop:
        length, fields = _header(file, start)
        uncompressed, compressed = fields.get(UNCOMPRESSED_SIZE, -1), fields.get(COMPRESSED_SIZE, -1)
        if compressed < 0 or start + length + compressed > size:
            raise PageError(
                f"a page at byte {start} of {compressed:,} bytes, which do not fit into the file of {size:,}"
            )
        if not 0 <= uncompressed <= max(FREE_BYTES, LARGEST_RATIO * compressed):
            raise PageError(f"a page at byte {start} that would become {uncompressed:,} bytes from {compressed:,}")
        largest = max(largest, uncompressed)
        start += length + compressed
    return largest


def _header(file: BinaryIO, start: int) -> tuple[int, dict[int, int]]:
    """Size of the header at an offset, and its numbers by the id of the field."""
    wanted = HEADER_BYTES
    while True:
        file.seek(start)
        content = file.read(wanted)
        reader = _Reader(content)
        try:
            fields = reader.struct()
            return reader.at, fields
        except IndexError:
            if len(content) < wanted or wanted >= LONGEST_HEADER:
                raise PageError(f"a page header at byte {start} that has no end") from None
            wanted *= 16


class _Reader:
    """Reads a struct of the compact protocol. Raises IndexError at the end of the content."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def struct(self, depth: int = 0) -> dict[int, int]:
        """The integers of a struct by field id; its other fields are passed over."""
        fields: dict[int, int] = {}
        number = 0
        while head := self.byte():
            step, kind = head >> 4, head & 15
            number = number + step if step else self.zigzag()
            if kind in _INTEGERS:
                fields[number] = self.zigzag()
            elif kind not in _BOOLEANS:  # a boolean's value is in its type
                self.skip(kind, depth)
        return fields

    def skip(self, kind: int, depth: int) -> None:
        """Pass over a value."""
        if depth > DEEPEST:
            raise PageError("a page header that is nested too deeply")
        if kind == _BINARY:
            self.advance(self.varint())
        elif kind == _STRUCT:
            self.struct(depth + 1)
        elif kind in _LISTS:
            head = self.byte()
            count = head >> 4 if head >> 4 < 15 else self.varint()
            for _ in range(count):
                self.skip(head & 15, depth + 1)
        elif kind in (*_BOOLEANS, _BYTE):  # in a list, a boolean is a byte
            self.advance(1)
        elif kind in _INTEGERS:
            self.varint()
        elif kind == _DOUBLE:
            self.advance(8)
        else:
            raise PageError(f"a page header with a field of the unknown type {kind}")

    def byte(self) -> int:
        self.at += 1
        return self.content[self.at - 1]

    def advance(self, count: int) -> None:
        self.at += count
        if self.at > len(self.content):
            raise IndexError(self.at)

    def varint(self) -> int:
        value = 0
        for shift in range(0, 64, 7):
            part = self.byte()
            value |= (part & 0x7F) << shift
            if part < 0x80:
                return value
        raise PageError("a page header with a number of more than 64 bits")

    def zigzag(self) -> int:
        value = self.varint()
        return value >> 1 ^ -(value & 1)
