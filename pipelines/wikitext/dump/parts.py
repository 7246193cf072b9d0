"""A dump file: reading its head, and cutting it into parts of fixed size."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from apache_beam.io.range_trackers import OffsetRangeTracker
from apache_beam.io.restriction_trackers import OffsetRange

from berth import storage
from berth.errors import BerthError
from pipelines.wikitext.dump.reading import PAGE_START, RangeStatus, damage_error, detect_format
from pipelines.wikitext.dump.source import DumpSource
from pipelines.wikitext.dump.streams import Compression, Damage, Encoding, find_stream_head, read_from, to_utf8
from pipelines.wikitext.siteinfo import Wiki

# Size of a part of a dump: small enough that a killed run loses little and workers share the load evenly. It is fixed
# because the parts of a dump, and so the output files, must not depend on the machine.
PART_BYTES = 64 << 20
# A multistream dump begins with a stream of its own for the siteinfo, a few hundred bytes long.
SECOND_STREAM_WITHIN = 8 << 20

HEAD_BYTES = 1 << 20
MEDIAWIKI = b"<mediawiki"
OTHER_FORMATS = {
    b"\xfd7zXZ": "an xz file",
    b"7z\xbc\xaf": "a 7-Zip file",
    b"PK\x03\x04": "a zip file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
}


@dataclass(frozen=True)
class DumpPart:
    """A byte range of a dump file; the pages that begin in it belong to it.

    Attributes:
        uri: The file.
        start: First byte of the range in the file, not decompressed.
        stop: End of the range (exclusive).
    """

    uri: str
    start: int
    stop: int

    def read(self, status: RangeStatus) -> Iterator[bytes]:
        """The pages, as :class:`pipelines.wikitext.dump.source.DumpSource` reads them for this range.

        Raises:
            BerthError: At damage, if the policy is strict.
        """
        return DumpSource.pages(self.uri, OffsetRangeTracker(self.start, self.stop), status)


@dataclass(frozen=True)
class Dump:
    """A dump file whose head has been read: its wiki, and its parts in order."""

    uri: str
    wiki: Wiki
    parts: tuple[DumpPart, ...]


def open_dump(uri: str, language: str = "") -> Dump:
    """Read the head of a dump file and cut it into parts: the bundles that its Beam source splits into.

    Args:
        uri: XML dump of MediaWiki (pages-articles, pages-articles-multistream or an export), plain, bz2 or gzip.
        language: The language to assume if the dump does not name one.

    Raises:
        BerthError: If the file is missing, empty, or not a dump.
    """
    size = storage.size(uri) if storage.exists(uri) else 0
    with storage.open_read(uri) as file:
        first = file.read(16)
        if not first:
            raise BerthError("the dump is empty", where=uri, found="0 bytes", expected="a MediaWiki XML dump")
        compression, encoding = detect_format(file)
        head = _read_head(uri, file, compression, encoding)
        splittable = encoding == "utf-8" and (compression == "none" or (compression == "bz2" and _is_multistream(file)))
    if MEDIAWIKI.decode() not in head:
        raise _not_a_dump(uri, first, head)
    ranges = OffsetRange(0, size).split(PART_BYTES) if splittable else [OffsetRange(0, size)]
    return Dump(uri, Wiki.from_head(head, language), tuple(DumpPart(uri, one.start, one.stop) for one in ranges))


def _read_head(uri: str, file: BinaryIO, compression: Compression, encoding: Encoding) -> str:
    """The text before the first page, at most HEAD_BYTES of it.

    Raises:
        BerthError: If the file is damaged before the head of a dump was found.
    """
    damages: list[Damage] = []
    chunks = read_from(file, 0, compression, damages.append)
    raw = bytearray()
    for chunk in chunks if encoding == "utf-8" else to_utf8(chunks, encoding):
        raw += chunk.data
        if len(raw) >= HEAD_BYTES or PAGE_START in raw:
            break
    head, page, _ = bytes(raw).partition(PAGE_START)
    if damages and MEDIAWIKI not in head:
        if not page:
            raise damage_error(uri, damages[0], "no whole page before it")
        # The pages can be read; the description of the wiki is lost. A strict policy raises when the part is read.
        return MEDIAWIKI.decode()
    return head.decode("utf-8", "replace")


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
