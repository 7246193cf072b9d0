"""Reads the pages of a byte range of a dump file, and records what in it cannot be read."""

from __future__ import annotations

import itertools
import logging
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Protocol

from berth.errors import BerthError
from pipelines.error_policy import ErrorPolicy
from pipelines.wikitext.dump.streams import (
    Compression,
    Damage,
    Encoding,
    detect_compression,
    detect_encoding,
    read_from,
    to_utf8,
)

log = logging.getLogger("berth.extract")

PAGE_START = b"<page>"
PAGE_END = b"</page>"
DUMP_END = b"</mediawiki>"
# Number of damages in each part that are logged; the others are only counted.
LOGGED = 20
REVISION_START = re.compile(rb"<revision>")
# Bytes of a page that is too long which are kept to name it.
BEGINNING_BYTES = 200
TAG_STARTS = tuple(PAGE_START[:length] for length in range(1, len(PAGE_START)))


class Range(Protocol):
    """The range that is read: Beam's OffsetRangeTracker, whose end may move towards its start while it is read."""

    def start_position(self) -> int:
        """First byte of the range."""

    def stop_position(self) -> int:
        """End of the range (exclusive)."""

    def try_claim(self, record_start: int) -> bool:
        """Whether the position is still in the range, which then cannot end before it."""


@dataclass
class RangeStatus:
    """The state of reading a range: pages found, damage, position.

    Attributes:
        uri: The file.
        errors: What happens at damage.
        pages: Whole pages found so far.
        position: Offset in the file of the last page; if the file is compressed, of the bz2 stream that the page is in.
        is_plain: Whether ``position`` is the offset of the page itself.
        cut_pages: Pages that have a beginning but no end.
        long_pages: Whole pages that were not read because they are too long. They are among ``pages``.
        damages: Number of damaged places.
        bytes_read: Returns the number of bytes of the range that were read so far.
    """

    uri: str
    errors: ErrorPolicy
    pages: int = 0
    position: int = 0
    is_plain: bool = True
    cut_pages: int = 0
    long_pages: int = 0
    damages: int = 0
    bytes_read: Callable[[], int] = field(default=lambda: 0)

    def damage(self, damage: Damage) -> None:
        """Record damage.

        Raises:
            BerthError: If the policy is strict.
        """
        self.damages += 1
        instead = ", or omit --strict (strict: false) to keep the pages that can be read and count the loss"
        found = f"{self.pages:,} whole pages before it in this part of the file"
        self.errors.skip(lambda: damage_error(self.uri, damage, found, instead))
        if self.damages <= LOGGED:
            log.warning("%s, byte %d: the dump %s; continuing after it", self.uri, damage.offset, damage.what)
        elif self.damages == LOGGED + 1:
            log.warning("%s: there is more damage; see the counters lost_*", self.uri)

    def long_page(self, beginning: bytes) -> None:
        """Count a page that is too long, by its first bytes.

        Raises:
            BerthError: If the policy is strict.
        """
        what, limit = "a page of the dump is too long", f"more than {self.errors.max_document_bytes:,} bytes"
        found = f"{limit}: {' '.join(beginning.decode('utf-8', 'replace').split())[:80]}"
        where = f"{self.uri}, {self.location()}"
        fix = "Raise corpus.extract.max_document_bytes, or omit --strict (strict: false) to skip and count such pages."
        self.errors.skip(lambda: BerthError(what, where=where, found=found, fix=fix))
        self.long_pages += 1
        if self.long_pages <= LOGGED:
            log.warning("%s: %s (%s); skipped", where, what, found)

    def location(self, offset: int = 0) -> str:
        """Where in the file the byte ``offset`` of the last page is, as text."""
        if self.is_plain:
            return f"byte {self.position + offset}"
        return f"byte {offset} of page {self.pages:,} of this part, in the stream at byte {self.position}"


def damage_error(uri: str, damage: Damage, found: str, instead: str = "") -> BerthError:
    """The error for a dump that cannot be read to its end; ``instead`` says what else the user can do."""
    return BerthError(
        f"the dump {damage.what}",
        where=f"{uri}, byte {damage.offset}",
        found=found,
        fix=f"Fetch the file again and compare its checksum{instead}.",
    )


def detect_format(file: BinaryIO) -> tuple[Compression, Encoding]:
    """Compression and encoding of a dump file, by its first bytes."""
    file.seek(0)
    compression = detect_compression(file.read(4))
    head = bytearray()
    for chunk in read_from(file, 0, compression, lambda damage: None):
        head += chunk.data
        if len(head) > 1:
            break
    return compression, detect_encoding(bytes(head))


def read_pages(file: BinaryIO, tracker: Range, status: RangeStatus) -> Iterator[bytes]:
    """The pages of a range, each as UTF-8 XML from ``<page>`` to ``</page>``.

    A page belongs to the range in which it begins. In a bz2 file, all pages that begin in a stream have the offset of
    that stream; in a gzip file, and in one in UTF-16, they have offset 0. So consecutive ranges give the pages of the
    file, each once, wherever the file is cut.

    Args:
        file: The dump, seekable.
        tracker: The range.
        status: Gets positions, counts and damage.

    Raises:
        BerthError: At damage in the range, if the policy is strict.
    """
    compression, encoding = detect_format(file)
    start = tracker.start_position()
    is_whole = compression == "gzip" or encoding != "utf-8"
    if is_whole and start:
        return
    status.is_plain = compression == "none" and not is_whole
    status.bytes_read = lambda: file.tell() - start
    yield from _Pages(file, tracker, status, compression, encoding).read()


class _Pages:
    """Decompressed bytes cut into pages."""

    def __init__(
        self, file: BinaryIO, tracker: Range, status: RangeStatus, compression: Compression, encoding: Encoding
    ) -> None:
        self.file, self.tracker, self.status = file, tracker, status
        self.is_whole = encoding != "utf-8"  # gzip has one head anyway
        self.chunks = read_from(file, tracker.start_position(), compression, self.on_damage)
        if self.is_whole:
            self.chunks = to_utf8(self.chunks, encoding)
        self.limit = status.errors.max_document_bytes
        self.window = bytearray()  # bytes not emitted yet
        self.passed = 0  # bytes before the window, or removed from it
        self.searched = 0  # no page ends in the window before this
        # The streams of the window's bytes: their offsets in the decompressed bytes, and in the file.
        self.streams: deque[tuple[int, int]] = deque()
        self.last_head = -1
        self.at_end = self.has_end = self.is_cut = False

    def read(self) -> Iterator[bytes]:
        window, claimed = self.window, -1
        while True:
            start = window.find(PAGE_START)
            if start < 0:
                self.drop()
                if not self.more(is_inside=window.endswith(TAG_STARTS)):
                    break
                continue
            position = self.position(start)
            if position != claimed:
                if not self.tracker.try_claim(position):
                    return
                claimed = position
            self.remove(0, start)
            known = self.status.damages
            end, is_long = self.find_end()
            if end < 0:
                self.status.cut_pages += 1
                if self.status.damages == known and not self.is_cut:
                    self.damage_at_end("ends in the middle of a page (its XML is cut short)")
                self.is_cut = True
                self.remove(0, len(PAGE_START))
                continue
            if window.find(PAGE_START, len(PAGE_START), end) >= 0:  # it runs into the next one
                self.status.cut_pages += 1
                if self.status.damages == known:
                    self.status.damage(Damage("has a page without an end", position, position))
                self.remove(0, len(PAGE_START))
                continue
            self.status.pages += 1
            self.status.position = position
            if is_long:
                self.status.long_page(bytes(window[:BEGINNING_BYTES]))
            else:
                yield bytes(window[:end])
            self.remove(0, end)
        if self.at_end and not self.has_end and not self.status.damages and not self.is_cut:
            self.damage_at_end(f"ends without {DUMP_END.decode()} (the file is cut short)")

    def find_end(self) -> tuple[int, bool]:
        """The offset after the page with which the window begins (-1 if it has no end), and whether it is too long.

        A page is too long if what precedes its first revision, and any one revision, are longer than permitted. Then
        the window keeps its beginning only. A page that has no end before the next one seems to end after the tag of
        that one, so that the window is not filled with all pages that follow.
        """
        window, is_long = self.window, False
        while True:
            end = window.find(PAGE_END, self.searched)
            self.searched = end if end >= 0 else max(self.searched, len(window) - len(PAGE_END) + 1)
            stop = end + len(PAGE_END) if end >= 0 else len(window)
            if stop > self.limit:
                following = window.find(PAGE_START, len(PAGE_START), stop)
                if following >= 0:
                    return following + len(PAGE_START), is_long
                if self.keep_last_revision(stop):
                    is_long = True
                    # What is kept ends with a tag, so that it forms none together with what follows.
                    self.remove(window.rfind(b">", 0, BEGINNING_BYTES) + 1, self.searched)
                if end >= 0:
                    return self.searched + len(PAGE_END), is_long
            elif end >= 0:
                return stop, is_long
            if not self.more(is_inside=True):
                return -1, is_long

    def keep_last_revision(self, stop: int) -> bool:
        """Remove the revisions before the last one from the first ``stop`` bytes; whether one of all was too long.

        A dump with the full history has pages of many revisions, of which only the last one is read.
        """
        starts = [found.start() for found in REVISION_START.finditer(self.window, 0, stop)]
        if not starts:
            return stop > self.limit
        longest = max(after - before for before, after in itertools.pairwise([*starts, stop]))
        self.remove(starts[0], starts[-1])
        return starts[0] + longest > self.limit

    def remove(self, start: int, stop: int) -> None:
        """Remove bytes from the window, which precede the place up to which it was searched or the next page."""
        del self.window[start:stop]
        self.passed += stop - start
        self.searched = max(0, self.searched - (stop - start))

    def drop(self) -> None:
        """Drop the window, in which no page begins, except the bytes that may be half a tag."""
        self.has_end = self.has_end or self.window.find(DUMP_END) >= 0
        self.remove(0, max(0, len(self.window) - len(DUMP_END) + 1))

    def more(self, is_inside: bool) -> bool:
        """Read the next chunk; false at the end of the file, and of the range unless a page is open (``is_inside``)."""
        chunk = next(self.chunks, None)
        if chunk is None:
            self.at_end = True
            return False
        if not is_inside and not self.is_whole and chunk.head >= self.tracker.stop_position():
            return False
        if chunk.head != self.last_head:
            self.streams.append((self.passed + len(self.window), chunk.head))
            self.last_head = chunk.head
        self.window += chunk.data
        return True

    def position(self, start: int) -> int:
        """Offset in the file of a byte of the window, or of its stream if the file is compressed."""
        if self.is_whole:
            return 0
        at = self.passed + start
        while len(self.streams) > 1 and self.streams[1][0] <= at:
            self.streams.popleft()
        begin, head = self.streams[0]
        return head + at - begin if self.status.is_plain else head

    def owns(self, head: int) -> bool:
        return self.is_whole or self.tracker.start_position() <= head < self.tracker.stop_position()

    def on_damage(self, damage: Damage) -> None:
        if self.owns(damage.head):  # damage after the range is reported by the next range
            self.status.damage(damage)

    def damage_at_end(self, what: str) -> None:
        end = self.file.seek(0, os.SEEK_END)
        self.on_damage(Damage(what, end, end - 1 if self.status.is_plain else self.last_head))
