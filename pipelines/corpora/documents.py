"""Plain text with one document a file. Small files are read together, as one part."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from berth import storage
from berth.formats import articles
from berth.formats.articles import Article, number_of
from berth.recipe import Source
from berth.stage.inputs import InputFile, Inputs
from pipelines.corpora import reading
from pipelines.corpora.formats import CorpusFormat
from pipelines.corpora.lines import BOM, refuse_other_formats
from pipelines.corpora.reading import PartStatus
from pipelines.corpora.text import address, paragraphs


@dataclass(frozen=True)
class DocumentsPart:
    """Files that follow each other in the order of their names, of PART_BYTES together.

    Attributes:
        files: Size, URI and name of each.
        is_wrapped: Lines are wrapped: a paragraph ends with an empty line.
    """

    files: tuple[tuple[int, str, str], ...]
    is_wrapped: bool

    @property
    def size(self) -> int:
        """Bytes to read, for progress."""
        return sum(size for size, _, _ in self.files)

    @property
    def schema(self) -> pa.Schema:
        """Schema of the articles."""
        return articles.schema(has_language=False, has_sentences=False)

    def articles(self, status: PartStatus) -> Iterator[Article]:
        """The documents, in the order of the files' names."""
        for size, uri, name in self.files:
            if size > status.errors.max_document_bytes:
                status.reject_too_long("a document", partial(str, uri), f"{size:,} bytes", "one document a file")
            else:
                yield from self._article(uri, name, status)
            status.bytes_read += size

    def _article(self, uri: str, name: str, status: PartStatus) -> Iterator[Article]:
        content = storage.read_bytes(uri)
        refuse_other_formats(uri, content)
        try:
            text = content.removeprefix(BOM).decode()
        except UnicodeDecodeError as error:
            offset = error.start + (len(BOM) if content.startswith(BOM) else 0)
            status.reject_not_utf8(partial(_location, uri, offset), error)
            return
        url = address(name)
        title = posixpath.splitext(posixpath.basename(name))[0]
        yield Article(number_of(url), title, url, paragraphs(text, is_wrapped=self.is_wrapped))


def parts(files: Inputs, source: Source) -> list[DocumentsPart]:
    """The parts of a source: each as many files as fit into PART_BYTES, at least one."""
    groups: list[list[InputFile]] = []
    size = 0
    for file in files.files:
        if not groups or size + file.size > reading.PART_BYTES:
            groups.append([])
            size = 0
        groups[-1].append(file)
        size += file.size
    return [
        DocumentsPart(tuple((file.size, file.uri, file.name) for file in group), source.wrapped) for group in groups
    ]


def _location(uri: str, offset: int) -> str:
    return f"{uri}, byte {offset}"


FORMAT = CorpusFormat(parts, options=("wrapped",), files=Inputs.of_tree)
