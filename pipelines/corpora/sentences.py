"""Text with one sentence a line and an empty line between documents. The sentences are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa

from berth.formats import articles
from berth.formats.articles import Article, number_of
from berth.recipe import Source
from berth.stage.inputs import Inputs
from pipelines.corpora.formats import CorpusFormat
from pipelines.corpora.lines import Lines, ranges
from pipelines.corpora.reading import PartStatus
from pipelines.corpora.text import address


@dataclass(frozen=True)
class SentencesPart:
    """A byte range of a file of sentences: the documents that follow the empty lines beginning in it.

    The first range also has the document at the beginning of the file. So each range can be read by itself.
    """

    lines: Lines

    @property
    def size(self) -> int:
        """Bytes to read, for progress."""
        return self.lines.size

    @property
    def schema(self) -> pa.Schema:
        """Schema of the articles."""
        return articles.schema(has_language=False, has_sentences=True)

    def articles(self, status: PartStatus) -> Iterator[Article]:
        """The documents in order. They do not depend on how the file is cut into ranges.

        A line is empty if it holds nothing but white space of any kind. White space inside a line becomes one space;
        so characters that separate lines in some programs (U+0085, U+2028, a lone CR) cut no sentence.
        """
        document = _Document() if self.lines.start == 0 else None  # None: the lines belong to the range before
        for offset, line in self.lines.read(status):
            if line is not None and _is_empty(line):
                if document is not None:
                    yield from document.finished(self.lines, status)
                if self.lines.is_after(offset):
                    return
                document = _Document()
            elif document is not None:
                document.add(offset, line, status.errors.max_document_bytes)
        if document is not None:
            yield from document.finished(self.lines, status)


@dataclass
class _Document:
    """A document being read: its sentences, each with a line feed, or what is wrong with it."""

    begin: int = -1
    size: int = 0
    text: bytearray = field(default_factory=bytearray)
    is_too_long: bool = False
    not_utf8: tuple[int, UnicodeDecodeError] | None = None

    def add(self, offset: int, line: bytes | None, limit: int) -> None:
        """Add a line, up to a number of bytes of all lines; None is a line that is too long."""
        if self.begin < 0:
            self.begin = offset
        self.size += len(line or b"")
        if line is None or self.size > limit:
            self.is_too_long = True
            self.text.clear()
        elif not self.is_too_long and self.not_utf8 is None:
            try:
                self.text += " ".join(line.decode().split()).encode() + b"\n"
            except UnicodeDecodeError as error:
                self.not_utf8 = offset + error.start, error

    def finished(self, lines: Lines, status: PartStatus) -> Iterator[Article]:
        """The document as an article, unless it is empty or cannot be read."""
        if self.begin < 0:
            return
        if self.is_too_long:
            found = f"no empty line for more than {status.errors.max_document_bytes:,} bytes"
            expected = "one sentence a line and an empty line between documents"
            status.reject_too_long("a document", partial(lines.location, self.begin), found, expected)
        elif self.not_utf8 is not None:
            offset, error = self.not_utf8
            status.reject_not_utf8(partial(lines.location, offset), error)
        else:
            url = address(lines.name, self.begin)
            yield Article(number_of(url), "", url, self.text[:-1].decode())


def parts(files: Inputs, source: Source) -> list[SentencesPart]:
    """The parts of a source: ranges of its files, a compressed file in one."""
    return [SentencesPart(lines) for file in files.files for lines in ranges(file)]


FORMAT = CorpusFormat(parts)


def _is_empty(line: bytes) -> bool:
    # Only a line that may consist of white space beyond ASCII has to be decoded.
    return not line or line.isspace() or (line.lstrip()[:1] in _WIDE and not line.decode("utf-8", "replace").strip())


# First bytes of white space beyond ASCII in UTF-8 (U+0085, U+00A0, U+1680, U+2000 …, U+3000), and control characters
# that are white space to Python in str, not in bytes.
_WIDE = frozenset([b"\xc2", b"\xe1", b"\xe2", b"\xe3", b"\x1c", b"\x1d", b"\x1e", b"\x1f"])
