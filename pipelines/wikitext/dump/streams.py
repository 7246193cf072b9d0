"""Decompressed bytes of a dump file: bz2 (single- or multistream), gzip or plain, from any offset of the file."""

from __future__ import annotations

import bz2
import codecs
import re
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

Compression = Literal["bz2", "gzip", "none"]
Encoding = Literal["utf-8", "utf-16-le", "utf-16-be"]

READ_BYTES = 1 << 18
# One step of decompression: it bounds the memory for an extremely compressible file, and the bytes that are lost before
# the damage in a corrupt stream.
MAX_CHUNK_BYTES = 1 << 20

BZ2_MAGIC = b"BZh"
GZIP_MAGIC = b"\x1f\x8b"
GZIP_WBITS = 31  # zlib's code for "a gzip header and trailer"
# A stream head: "BZh", the block size 1..9, and the 48-bit magic of the first block (the digits of pi).
BZ2_STREAM_HEAD = re.compile(rb"BZh[1-9]\x31\x41\x59\x26\x53\x59")
BZ2_STREAM_HEAD_BYTES = 10
# A block's checksum is at its end: bytes of the last block cannot be trusted yet.
BZ2_BLOCK_BYTES = 900_000

# How UTF-16 begins: a byte order mark, or else the "<" of XML.
UTF16_BEGINNINGS: dict[bytes, Encoding] = {
    b"\xff\xfe": "utf-16-le",
    b"<\x00": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
    b"\x00<": "utf-16-be",
}


@dataclass(frozen=True)
class Damage:
    """Damage: where a dump cannot be read, and why.

    Attributes:
        what: What is wrong, as a clause that follows "the dump".
        offset: Offset in the file, not decompressed, of the damaged stream or page, or of the end of the file.
        head: Offset of the damaged bz2 stream; in other files the same as ``offset``, or 0.
    """

    what: str
    offset: int
    head: int


@dataclass(frozen=True)
class Chunk:
    """Consecutive decompressed bytes; an empty chunk announces a stream.

    Attributes:
        data: The bytes.
        head: Offset in the file of the bz2 stream that they are from; 0 for gzip; for a plain file, their own offset.
    """

    data: bytes
    head: int


OnDamage = Callable[[Damage], None]


def detect_compression(head: bytes) -> Compression:
    """The compression of a file by its first bytes."""
    if head.startswith(BZ2_MAGIC):
        return "bz2"
    if head.startswith(GZIP_MAGIC):
        return "gzip"
    return "none"


def detect_encoding(text: bytes) -> Encoding:
    """The encoding of a dump by its first decompressed bytes."""
    return UTF16_BEGINNINGS.get(text[:2], "utf-8")


def read_from(file: BinaryIO, start: int, compression: Compression, on_damage: OnDamage) -> Iterator[Chunk]:
    """The decompressed content of a dump file from the first stream that begins at or after ``start``.

    A gzip file is one stream, whatever its members: it has no bytes for a ``start`` other than 0.

    Args:
        file: Seekable file.
        start: Offset in the file.
        compression: How the file is compressed.
        on_damage: Called when a stream is corrupt or cut short. If it returns, reading continues after the damage
            where that is possible (at the next bz2 stream).
    """
    if compression == "bz2":
        return _read_bz2(file, start, on_damage)
    if compression == "gzip":
        return iter(()) if start else _read_gzip(file, on_damage)
    return _read_plain(file, start)


def to_utf8(chunks: Iterator[Chunk], encoding: Encoding) -> Iterator[Chunk]:
    """Re-encode UTF-16, with or without a byte order mark, as UTF-8; ill-formed code units become U+FFFD."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    is_first = True
    for chunk in chunks:
        # The decoder keeps half a character until the other half comes.
        text = decoder.decode(chunk.data)
        if text and is_first:
            text, is_first = text.removeprefix("\ufeff"), False
        yield Chunk(text.encode("utf-8", "replace"), chunk.head)


def find_stream_head(file: BinaryIO, start: int, stop: int | None = None) -> int | None:
    """Offset of the first bz2 stream head at or after ``start`` (and before ``stop``), found by its magic number.

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


def _read_plain(file: BinaryIO, start: int) -> Iterator[Chunk]:
    file.seek(start)
    at = start
    while data := file.read(READ_BYTES):
        yield Chunk(data, at)
        at += len(data)


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
                    on_damage(Damage("ends in the middle of its gzip stream (the file is cut short)", at, 0))
                    return
            try:
                data = member.decompress(compressed, READ_BYTES)
            except zlib.error as error:
                on_damage(Damage(f"has a corrupt gzip stream ({error})", at - len(compressed), 0))
                return
            compressed = member.unconsumed_tail or member.unused_data
            if data:
                yield Chunk(data, 0)
        # Members may follow one another; zero bytes may pad the end.
        compressed = compressed.lstrip(b"\0") or file.read(READ_BYTES)
        at = max(at, file.tell())
        if not compressed:
            return
        if not compressed.startswith(GZIP_MAGIC[: len(compressed)]):
            on_damage(Damage(f"has bytes that are not gzip after its stream at byte {member_at}", at, 0))
            return


def _read_bz2(file: BinaryIO, start: int, on_damage: OnDamage) -> Iterator[Chunk]:
    head = find_stream_head(file, start) if start else 0
    while head is not None:
        yield Chunk(b"", head)
        end = yield from _read_bz2_stream(file, head, on_damage)
        if end is None:
            head = find_stream_head(file, head + 1)
            continue
        following = _next_stream(file, end)
        if following != end and not _is_padding(file, end, following):
            on_damage(Damage("has bytes that are not bz2 between its streams", end, head))
        head = following


def _read_bz2_stream(file: BinaryIO, head: int, on_damage: OnDamage) -> Generator[Chunk, None, int | None]:
    """One stream, as far as its checksums agree; returns the offset after it, None if it is damaged."""
    file.seek(head)
    stream, at = bz2.BZ2Decompressor(), head
    held: deque[Chunk] = deque()
    held_bytes = 0
    while not stream.eof:
        compressed = b""
        if stream.needs_input:
            compressed = file.read(READ_BYTES)
            at += len(compressed)
            if not compressed:
                yield from held
                on_damage(Damage("ends in the middle of a bz2 stream (the file is cut short)", at, head))
                return None
        try:
            data = stream.decompress(compressed, MAX_CHUNK_BYTES)
        except OSError:
            on_damage(Damage("has a corrupt bz2 stream", head, head))
            return None
        if data:
            held.append(Chunk(data, head))
            held_bytes += len(data)
            while held_bytes - len(held[0].data) >= BZ2_BLOCK_BYTES:
                held_bytes -= len(held[0].data)
                yield held.popleft()
    yield from held
    return at - len(stream.unused_data)


def _next_stream(file: BinaryIO, end: int) -> int | None:
    """The offset of the stream that begins at ``end``, or of the first one after it."""
    file.seek(end)
    magic = file.read(len(BZ2_MAGIC))
    if not magic:
        return None
    return end if magic == BZ2_MAGIC else find_stream_head(file, end)


def _is_padding(file: BinaryIO, start: int, stop: int | None) -> bool:
    """Whether there are only zero bytes from ``start`` to ``stop`` or the end of the file."""
    file.seek(start)
    data = file.read(READ_BYTES if stop is None else min(READ_BYTES, stop - start))
    return not data.strip(b"\0")
