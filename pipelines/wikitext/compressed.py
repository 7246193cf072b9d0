"""Bytes of a dump file: bz2 (single- or multistream), gzip or plain, read from any byte range of the file."""

from __future__ import annotations

import bz2
import codecs
import re
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

Compression = Literal["bz2", "gzip", "none"]
Encoding = Literal["utf-8", "utf-16"]

READ_BYTES = 1 << 18
MAX_CHUNK_BYTES = 1 << 23  # one step of decompression; bounds the memory that a tiny, extremely compressible file takes

BZ2_MAGIC = b"BZh"
GZIP_MAGIC = b"\x1f\x8b"
GZIP_WBITS = 31  # zlib's code for "a gzip header and trailer"
# A stream head: "BZh", the block size 1..9, and the 48-bit magic of the first block (the digits of pi).
BZ2_STREAM_HEAD = re.compile(rb"BZh[1-9]\x31\x41\x59\x26\x53\x59")
BZ2_STREAM_HEAD_BYTES = 10


@dataclass(frozen=True)
class Damage:
    """A place where a dump cannot be read.

    Attributes:
        what: What is wrong, as a clause that follows "the dump".
        offset: Byte offset in the file as it lies on disk, of the damaged stream or of the end of the file.
    """

    what: str
    offset: int


@dataclass(frozen=True)
class Chunk:
    """Consecutive decompressed bytes.

    Attributes:
        data: The bytes.
        owned: Whether they belong to the range that is being read; what follows a range is served on demand too, so
            that a page that begins inside the range can be read to its end.
    """

    data: bytes
    owned: bool


OnDamage = Callable[[Damage], None]


def detect_compression(head: bytes) -> Compression:
    """The compression of a file by its first bytes."""
    if head.startswith(BZ2_MAGIC):
        return "bz2"
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "none"


def read_range(file: BinaryIO, start: int, stop: int, compression: Compression, on_damage: OnDamage) -> Iterator[Chunk]:
    """The decompressed content of the byte range [start, stop) of a dump file, and on demand what follows it.

    A bz2 stream belongs to the range that holds its first byte. gzip cannot be split: there ``start`` must be 0.

    Args:
        file: Seekable file.
        start: First byte of the range.
        stop: End of the range (exclusive).
        compression: How the file is compressed.
        on_damage: Called when a stream is corrupt or cut short. If it returns, reading goes on behind the damage
            where that is possible (the next bz2 stream).
    """
    if compression == "bz2":
        return _read_bz2(file, start, stop, on_damage)
    if compression == "gzip":
        return _read_gzip(file, on_damage)
    return _read_plain(file, start, stop)


def to_utf8(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Re-encode UTF-16 (with a byte order mark) as UTF-8; ill-formed code units become U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-16")("replace")
    for chunk in chunks:
        # Half of a surrogate pair stays inside the decoder until the other half comes.
        yield Chunk(decoder.decode(chunk.data).encode("utf-8", "replace"), chunk.owned)


def find_stream_head(file: BinaryIO, start: int, stop: int | None = None) -> int | None:
    """Offset of the first bz2 stream head at or behind ``start`` (and before ``stop``), found by its magic number.

    Ten bytes agree by chance with odds of about 2^-77 at each offset.
    """
    file.seek(start)
    base, window = start, b""
    while stop is None or base < stop:
        block = file.read(READ_BYTES)
        if not block:
            return None
        window += block
        if found := BZ2_STREAM_HEAD.search(window):
            offset = base + found.start()
            return offset if stop is None or offset < stop else None
        keep = min(len(window), BZ2_STREAM_HEAD_BYTES - 1)
        base += len(window) - keep
        window = window[-keep:]
    return None


def _read_plain(file: BinaryIO, start: int, stop: int) -> Iterator[Chunk]:
    file.seek(start)
    at = start
    while at < stop:
        data = file.read(min(READ_BYTES, stop - at))
        if not data:
            return
        at += len(data)
        yield Chunk(data, owned=True)
    while data := file.read(READ_BYTES):
        yield Chunk(data, owned=False)


def _read_gzip(file: BinaryIO, on_damage: OnDamage) -> Iterator[Chunk]:
    file.seek(0)
    compressed, at = b"", 0
    while True:
        member_at, member = at - len(compressed), zlib.decompressobj(GZIP_WBITS)
        while not member.eof:
            if not compressed:
                compressed = file.read(READ_BYTES)
                at += len(compressed)
                if not compressed:
                    on_damage(Damage("ends in the middle of its gzip stream (the file is cut short)", at))
                    return
            try:
                data = member.decompress(compressed, MAX_CHUNK_BYTES)
            except zlib.error as error:
                on_damage(Damage(f"has a corrupt gzip stream ({error})", at - len(compressed)))
                return
            compressed = member.unconsumed_tail or member.unused_data
            if data:
                yield Chunk(data, owned=True)
        # Members may follow one another; zero bytes may pad the end.
        compressed = compressed.lstrip(b"\0") or file.read(READ_BYTES)
        at = max(at, file.tell())
        if not compressed:
            return
        if not compressed.startswith(GZIP_MAGIC[: len(compressed)]):
            on_damage(Damage(f"has bytes that are not gzip behind its stream at byte {member_at}", at))
            return


def _read_bz2(file: BinaryIO, start: int, stop: int, on_damage: OnDamage) -> Iterator[Chunk]:
    head = find_stream_head(file, start, stop) if start else 0
    while head is not None:
        end = yield from _read_bz2_stream(file, head, head < stop, on_damage)
        head = _next_stream(file, end)


def _read_bz2_stream(file: BinaryIO, head: int, owned: bool, on_damage: OnDamage) -> Generator[Chunk, None, int]:
    """One stream; returns the offset behind it."""
    file.seek(head)
    stream, at = bz2.BZ2Decompressor(), head
    while not stream.eof:
        compressed = b""
        if stream.needs_input:
            compressed = file.read(READ_BYTES)
            at += len(compressed)
            if not compressed:
                on_damage(Damage("ends in the middle of a bz2 stream (the file is cut short)", at))
                return at
        try:
            data = stream.decompress(compressed, MAX_CHUNK_BYTES)
        except OSError:
            on_damage(Damage("has a corrupt bz2 stream", head))
            return head + 1
        if data:
            yield Chunk(data, owned)
    return at - len(stream.unused_data)


def _next_stream(file: BinaryIO, end: int) -> int | None:
    """The stream that begins at ``end``, or else the first one behind it (past padding or damage)."""
    file.seek(end)
    magic = file.read(len(BZ2_MAGIC))
    if not magic:
        return None
    return end if magic == BZ2_MAGIC else find_stream_head(file, end)
