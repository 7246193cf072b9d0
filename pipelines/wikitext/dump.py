"""A dump file: what its head says, how it is cut into parts of fixed size, and the pages of one part."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from berth import storage
from berth.errors import BerthError
from pipelines.wikitext.compressed import (
    Chunk,
    Compression,
    Damage,
    Encoding,
    detect_compression,
    find_stream_head,
    read_range,
    to_utf8,
)
from pipelines.wikitext.siteinfo import Wiki

log = logging.getLogger("berth.extract")

# One part of a compressed dump: small enough that a killed run loses little and workers share the load evenly. It is
# part of the format: the parts of a dump, and so the output files, must not depend on the machine.
PART_BYTES = 64 << 20
# A multistream dump begins with a stream of its own for the siteinfo, a few hundred bytes long.
SECOND_STREAM_WITHIN = 8 << 20

HEAD_BYTES = 1 << 20
PAGE_START = b"<page>"
PAGE_END = b"</page>"
DUMP_END = b"</mediawiki>"
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
OTHER_FORMATS = {
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7-Zip file",
    b"PK\x03\x04": "a zip file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
}


@dataclass(frozen=True)
class DumpPart:
    """A byte range of a dump file; the pages that begin in it are its own.

    Attributes:
        uri: The file.
        start: First byte of the range in the file as it lies on disk.
        stop: End of the range (exclusive).
    """

    uri: str
    start: int
    stop: int
    compression: Compression
    encoding: Encoding


@dataclass(frozen=True)
class Dump:
    """A dump file whose head has been read: its wiki, and its parts in order."""

    uri: str
    wiki: Wiki
    parts: tuple[DumpPart, ...]


@dataclass
class Reading:
    """What happened while a part was read.

    Attributes:
        pages: Pages found so far.
        page_offset: Where the last one begins, in bytes of the part's decompressed content.
        cut_pages: Pages that have a beginning but no end.
        damages: Places that could not be read (only filled when reading is lenient).
        is_behind_part: What is read now belongs to the next part, which will find its damage itself.
        bytes_read: Gives how many bytes of the file were read so far.
    """

    part: DumpPart
    strict: bool
    pages: int = 0
    page_offset: int = 0
    cut_pages: int = 0
    damages: list[Damage] = field(default_factory=list)
    is_behind_part: bool = False
    bytes_read: Callable[[], int] = field(default=lambda: 0)

    def damage(self, damage: Damage) -> None:
        """Note damage, or refuse to go on.

        Raises:
            BerthError: if reading is strict.
        """
        if self.is_behind_part:
            return
        if self.strict:
            raise damaged(self.part.uri, damage, f"{self.pages:,} whole pages before it in this part of the file")
        log.warning("%s, byte %d: the dump %s; going on", self.part.uri, damage.offset, damage.what)
        self.damages.append(damage)


def damaged(uri: str, damage: Damage, found: str) -> BerthError:
    """The error for a dump that cannot be read to its end."""
    return BerthError(
        f"the dump {damage.what}",
        where=f"{uri}, byte {damage.offset}",
        found=found,
        fix="Fetch the file again and compare its checksum, or pass --no-strict (strict: false) to keep the pages that "
        "can be read and count the loss.",
    )


def open_dump(uri: str, language: str = "") -> Dump:
    """Read the head of a dump file and plan its parts.

    Args:
        uri: XML dump of MediaWiki (pages-articles, pages-articles-multistream or an export), plain, bz2 or gzip.
        language: The language to assume where the dump names none.

    Raises:
        BerthError: if the file is missing, empty, or not a dump.
    """
    size = storage.size(uri) if storage.exists(uri) else 0
    with storage.open_read(uri) as file:
        first = file.read(16)
        if not first:
            raise BerthError("the dump is empty", where=uri, found="0 bytes", expected="a MediaWiki XML dump")
        compression = detect_compression(first)
        head, encoding = _read_head(uri, file, size, compression)
        splittable = encoding == "utf-8" and (compression == "none" or (compression == "bz2" and _is_multistream(file)))
    if not re.search(r"<mediawiki\b", head):
        raise _not_a_dump(uri, first, head)
    step = PART_BYTES if splittable else size
    parts = tuple(
        DumpPart(uri, start, min(start + step, size), compression, encoding) for start in range(0, size, step)
    )
    return Dump(uri, Wiki.from_head(head, language), parts)


def read_pages(part: DumpPart, reading: Reading) -> Iterator[bytes]:
    """The pages that begin in a part, each as UTF-8 XML from ``<page>`` to ``</page>``.

    Raises:
        BerthError: at damage, if ``reading`` is strict.
    """
    with storage.open_read(part.uri) as file:
        reading.bytes_read = lambda: file.tell() - part.start
        chunks = read_range(file, part.start, part.stop, part.compression, reading.damage)
        if part.encoding == "utf-16":
            chunks = to_utf8(chunks)
        yield from _scan(chunks, part, reading)


def _scan(chunks: Iterator[Chunk], part: DumpPart, reading: Reading) -> Iterator[bytes]:
    """Cut chunks into pages. A page is the part's own if its first byte is in an owned chunk."""
    window, at = bytearray(), 0  # bytes not yet passed on; where to search on
    passed = 0  # bytes before the window
    owned_end = 0  # end of the owned bytes in the window
    owns_bytes = ended = False

    def more() -> bool:
        nonlocal owned_end, owns_bytes, ended
        chunk = next(chunks, None)
        if chunk is None:
            ended = True
            return False
        window.extend(chunk.data)
        if chunk.owned:
            owned_end, owns_bytes = len(window), True
        return True

    while True:
        start = window.find(PAGE_START, at)
        if start < 0:
            # The tag may lie across two chunks.
            at = max(at, len(window) - len(PAGE_START) + 1)
            if at >= owned_end < len(window) or ended or not more():
                break
            continue
        if start >= owned_end:
            break
        search_from = start + len(PAGE_START)
        while (end := window.find(PAGE_END, search_from)) < 0:
            search_from = max(search_from, len(window) - len(PAGE_END) + 1)
            if not more():
                break
        if end < 0:
            reading.cut_pages += 1
            reading.damage(Damage("ends in the middle of a page (its XML is cut short)", part.stop))
            return
        end += len(PAGE_END)
        # A page without an end, before damage, runs into the next one.
        while (later := window.find(PAGE_START, start + 1, end)) >= 0:
            reading.cut_pages += 1
            start = later
        reading.pages += 1
        reading.page_offset = passed + start
        yield bytes(window[start:end])
        del window[:end]
        passed += end
        owned_end, at = max(0, owned_end - end), 0
    if owns_bytes and not reading.damages and DUMP_END not in window[-len(DUMP_END) - 256 :]:
        reading.is_behind_part = True
        if ended or next(chunks, None) is None:  # this part holds the end of the file
            reading.is_behind_part = False
            reading.damage(Damage(f"ends without {DUMP_END.decode()} (the file is cut short)", part.stop))


def _read_head(uri: str, file: BinaryIO, size: int, compression: Compression) -> tuple[str, Encoding]:
    """The text before the first page, at most HEAD_BYTES of it, and the encoding of the file."""

    def refuse(damage: Damage) -> None:
        raise damaged(uri, damage, "no whole page before it")

    raw = bytearray()
    for chunk in read_range(file, 0, size, compression, refuse):
        raw += chunk.data
        if len(raw) >= HEAD_BYTES or PAGE_START in raw:
            break
    if raw[:2] in UTF16_MARKS:
        return bytes(raw).decode("utf-16", "ignore").partition("<page>")[0], "utf-16"
    return bytes(raw).partition(PAGE_START)[0].decode("utf-8", "replace"), "utf-8"


def _is_multistream(file: BinaryIO) -> bool:
    return find_stream_head(file, 1, SECOND_STREAM_WITHIN) is not None


def _not_a_dump(uri: str, first: bytes, head: str) -> BerthError:
    kind = next((name for magic, name in OTHER_FORMATS.items() if first.startswith(magic)), "")
    start = head.lstrip("\ufeff \t\r\n")[:200]
    if not kind and re.match(r"<!doctype html|<html", start, re.IGNORECASE):
        kind = "a web page (HTML)"
    if not kind and sum(not c.isprintable() and c not in "\r\n\t" for c in start) > len(start) // 10:
        kind = "binary data"
    found = kind or f"a file that begins with {start[:60]!r}"
    return BerthError(
        "this is not a MediaWiki dump",
        where=uri,
        found=found,
        expected="XML with a <mediawiki> element, plain or compressed with bzip2 or gzip",
        fix="Give a pages-articles dump, such as enwiki-latest-pages-articles-multistream.xml.bz2.",
    )
